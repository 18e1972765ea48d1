"""Operations on whole tensors, for rules that no kernel of single elements can say: those of norms, means and matrices.

Such a rule is marked with `whole`.  It runs as it is, on NumPy arrays or tensors; its state is None at first.
"""

from collections.abc import Callable
from typing import Any

from steepest.ops import _library, sqrt

__all__ = ["add_product", "like", "mean", "norm", "root_mean_square", "to_bfloat16", "transpose", "whole"]


def whole(rule: Callable[..., tuple]) -> Callable[..., tuple]:
    """Mark a rule as one of whole tensors."""
    rule.whole = True  # type: ignore[attr-defined]
    return rule


def mean(x: Any, axis: int) -> Any:
    """Mean along one axis, which is kept with size 1."""
    return x.mean(axis, keepdims=True)


def root_mean_square(x: Any) -> Any:
    """Square root of the mean of all squares."""
    return sqrt((x * x).mean())


def transpose(x: Any) -> Any:
    """The last two axes exchanged."""
    return x.swapaxes(-1, -2)


def add_product(x: Any, a: Any, b: Any, beta: float, alpha: float) -> Any:
    """beta * x + alpha * a @ b, without an array for the product where the library can."""
    library = _library(x)
    if library.__name__ != "torch":
        return beta * x + alpha * (a @ b)
    fused = library.addmm if x.ndim == 2 else library.baddbmm
    return fused(x, a, b, beta=beta, alpha=alpha)


def norm(x: Any) -> Any:
    """Frobenius norm of the last two axes, which are kept with size 1."""
    return _library(x).linalg.norm(x, axis=(-2, -1), keepdims=True)


def to_bfloat16(x: Any) -> Any:
    """In bfloat16 where the library has it; NumPy keeps what it has."""
    return x.bfloat16() if _library(x).__name__ == "torch" else x


def like(x: Any, other: Any) -> Any:
    """In the dtype of the other."""
    return x.to(other.dtype) if _library(x).__name__ == "torch" else x.astype(other.dtype)
