"""Rules of one line with one operation in it, and values that an operation may stumble over."""

import importlib.util
import inspect
from pathlib import Path
from typing import Any

import numpy as np

from steepest import ops

VALUES = np.array([-2.5, -1.0, -0.0, 0.0, 1e-3, 0.25, 1.0, 4.0, np.inf, -np.inf, np.nan])
ARGUMENTS = ("g", "p", "p * p")


def rule_that_uses(name: str, folder: Path) -> Any:
    """A rule of one line with this operation in it, from a file of its own."""
    count = len(inspect.signature(getattr(ops, name)).parameters)
    arguments = ["g > 0", *ARGUMENTS][:count] if name == "where" else ARGUMENTS[:count]
    return rule_of(f"lr * {name}({', '.join(arguments)})", f"uses_{name}", folder)


def rule_of(value: str, called: str, folder: Path) -> Any:
    """A rule that gives the parameter this value."""
    file = folder / f"{called}.py"
    file.write_text(f"from steepest.ops import *\n\n\ndef {called}(p, g, *, lr=0.5):\n    p = {value}\n    return p\n")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, file.stem)
