"""Memory that processes share, and one tensor for several parameters: what another writes there counts."""

import torch
from torch import Tensor

from support.deeds.choosing import another, choose, everything, is_usable
from support.inside import inside
from support.misuse import World


def share_a_number(w: World, p: Tensor, how: int) -> None:
    """Moved to shared memory, as A3C does with step counts; another view of it counts there."""
    name = choose(w.numbers, how // 4)
    number = w.tensors(p).get(name)
    if number is not None and is_usable(number):
        own = inside(number)
        if how % 4:
            own.share_memory_()
        if how % 2 and own.is_contiguous():
            own.detach().view(-1).fill_(float(3 + how % 5) if name == "step" else 0.5)


def share_memory(w: World, p: Tensor, how: int) -> None:
    """Move anything of a parameter to shared memory: its tensors stay, its addresses do not."""
    tensor = choose(everything(w, p), how)
    if is_usable(tensor):
        tensor.share_memory_()


def write_from_elsewhere(w: World, p: Tensor, how: int) -> None:
    """Through another view of the same memory."""
    tensor = choose([inside(p), *map(inside, w.arrays(p).values())], how)
    if is_usable(tensor):
        tensor.detach().copy_(w.values(tensor.shape, tensor.dtype))


def one_state_for_two(w: World, p: Tensor, how: int) -> None:
    """All tensors of one parameter, or one of them, are those of another too."""
    q = another(w, how // 2)
    names = [name for name in w.tensors(q) if name in w.state(p)]
    for name in names if how % 2 else names[:1]:
        w.optimizer.state[p][name] = w.state(q)[name]


def one_step_count_for_all(w: World, p: Tensor, how: int) -> None:
    """As some share it; or one array of counts, each parameter's beside the next."""
    counts = torch.full((len(w.parameters),), 2.0, dtype=choose((torch.float32, torch.float64, torch.int64), how))
    if how % 2:
        counts.share_memory_()
    for place, q in enumerate(w.parameters):
        if "step" in w.state(q):
            w.optimizer.state[q]["step"] = counts[place] if how % 4 > 1 else counts[:1]
