"""How a deed chooses: by number, among what a world has."""

from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor

from support.inside import inside
from support.misuse import World
from support.refusal import in_memory, overlaps_itself
from support.wrappers import Wrapper

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
    """A parameter's gradient, if it has any; the values of a sparse one."""
    if p.grad is None:
        return []
    return [p.grad._values() if p.grad.is_sparse else p.grad]


def everything(w: World, p: Tensor) -> list[Tensor]:
    """The memory of a parameter, its gradient and all of its state."""
    return [*map(inside, (p, *dense_gradient(p), *w.tensors(p).values()))]


def reshapeable(w: World, p: Tensor) -> list[Tensor]:
    """The same, without what a wrapper shows in the shape and with the strides that it had."""
    return [inside(one) for one in (p, *dense_gradient(p), *w.tensors(p).values()) if is_free(one)]


def is_free(tensor: Tensor) -> bool:
    """Whether the memory of a tensor may get another shape: that of a wrapper is what it shows."""
    return not isinstance(tensor, Wrapper)


def memory_of(w: World, p: Tensor, how: int) -> Tensor:
    """What a parameter, its gradient or its arrays of state lie in."""
    return choose([inside(p).data, *map(inside, (*dense_gradient(p), *w.arrays(p).values()))], how)


def is_usable(tensor: Tensor) -> bool:
    """Whether torch can read and write it."""
    tensor = inside(tensor)
    return tensor.device.type == "cpu" and in_memory(tensor) and not overlaps_itself(tensor)
