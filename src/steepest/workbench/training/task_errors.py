"""What the user's task raises becomes a TaskError with the traceback of the user's own code."""

from steepest.workbench.errors import TaskError, WorkbenchError, missing_extra
from steepest.workbench.model.user_code import in_one_line, users_traceback


class ReportsTaskErrors:
    """Within this context, what a task raises becomes a TaskError with the traceback of the user's own code.

    Args:
        task: The task's name.
        when: The moment, as a sentence ends: "in its first two steps".
    """

    def __init__(self, task: str, when: str) -> None:
        self.task, self.when = task, when

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, WorkbenchError):
            return
        if isinstance(error, ImportError) and missing_extra(error):
            return
        sentence = f"{self.task} raised {in_one_line(error)} {self.when}; repair it."
        raise TaskError(sentence, users_traceback(error)) from error
