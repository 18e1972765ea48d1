"""Optimizers written once as plain functions; `import steepest as optim` in place of `torch.optim`.

Nothing heavy is imported before it is used: `import steepest` loads neither torch nor numba.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

_SUBMODULES = ("rules", "torch", "lr_scheduler", "workbench")


def __getattr__(name: str) -> Any:
    """Fetch a public name on first use (PEP 562); names that are not ours yet are torch.optim's."""
    if name in _SUBMODULES:
        return importlib.import_module(f"steepest.{name}")
    if not name.startswith("_"):
        import torch.optim

        if hasattr(torch.optim, name):
            return getattr(torch.optim, name)
    raise AttributeError(f"module 'steepest' has no attribute {name!r}")
