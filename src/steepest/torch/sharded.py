"""DTensors, which are divided among processes: each process has a shard of one, a plain tensor.

A rule that works element by element steps each shard by itself, if parameter, gradient and state are divided alike and
none is a sum that is still to be taken (Partial).  A rule of whole tensors is given whole tensors.
"""

import importlib
from typing import Any

import torch
from torch import Tensor

from steepest.torch.internals import order_of_shards, shard_getter, sharded_type

PLAIN = (Tensor, torch.nn.Parameter)
"""The types whose memory is what they show; a subclass may answer for memory elsewhere."""


NOT_DIVIDED = (
    "its parameter is not divided among processes, so none of them can find its values there. Save whole tensors: "
    "get_optimizer_state_dict(model, optimizer, options=StateDictOptions(full_state_dict=True))."
)


def is_sharded(tensor: Any) -> bool:
    """Whether a tensor is a DTensor; a subclass of that may mean something else by its numbers."""
    return type(tensor) not in PLAIN and type(tensor) is sharded_type()


def shard(tensor: Tensor) -> Tensor:
    """The shard of a DTensor, any other tensor as it is."""
    return _arrived(shard_getter(type(tensor))(tensor)) if is_sharded(tensor) else tensor


def _arrived(tensor: Any) -> Tensor:
    """A tensor after the communication that computes it: torch waits for it when somebody looks."""
    return tensor.wait() if type(tensor).__name__ == "AsyncCollectiveTensor" else tensor


def placement(tensor: Any) -> tuple[Any, ...]:
    """Among which processes a DTensor is divided, and how; () for any other tensor."""
    return (tensor.device_mesh, tensor.placements, order_of_shards(tensor)) if is_sharded(tensor) else ()


def whole(tensor: Any) -> Tensor:
    """A plain tensor of all elements, which every process has then; all of them must ask for it."""
    with torch.no_grad():
        return _arrived(tensor.full_tensor()) if is_sharded(tensor) else tensor


def of_shard(own: Tensor, like: Any) -> Tensor:
    """The DTensor that is divided as another one, and of which this process has this shard."""
    sharded: Any = sharded_type()
    with torch.no_grad():
        return sharded.from_local(
            own, like.device_mesh, like.placements, run_check=False, shape=like.shape, stride=like.stride()
        )


def everywhere(tensor: Tensor, like: Any) -> Any:
    """A DTensor of which every process of a mesh has the whole."""
    sharded: Any = sharded_type()
    replicate = importlib.import_module("torch.distributed.tensor").Replicate()
    with torch.no_grad():
        return sharded.from_local(tensor, like.device_mesh, [replicate] * like.device_mesh.ndim, run_check=False)


def divided(tensor: Any, like: Any) -> Tensor:
    """The same values, divided as a parameter is; a plain tensor has all of them, in every process.

    Raises RuntimeError where that cannot be done.
    """
    if placement(tensor) == placement(like):
        return tensor
    if not is_sharded(like):
        raise RuntimeError(f"A state is a DTensor: {NOT_DIVIDED}")
    with torch.no_grad():
        if not is_sharded(tensor) or tensor.device_mesh != like.device_mesh:
            tensor = everywhere(whole(tensor), like)
        tensor = tensor.redistribute(placements=like.placements)
    if placement(tensor) != placement(like):
        raise RuntimeError(f"torch cannot divide a tensor as {placement(like)}: it makes {placement(tensor)} of it.")
    return tensor


def write(tensor: Any, values: Tensor) -> None:
    """Write whole values into a DTensor: each process its shard."""
    shard(tensor).copy_(shard(divided(values, tensor)))


def check(p: Tensor, g: Tensor, optimizer: str) -> None:
    """Refuse, in a sentence, what processes cannot step together (RuntimeError)."""
    if {type(p), type(g)} <= {*PLAIN}:
        return
    for one, other, names in ((p, g, ("gradient", "parameter")), (g, p, ("parameter", "gradient"))):
        if is_sharded(one) and not is_sharded(other):
            raise RuntimeError(
                f"{optimizer} was given a {names[0]} that is no DTensor where the {names[1]} is one. Let backward() "
                "make the gradient, or use distribute_tensor(gradient, parameter.device_mesh, parameter.placements)."
            )
    if not is_sharded(p):
        return
    if any(one.is_partial() for one in placement(p)[1]):
        raise RuntimeError(
            f"{optimizer} was given a parameter with the placements {placement(p)[1]}: what its processes hold must "
            "still be summed, and no process knows the sum. Use parameter.redistribute(placements=[Replicate()])."
        )
    if is_sharded(g) and placement(g)[0] != placement(p)[0]:
        raise RuntimeError(
            f"{optimizer} was given a gradient on {placement(g)[0]} for a parameter on {placement(p)[0]}. "
            "Use one mesh for both."
        )


def do_all(is_true: bool, mesh: Any) -> bool:
    """Whether something is true in every process of a mesh; all of them must ask."""
    module = importlib.import_module("torch.distributed.tensor")
    own = torch.tensor(float(is_true), device=mesh.device_type)
    with torch.no_grad():
        return bool(module.DTensor.from_local(own, mesh, [module.Partial("min")] * mesh.ndim).full_tensor())
