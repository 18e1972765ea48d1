"""From what was typed (a problem's name, or FILE.py:function) to a function `task(seed)`."""

import hashlib
import importlib.util
import inspect
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from steepest.workbench import problems
from steepest.workbench.errors import TaskError, UsageError, nearest
from steepest.workbench.task import TaskFunction

_OURS = Path(__file__).parent
_THEIRS = Path(problems.__file__).parent


@dataclass(frozen=True)
class Source:
    """A task function, its name, and the digest of its file, which tells whether it was edited."""

    name: str
    make: TaskFunction
    digest: str

    @property
    def folder(self) -> str:
        """A name for a folder, made of harmless characters only."""
        harmless = "".join(c if c.isalnum() or c in "-_" else "-" for c in self.name.replace(".py:", "-"))
        return harmless.strip("-") or "task"


def load(wanted: str | TaskFunction) -> Source:
    """The task function that `wanted` names or is."""
    if callable(wanted):
        return Source(getattr(wanted, "__name__", "task"), wanted, _digest(wanted))
    if ".py" not in wanted:
        return Source(wanted, make := problems.load(wanted), _digest(make))
    file, _, function = wanted.rpartition(":") if not wanted.endswith(".py") else (wanted, "", "")
    make = _function(Path(file), function, wanted)
    return Source(f"{Path(file).name}:{function}", make, _digest(make))


def _function(file: Path, function: str, wanted: str) -> TaskFunction:
    if not function:
        raise UsageError(f"{wanted} names a file but no function in it; write {file}:task for its function `task`.")
    if not file.is_file():
        raise UsageError(
            f"There is no file {file}, so {function!r} cannot be taken from it; give the path of a Python file."
        )
    spec = importlib.util.spec_from_file_location(f"steepest_task_{file.stem}", file)
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
    found = getattr(module, function, None)
    if not callable(found):
        functions = [name for name, value in vars(module).items() if inspect.isfunction(value)]
        raise UsageError(
            f"{file} has no function {function!r}{nearest(function, functions)}; it has "
            f"{', '.join(functions) or 'none'}."
        )
    return cast(TaskFunction, found)


def _digest(make: TaskFunction) -> str:
    try:
        return hashlib.sha256(Path(inspect.getfile(make)).read_bytes()).hexdigest()[:16]
    except (OSError, TypeError):  # typed at a prompt, or not a plain function
        return ""


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
