"""Optimizers written once as plain functions; `import steepest as optim` in place of `torch.optim`.

Nothing heavy is imported before it is used: `import steepest` loads neither torch nor numba.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_OURS = {
    "SGD": "steepest.torch",
    "RMSprop": "steepest.torch",
    "Adagrad": "steepest.torch",
    "Adam": "steepest.torch",
    "AdamW": "steepest.torch",
    "optimizer": "steepest.torch",
    "RuleError": "steepest.rule",
}
_MODULES = ("lr_scheduler", "ops", "rules", "torch", "workbench")

__all__ = [*_OURS, *_MODULES]  # pyright: ignore[reportUnsupportedDunderAll] - fetched on first use, see __init__.pyi


def __getattr__(name: str) -> Any:
    """Fetch a public name on first use (PEP 562); a name of torch.optim that is not ours yet is torch's own."""
    if name in _MODULES:
        return importlib.import_module(f"steepest.{name}")
    if name in _OURS:
        return getattr(importlib.import_module(_OURS[name]), name)
    if not name.startswith("_"):
        import torch.optim

        if hasattr(torch.optim, name):
            return getattr(torch.optim, name)
    raise AttributeError(f"module 'steepest' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
