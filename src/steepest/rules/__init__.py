"""The mathematics: every update rule, once, as a plain function.  Its signature is its specification.

    rule(p, g, *state, step, *, hyperparameters) -> (p, *state)

`p` is the parameter and `g` its gradient; the other positional names are the state, one array of the parameter's shape
each, or one number for a state that is made of numbers alone; `step` counts from 1.  State starts at zero, unless the
rule says `x if state is None else y` for its first step.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from types import ModuleType


def rules_of(module: ModuleType) -> dict[str, Callable[..., tuple]]:
    """The rules that a module states: its public functions that start with p and g."""
    functions = inspect.getmembers(module, inspect.isfunction)
    own = {name: f for name, f in functions if f.__module__ == module.__name__ and not name.startswith("_")}
    return {name: f for name, f in own.items() if list(inspect.signature(f).parameters)[:2] == ["p", "g"]}


# Every file of this folder is read; tests/test_new_rule.py says what a new one needs beside it.
_files = [importlib.import_module(f"{__name__}.{file.name}") for file in pkgutil.iter_modules(__path__)]
_rules = {name: rule for file in _files for name, rule in rules_of(file).items()}
globals().update(_rules)

__all__ = sorted(_rules)  # noqa: PLE0605 - found, not listed
