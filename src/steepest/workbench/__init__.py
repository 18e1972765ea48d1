"""Which optimizer, with which learning rate, on my model?

>>> from steepest.workbench import Task, compare
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from steepest.workbench.model.candidate import Candidate as Candidate
    from steepest.workbench.model.dimension import Dimension as Dimension
    from steepest.workbench.study.compare import compare as compare
    from steepest.workbench.study.comparison import Comparison as Comparison
    from steepest.workbench.study.lr_range import RangeTest as RangeTest
    from steepest.workbench.study.lr_range import lr_range as lr_range
    from steepest.workbench.study.tune import tune as tune
    from steepest.workbench.study.tune_script import tune_script as tune_script
    from steepest.workbench.task import Task as Task

_MODULES = {
    "Candidate": "model.candidate",
    "Dimension": "model.dimension",
    "Comparison": "study.comparison",
    "RangeTest": "study.lr_range",
    "Task": "task",
    "compare": "study.compare",
    "lr_range": "study.lr_range",
    "tune": "study.tune",
    "tune_script": "study.tune_script",
}
__all__ = ["Candidate", "Comparison", "Dimension", "RangeTest", "Task", "compare", "lr_range", "tune", "tune_script"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use: importing the workbench loads no torch and no plots."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    """The public names; folders and modules are not public, but `task`, `errors` and `problems`."""
    return sorted(__all__)
