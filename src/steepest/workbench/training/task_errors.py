"""Whose mistake it was: what a task raises becomes a TaskError with the user's own traceback."""

from steepest.workbench.errors import TaskError, WorkbenchError, missing_extra
from steepest.workbench.model.loading import summary, users_traceback


class Explaining:
    """Turns what a task raises into a TaskError with the user's own traceback.

    Args:
        task: The task's name.
        where: At what moment.
    """

    def __init__(self, task: str, where: str) -> None:
        self.task, self.where = task, where

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, WorkbenchError):
            return
        if isinstance(error, ImportError) and missing_extra(error):
            return
        sentence = f"{self.task} raised {summary(error)} {self.where}; repair it."
        raise TaskError(sentence, users_traceback(error)) from error
