"""From what was typed (a problem's name, or FILE.py:function) to a function `task(seed)`."""

import hashlib
import importlib.util
import inspect
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from steepest.workbench import problems
from steepest.workbench.errors import TaskError, UsageError, nearest
from steepest.workbench.task import Task, TaskFunction

_OURS = Path(__file__).parents[1]
_THEIRS = Path(problems.__file__).parent


@dataclass(frozen=True)
class Source:
    """A task function, its name, and the digest of its file, which tells whether it was edited.

    Args:
        name: What the report calls it.
        made_by: The function `task(seed)`.
        digest: Of its file.
        metric, higher_is_better: What decides, in place of the task's own metric.
    """

    name: str
    made_by: TaskFunction
    digest: str
    metric: str | None = None
    higher_is_better: bool = False

    def make(self, seed: int) -> Task:
        """The task for a seed, judged as was asked for."""
        task = self.made_by(seed)
        return self.judged_by_order(task) if isinstance(task, Task) else task

    def judged_by_order(self, task: Task) -> Task:
        """The task with another deciding metric, if one was asked for; its baseline and target are of its own."""
        if self.metric in (None, task.metric):
            return task
        return replace(task, metric=self.metric, higher_is_better=self.higher_is_better, baseline=None, target=None)

    @property
    def folder(self) -> str:
        """A name for a folder, made of harmless characters only."""
        harmless = "".join(c if c.isalnum() or c in "-_" else "-" for c in self.name.replace(".py:", "-"))
        return harmless.strip("-") or "task"


def load(wanted: str | TaskFunction) -> Source:
    """The task function that `wanted` names or is."""
    if callable(wanted):
        return Source(getattr(wanted, "__name__", "task"), wanted, digest_of(wanted))
    if ".py" not in wanted:
        return Source(wanted, make := problems.load(wanted), digest_of(make))
    file, _, function = wanted.rpartition(":") if not wanted.endswith(".py") else (wanted, "", "")
    make = _task_function(Path(file), function, wanted)
    return Source(f"{Path(file).name}:{function}", make, digest_of(make))


def _task_function(file: Path, function: str, wanted: str) -> TaskFunction:
    if not function:
        raise UsageError(f"{wanted} names a file but no function in it; write {file}:task for its function `task`.")
    return cast(TaskFunction, from_file(file, function))


def from_file(path: str | Path, name: str) -> Any:
    """The function or class of that name in a Python file, which is imported."""
    file = Path(path)
    if not file.is_file():
        raise UsageError(
            f"There is no file {file}, so {name!r} cannot be taken from it; give the path of a Python file."
        )
    module = _imported(file)
    found = getattr(module, name, None)
    if found is None or isinstance(found, str | int | float):
        known = [key for key, value in vars(module).items() if inspect.isfunction(value) or inspect.isclass(value)]
        own = [key for key in known if getattr(module, key).__module__ == module.__name__]
        raise UsageError(f"{file} has no function {name!r}{nearest(name, own)}; it has {', '.join(own) or 'none'}.")
    return found


def _imported(file: Path) -> ModuleType:
    name, digest = f"steepest_task_{file.stem}", _bytes_digest(file)
    if getattr(sys.modules.get(name), "steepest_digest", None) == (str(file), digest):
        return sys.modules[name]  # an optimizer of the task's own file is the task's own class
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look a module up by its name
    sys.path.insert(0, str(file.parent.resolve()))  # as Python does for a script, so that it can import its neighbours
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise TaskError(
            f"{file} raised {summary(error)} while it was imported; repair it.", users_traceback(error)
        ) from error
    vars(module)["steepest_digest"] = (str(file), digest)
    return module


def digest_of(made: Any) -> str:
    """Of the file in which a function or a class is written, which tells whether it was edited."""
    try:
        return _bytes_digest(Path(inspect.getfile(made)))
    except (OSError, TypeError):  # typed at a prompt, or not a plain function
        return ""


def _bytes_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def summary(error: BaseException) -> str:
    """An exception in one line."""
    return "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]


def users_traceback(error: BaseException) -> str:
    """The traceback of an exception without the frames of this workbench."""
    formatted = traceback.TracebackException.from_exception(error)
    part = formatted
    while part is not None:
        frames = [frame for frame in part.stack if not _is_ours(frame.filename)]
        part.stack = traceback.StackSummary.from_list(frames)
        part = part.__cause__ or part.__context__
    return "".join(formatted.format())


def _is_ours(filename: str) -> bool:
    path = Path(filename)
    return filename.startswith("<frozen importlib") or (_OURS in path.parents and _THEIRS not in path.parents)
