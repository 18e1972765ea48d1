"""The task that a study trains: a built-in problem, a function in a file, or a function; each as `task(seed)`."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from steepest.workbench import problems
from steepest.workbench.errors import UsageError
from steepest.workbench.model.user_code import digest_of, from_file
from steepest.workbench.task import Task, TaskFunction


@dataclass(frozen=True)
class TaskSource:
    """A task function, its name, and the digest of its file, which changes where the file is edited.

    Args:
        name: What the report calls the task.
        function: The function `task(seed)`.
        digest: Of its file.
        metric, higher_is_better: What decides, in place of the task's own metric.
        place: The folder of its file, where that is not the working directory.
    """

    name: str
    function: TaskFunction
    digest: str
    metric: str | None = None
    higher_is_better: bool = False
    place: str = ""

    def make(self, seed: int, **numbers: Any) -> Task:
        """The task for a seed, and with numbers of its own; with the deciding metric that was asked for."""
        task = self.function(seed, **numbers)
        return self.with_metric(task) if isinstance(task, Task) else task

    def with_metric(self, task: Task) -> Task:
        """The task with the metric that was asked for; the task's baseline and target are values of its own metric."""
        if self.metric in (None, task.metric):
            return task
        return replace(task, metric=self.metric, higher_is_better=self.higher_is_better, baseline=None, target=None)

    @property
    def folder(self) -> str:
        """A name for a folder, made of harmless characters only; two files of one name in two folders have two."""
        whole = f"{self.place}-{self.name}" if self.place else self.name
        harmless = "".join(c if c.isalnum() or c in "-_" else "-" for c in whole.replace(".py:", "-"))
        return harmless.strip("-") or "task"


def load_task(named: str | TaskFunction) -> TaskSource:
    """The task function that `named` names or is.

    Raises:
        UsageError: There is no such problem, file or function.
    """
    if callable(named):
        return TaskSource(getattr(named, "__name__", "task"), named, digest_of(named))
    if ".py" not in named:
        return TaskSource(named, function := problems.load(named), digest_of(function))
    file, _, name = named.rpartition(":") if not named.endswith(".py") else (named, "", "")
    if not name:
        raise UsageError(f"{named} names a file but no function in it; write {file}:task for its function `task`.")
    function = cast(TaskFunction, from_file(file, name))
    return TaskSource(f"{Path(file).name}:{name}", function, digest_of(function), place=_place(Path(file)))


def _place(file: Path) -> str:
    """The folder of a file, as it is called from the working directory; outside of it, its name and a digest."""
    folder, here = file.parent.resolve(), Path.cwd().resolve()
    if folder.is_relative_to(here):
        return "" if folder == here else str(folder.relative_to(here))
    return f"{folder.name}-{hashlib.sha256(str(folder).encode()).hexdigest()[:4]}"
