"""The built-in problems, one file each: a docstring whose first line describes the problem, and `task(seed)`."""

import ast
import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

from steepest.workbench.errors import UsageError, nearest
from steepest.workbench.task import TaskFunction


def names() -> dict[str, str]:
    """Each problem's name and its description in one line, read from the files without importing them."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("[a-z]*.py")):
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found[path.stem.replace("_", "-")] = docstring.partition("\n")[0]
    return found


def comparison_defaults(task: object) -> dict[str, Any]:
    """The arguments of a built-in problem's comparison where the user gives none: its `COMPARISON`."""
    if not isinstance(task, str) or task not in names():
        return {}
    return getattr(_module(task), "COMPARISON", {})


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name.replace('-', '_')}")


def load(name: str) -> TaskFunction:
    """The function `task(seed)` of a problem, by the problem's name."""
    known = list(names())
    if name not in known:
        raise UsageError(
            f"There is no problem called {name!r}{nearest(name, known)}; the problems are "
            f"{', '.join(known)}, and a task of your own is given as FILE.py:function."
        )
    return _module(name).task
