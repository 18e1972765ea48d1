"""Code of the user's own: a function or a class from a Python file, whether it was edited, and what it raised."""

import hashlib
import importlib.util
import inspect
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from steepest.workbench.errors import TaskError, UsageError, nearest

LONGEST_LINE = 300
"""Characters of an exception's message that a sentence quotes."""
_OURS = Path(__file__).parents[1]
_BUILT_IN = _OURS / "problems"  # its frames are shown: a user's task may call them


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
    name, digest = f"steepest_task_{file.stem}", _file_digest(file)
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
            f"{file} raised {in_one_line(error)} while it was imported; repair it.", users_traceback(error)
        ) from error
    vars(module)["steepest_digest"] = (str(file), digest)
    return module


def digest_of(written: Any) -> str:
    """The digest of the file that holds a function or a class: it changes where the file is edited."""
    try:
        return _file_digest(Path(inspect.getfile(written)))
    except (OSError, TypeError):  # typed at a prompt, or not a plain function
        return ""


def _file_digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def in_one_line(error: BaseException) -> str:
    """The type and the first line of an exception: some messages fill a page with the values of tensors."""
    kind = type(error)
    name = (
        kind.__qualname__ if kind.__module__ in ("builtins", "__main__") else f"{kind.__module__}.{kind.__qualname__}"
    )
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{name}: {_shortened(lines[0])}" if lines else name


def _shortened(line: str) -> str:
    return line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 4]} ..."


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
    return filename.startswith("<frozen importlib") or (_OURS in path.parents and _BUILT_IN not in path.parents)
