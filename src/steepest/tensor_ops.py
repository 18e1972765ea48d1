"""Operations on whole tensors: norms, means, matrices; a kernel, which sees one element at a time, cannot compute them.

A rule that uses them is marked with `whole`.  It runs as it is, on NumPy arrays or tensors; its state is None at the
first step.
"""

from collections.abc import Callable
from typing import Any

from steepest.ops import _library, sqrt

__all__ = [
    "add_product",
    "epsilon",
    "mean",
    "mix",
    "norm",
    "root_mean_square",
    "scaled_sum",
    "to_bfloat16",
    "transpose",
    "whole",
]


def whole(rule: Callable[..., tuple]) -> Callable[..., tuple]:
    """Mark a rule as a rule of whole tensors, which has no kernel; use it as a decorator.

    Args:
        rule: `f(p, g, *state, step, *, hyperparameters)`.  Each state is None at the first step.
    """
    rule.whole = True  # type: ignore[attr-defined]
    return rule


def epsilon(x: Any) -> float:
    """The difference between 1 and the next larger number in the dtype of `x`."""
    return float(_library(x).finfo(x.dtype).eps)


def mean(x: Any, axis: int) -> Any:
    """The mean along one axis, which is kept with size 1."""
    return x.mean(axis, keepdims=True)


def root_mean_square(x: Any) -> Any:
    """The square root of the mean of all squares, a single number."""
    return sqrt((x * x).mean())


def transpose(x: Any) -> Any:
    """`x` with its last two axes exchanged."""
    return _library(x).swapaxes(x, -1, -2)


def add_product(x: Any, a: Any, b: Any, beta: float, alpha: float) -> Any:
    """`beta * x + alpha * a @ b`; in torch one operation, without an array for the product."""
    library = _library(x)
    if library.__name__ != "torch":
        return beta * x + alpha * (a @ b)
    fused = library.addmm if x.ndim == 2 else library.baddbmm
    return fused(x, a, b, beta=beta, alpha=alpha)


def mix(x: Any, y: Any, weight: float) -> Any:
    """`x + weight * (y - x)`; in torch one pass over memory."""
    library = _library(x)
    return library.lerp(x, y, weight) if library.__name__ == "torch" else x + weight * (y - x)


def scaled_sum(x: Any, y: Any, a: float, b: float) -> Any:
    """`a * x + b * y`, in the dtype of `x`."""
    library = _library(x)
    return library.add(a * x, y, alpha=b) if library.__name__ == "torch" else a * x + b * y


def norm(x: Any) -> Any:
    """The Frobenius norm over the last two axes, which are kept with size 1."""
    library = _library(x)
    own = library.norm if library.__name__ == "keras.ops" else library.linalg.norm
    return own(x, axis=(-2, -1), keepdims=True)


def to_bfloat16(x: Any) -> Any:
    """`x` in bfloat16 if it is a tensor of torch, else unchanged."""
    return x.bfloat16() if _library(x).__name__ == "torch" else x
