"""How a deed chooses: by number, among what a world has."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

from support.misuse import World

Deed = Callable[[World, Tensor, int], None]
"""What is done to a world: one of its parameters, and a number that chooses among its ways."""


def choose(options: Iterable[Any], how: int) -> Any:
    """One of them, by number."""
    options = list(options)
    return options[how % len(options)]


def another(w: World, how: int) -> Tensor:
    """Some parameter, perhaps the same."""
    return choose(w.parameters, how)


def dense_gradient(p: Tensor) -> list[Tensor]:
    """The memory of a parameter's gradient, if it has any."""
    if p.grad is None:
        return []
    return [p.grad._values() if p.grad.is_sparse else p.grad]


def everything(w: World, p: Tensor) -> list[Tensor]:
    """A parameter, its gradient and all of its state."""
    return [p, *dense_gradient(p), *w.tensors(p).values()]


def memory_of(w: World, p: Tensor, how: int) -> Tensor:
    """What a parameter, its gradient or its arrays of state lie in."""
    return choose([p.data, *dense_gradient(p), *w.arrays(p).values()], how)
