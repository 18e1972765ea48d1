"""DTensors among this process alone: parameters, gradients and state become some, are divided anew, lose a shard."""

from typing import Any

import torch
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard

from support.deeds.choosing import choose
from support.deeds.wrapping import move_state, set_gradient
from support.inside import inside, is_sharded
from support.memory import LAYOUTS
from support.misuse import SHAPES, World, give


def divided(tensor: Tensor, how: int, *, partial: bool = False) -> Any:
    """A DTensor over the same memory."""
    placements = [Replicate(), *(Shard(d) for d in range(tensor.dim())), *([Partial()] if partial else [])]
    two = how % 7 == 6
    mesh = init_device_mesh("cpu", (1, 1) if two else (1,))
    placed = [choose(placements, how), Replicate()] if two else [choose(placements, how)]
    return DTensor.from_local(tensor.detach().as_subclass(Tensor), mesh, placed, run_check=False)


def shard_a_parameter(w: World, p: Tensor, how: int) -> None:
    """As another parameter over the same memory; its state stays behind, moves with it, or is divided too."""
    if w.sparse_only:  # torch has no sparse DTensors
        return
    new: Any = torch.nn.Parameter(divided(inside(p), how // 4, partial=how % 8 == 7))
    w.replace(p, new)
    if p.grad is not None and not p.grad.is_sparse:
        give(new, inside(p.grad).as_subclass(Tensor))
    if how % 4:
        move_state(w, p, new)
    if how % 4 > 1:
        for name, value in w.arrays(new).items():
            w.optimizer.state[new][name] = divided(inside(value), how // 4)


def make_a_parameter_whole(w: World, p: Tensor, how: int) -> None:
    if is_sharded(p):
        new = torch.nn.Parameter(inside(p).detach())
        w.replace(p, new)
        give(new, p.grad if how % 4 else None if p.grad is None else inside(p.grad))
        if how % 2:
            move_state(w, p, new)


def shard_a_gradient(w: World, p: Tensor, how: int) -> None:
    """Divided in any way, also where its parameter is not; or whole where its parameter is divided."""
    if p.grad is not None and not p.grad.is_sparse:
        own = inside(p.grad).detach().as_subclass(Tensor)
        set_gradient(p, divided(own, how // 3, partial=True) if how % 3 else own)


def shard_a_state(w: World, p: Tensor, how: int) -> None:
    found = [*w.tensors(p).items()]
    if found:
        name, value = choose(found, how // 3)
        own = inside(value).detach().as_subclass(Tensor)
        w.optimizer.state[p][name] = divided(own, how // 6) if how % 3 else own


def swap_a_shard(w: World, p: Tensor, how: int) -> None:
    """What lies in a DTensor: by the same size, laid out in any way, or by another size or dtype."""
    found: list[Any] = [one for one in (p, p.grad, *w.tensors(p).values()) if is_sharded(one)]
    if found:
        tensor, more = choose(found, how // 7), how // 14
        own = inside(tensor)
        tensor._local_tensor = choose(
            (
                *(w.tensor(own.shape, own.dtype, of) for of in LAYOUTS[:4]),
                w.tensor(choose(SHAPES, more), own.dtype),
                w.tensor((2 * own.shape[0], *own.shape[1:]) if own.dim() else (2,), own.dtype),
                w.tensor(own.shape, choose(w.dtypes, more)),
            ),
            how,
        )
