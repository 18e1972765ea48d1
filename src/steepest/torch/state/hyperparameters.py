"""How a tensor that is a hyperparameter is read: never from memory that it has no more."""

from typing import Any

from torch import Tensor

from steepest.compiler.values import number, truth
from steepest.torch.state.arrays import check_memory


def item(value: Tensor) -> Any:
    """Its one element; RuntimeError where the memory of it was taken away."""
    check_memory(value, "a hyperparameter")
    return value.item()


@number.register
def _(value: Tensor) -> float:
    return float(item(value))


@truth.register
def _(value: Tensor) -> bool:
    return bool(item(value))
