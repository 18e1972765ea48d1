"""Optimizers written once as plain functions; `import steepest as optim` in place of `torch.optim`.

Nothing heavy is imported before it is used: `import steepest` loads neither torch nor numba.
"""

import difflib
import importlib
import importlib.util
from typing import Any

__version__ = "0.1.0"

_MODULES = (
    "dialects", "keras", "lr_scheduler", "ops", "optax", "rules", "schedules", "swa_utils", "tensor_ops", "testing",
    "torch", "workbench",
)  # fmt: skip
"""What is public beside `__all__`, which has only the module that torch.optim has too: whoever writes
`from steepest import *` means torch by `torch`."""

_LIGHT = {"report": "steepest.reporting"}
"""Public names that need no torch."""


def __getattr__(name: str) -> Any:
    """Fetch a public name on first use (PEP 562), and keep it: a second look costs nothing."""
    if _is_private(name):
        raise AttributeError(f"module 'steepest' has no attribute {name!r}")
    found = _found(name)
    globals()[name] = found
    return found


def _is_private(name: str) -> bool:
    """Also a module of ours that is not public: `from steepest import cache` asks here before it imports that."""
    if name == "__all__" or name in _MODULES:
        return False
    return name.startswith("_") or importlib.util.find_spec(f"steepest.{name}") is not None


def _found(name: str) -> Any:
    if name == "__all__":
        return sorted(({*_optimizers()} - {"RuleOptimizer"}) | {"RuleError", "lr_scheduler"} | {*_LIGHT})
    if name in _MODULES:
        return importlib.import_module(f"steepest.{name}")
    if name in _LIGHT:
        return getattr(importlib.import_module(_LIGHT[name]), name)
    if name == "RuleError":
        return importlib.import_module("steepest.compiler.rule").RuleError
    if name in _optimizers():
        return getattr(importlib.import_module("steepest.torch"), name)
    return _of_torch(name)


def _optimizers() -> list[str]:
    """Every optimizer there is a rule of, and how to make more: a new rule is listed nowhere."""
    return importlib.import_module("steepest.torch").__all__


def _of_torch(name: str) -> Any:
    """A name of torch.optim that is not ours is torch's own.

    Raises AttributeError with the nearest name that there is.
    """
    import torch.optim

    import steepest.torch_needed  # noqa: F401

    if hasattr(torch.optim, name):
        return getattr(torch.optim, name)
    near = difflib.get_close_matches(name, __dir__(), n=1)
    hint = f". Did you mean {near[0]!r}?" if near else ""
    raise AttributeError(f"module 'steepest' has no attribute {name!r}{hint}")


def __dir__() -> list[str]:
    if importlib.util.find_spec("torch") is None:
        return sorted({*_MODULES, "__version__"})
    import torch.optim

    return sorted({*_found("__all__"), *_MODULES, *torch.optim.__all__, "__version__"})
