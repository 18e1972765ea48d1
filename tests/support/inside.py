"""Where the numbers of a tensor lie, whatever type it has."""

from typing import Any

from torch import Tensor
from torch.distributed.tensor import DTensor, Partial

from support.wrappers import Wrapper


def inside(tensor: Any) -> Any:
    """The plain tensor that holds a tensor's numbers: of a DTensor its shard, of a wrapper what it wraps.

    Any other tensor, a subclass with memory of its own too, and whatever is no tensor is itself.
    """
    if isinstance(tensor, DTensor):
        return inside(tensor._local_tensor)
    return inside(tensor.parts[0]) if isinstance(tensor, Wrapper) else tensor


def is_sharded(tensor: Any) -> bool:
    """Whether it is a DTensor."""
    return isinstance(tensor, DTensor)


def has_own_memory(tensor: Tensor) -> bool:
    """Whether nothing else holds its numbers."""
    return inside(tensor) is tensor


def placement(tensor: Any) -> Any:
    """How a DTensor is divided, and among whom; None for any other tensor."""
    return (tensor.device_mesh, tensor.placements) if is_sharded(tensor) else None


def is_partial(tensor: Any) -> bool:
    """Whether it is a sum that is still to be taken."""
    return is_sharded(tensor) and any(isinstance(one, Partial) for one in tensor.placements)


def divided_as(like: Any, tensor: Tensor) -> Tensor:
    """A DTensor around a tensor, divided as another one; if that is none, the tensor itself."""
    if not is_sharded(like) or is_sharded(tensor) or tensor.dim() != like.dim():
        return tensor
    return DTensor.from_local(
        tensor, like.device_mesh, like.placements, run_check=False, shape=tensor.shape, stride=tensor.stride()
    )


def put(p: Any, tensor: Tensor) -> None:
    """Give a parameter other numbers, in the very memory of this tensor; a wrapper takes only what it can show."""
    if is_sharded(p):
        p._local_tensor = tensor
    elif has_own_memory(p):
        p.data = tensor
    elif (tensor.shape, tensor.dtype) == (p.shape, p.dtype):
        p.parts = (tensor,)
