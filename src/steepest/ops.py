"""The operations a rule may use, on Python numbers, NumPy arrays and tensors alike.

A rule imports its operations from here and from nowhere else.  Each uses the library of its first array argument, so
that the same line runs on a number (the scalar lines of a step), on NumPy (the reference) and on tensors (the
differentiable path).  All of them work element by element, on arrays of any shape.  Kernels do not call these: they
translate them.
"""

import math
import sys
from types import ModuleType
from typing import Any

__all__ = ["abs", "exp", "full_like", "log", "maximum", "minimum", "sign", "sqrt", "where"]


def sqrt(x: Any) -> Any:
    """Square root; NaN for a negative number."""
    if isinstance(x, (int, float)):
        return math.sqrt(x) if x >= 0 else math.nan
    return _library(x).sqrt(x)


def exp(x: Any) -> Any:
    """e to the power of x."""
    return math.exp(x) if isinstance(x, (int, float)) else _library(x).exp(x)


def log(x: Any) -> Any:
    """Natural logarithm."""
    return math.log(x) if isinstance(x, (int, float)) else _library(x).log(x)


def abs(x: Any) -> Any:
    """Absolute value."""
    return x.__abs__()


def sign(x: Any) -> Any:
    """-1, 0 or 1; for NaN zero, as in torch, and NaN on JAX and Keras."""
    if isinstance(x, (int, float)):
        return float(x > 0) - float(x < 0)
    if _library(x).__name__ not in ("torch", "numpy"):
        return _library(x).sign(x)
    return where(x == x, _library(x).sign(x), zeros_like(x))  # noqa: PLR0124 - only NaN differs from itself


def full_like(x: Any, value: Any) -> Any:
    """An array like `x` with `value` in every element; `value` may be a tensor with a gradient."""
    return zeros_like(x) + value


def where(condition: Any, x: Any, y: Any) -> Any:
    """`x` where the condition holds, `y` elsewhere; one of the two is an array, whose dtype the result has."""
    if isinstance(condition, bool):
        return x if condition else y
    return _library(condition).where(condition, x, y)


def maximum(x: Any, y: Any) -> Any:
    """The larger of two; NaN if one of them is NaN."""
    return where((x >= y) | (x != x), x, y)  # noqa: PLR0124 - only NaN differs from itself


def minimum(x: Any, y: Any) -> Any:
    """The smaller of two; NaN if one of them is NaN."""
    return where((x <= y) | (x != x), x, y)  # noqa: PLR0124


def zeros_like(x: Any) -> Any:
    """Zeros, the start of a state whose rule says nothing else; not an operation of rules."""
    return 0.0 if isinstance(x, (int, float)) else _library(x).zeros_like(x)


def one_minus_power(base: Any, exponent: Any) -> Any:
    """1 - base ** exponent, without the loss of digits where the power is near 1; not an operation of rules.

    In float32 1 - 0.999 has four right digits; -expm1(log(0.999)) has seven.
    """
    if isinstance(base, (int, float)) and isinstance(exponent, (int, float)):
        return 1 - base**exponent
    library = _library(exponent if isinstance(base, (int, float)) else base)
    power = exponent * (_log(base) if isinstance(base, (int, float)) else library.log(base))
    return -library.expm1(power)


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


_MODULES = {"jax": "jax.numpy", "jaxlib": "jax.numpy", "tensorflow": "keras.ops", "keras": "keras.ops"}


def _library(array: Any) -> ModuleType:
    """The module with the operations on this array, never imported here: of torch, JAX, Keras, else of NumPy."""
    if "torch" in sys.modules and isinstance(array, sys.modules["torch"].Tensor):
        return sys.modules["torch"]
    return sys.modules[_MODULES.get(type(array).__module__.partition(".")[0], "numpy")]
