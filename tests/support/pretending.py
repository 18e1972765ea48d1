"""A library that lacks some names: for one module alone, and for a program in a process of its own."""

import builtins
import importlib.machinery
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


def pretend(module: ModuleType, missing: set[str]) -> None:
    """Have a module, before it is run, find no attribute of these names: it asks these functions for them."""

    def getattr_(thing: Any, name: str, *default: Any) -> Any:
        return default[0] if name in missing and default else builtins.getattr(thing, name, *default)

    def vars_(thing: Any) -> dict[str, Any]:
        return {name: value for name, value in builtins.vars(thing).items() if name not in missing}

    builtins.vars(module).update(
        getattr=getattr_, hasattr=lambda thing, name: name not in missing and hasattr(thing, name), vars=vars_
    )


def pretend_when_imported(module: str, missing: set[str]) -> None:
    """The same for a module or folder that was not imported yet; modules among the names are not found at all."""
    exec_module, find_spec = importlib.machinery.SourceFileLoader.exec_module, importlib.util.find_spec

    def exec_missing(self: importlib.machinery.SourceFileLoader, imported: ModuleType) -> None:
        if imported.__name__ == module or imported.__name__.startswith(f"{module}."):
            pretend(imported, missing)
        exec_module(self, imported)

    importlib.machinery.SourceFileLoader.exec_module = exec_missing  # type: ignore[method-assign,assignment] # pyright: ignore
    importlib.util.find_spec = lambda name, *more: None if name in missing else find_spec(name, *more)


def found_without(missing: list[str], module: str, program: str, *options: str) -> dict[str, Any]:
    """What a program leaves in `found` where the module lacks these names, which the program knows as MISSING."""
    start = f"import json; from support.pretending import pretend_when_imported as pretend; MISSING = {set(missing)!r}"
    whole = f"{start}\npretend({module!r}, MISSING)\n{program}\nprint(json.dumps(found))"
    done = subprocess.run(
        [sys.executable, *options, "-c", whole],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def found_here(program: str) -> dict[str, Any]:
    """What it leaves there in this process, where nothing is missing."""
    scope: dict[str, Any] = {"MISSING": set()}
    exec(program, scope)
    return json.loads(json.dumps(scope["found"]))
