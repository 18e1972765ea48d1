"""Optimizers written once as plain functions; `import steepest as optim` in place of `torch.optim`.

Nothing heavy is imported before it is used: `import steepest` loads neither torch nor numba.
"""

import difflib
import importlib
import importlib.util
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "ASGD", "LBFGS", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Muon", "NAdam",
    "RAdam", "RMSprop", "Rprop", "RuleError", "SparseAdam", "functional", "lr_scheduler", "optimizer",
]  # fmt: skip

_MODULES = ("lr_scheduler", "ops", "rules", "schedules", "testing", "torch", "workbench")
"""`from steepest import *` binds only the first of them: `torch` means torch to whoever writes that."""


def __getattr__(name: str) -> Any:
    """Fetch a public name on first use (PEP 562); a name of torch.optim that is not ours yet is torch's own."""
    if name in _MODULES or importlib.util.find_spec(f"steepest.{name}"):
        return importlib.import_module(f"steepest.{name}")
    if name in __all__:
        return getattr(
            importlib.import_module("steepest.compiler.rule" if name == "RuleError" else "steepest.torch"), name
        )
    if not name.startswith("_"):
        import torch.optim

        ours = importlib.import_module("steepest.torch")
        for home in (ours, torch.optim):
            if hasattr(home, name):
                return getattr(home, name)
        near = difflib.get_close_matches(name, [*__all__, *torch.optim.__all__], n=1)
        hint = f". Did you mean {near[0]!r}?" if near else ""
        raise AttributeError(f"module 'steepest' has no attribute {name!r}{hint}")
    raise AttributeError(f"module 'steepest' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES, "__version__"})
