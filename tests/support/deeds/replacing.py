"""Other objects in the place of parameters, gradients, state and groups, several at once."""

import contextlib
from collections import OrderedDict, defaultdict

import torch
from torch import Tensor

from support.deeds.choosing import another, choose, is_usable
from support.inside import inside
from support.memory import LAYOUTS
from support.misuse import SHAPES, World, give


def replace_a_parameter(w: World, p: Tensor, how: int) -> None:
    """By another one, in the world and in every group; its state moves with it, stays behind or is thrown away."""
    new = torch.nn.Parameter(w.tensor(p.shape if how % 3 else choose(SHAPES, how // 3), p.dtype))
    give(new, w.gradient(new))
    w.replace(p, new)
    for optimizer in w.optimizers:
        if how % 4 == 0 and p in optimizer.state:
            optimizer.state[new] = optimizer.state.pop(p)
        elif how % 4 == 1:
            optimizer.state.pop(p, None)


def replace_all_parameters(w: World, p: Tensor, how: int) -> None:
    for one in [*w.parameters]:
        replace_a_parameter(w, one, how)


def replace_all_gradients(w: World, p: Tensor, how: int) -> None:
    """By tensors of the same values, or each by the gradient of the next parameter."""
    gradients = [q.grad for q in w.parameters]
    if how % 2:
        gradients = [*gradients[1:], gradients[0]]
    for q, g in zip(w.parameters, gradients, strict=True):
        give(q, g.clone() if g is not None and how % 4 < 2 and is_usable(g) else g)


def replace_all_states(w: World, p: Tensor, how: int) -> None:
    """By tensors of the same values, laid out in other ways; of one parameter or of all."""
    for q in w.parameters if how % 2 else [p]:
        for name, value in w.tensors(q).items():
            if is_usable(value):
                own = inside(value).detach()
                new = w.tensor(own.shape, own.dtype, choose(LAYOUTS, how // 2))
                w.optimizer.state[q][name] = new.copy_(own)


def replace_groups(w: World, p: Tensor, how: int) -> None:
    """As wrappers rebuild them: other dictionaries, other lists, another order."""
    optimizer = w.optimizer
    copies = [
        {**group, "params": [*group["params"]] if how % 2 else group["params"]} for group in optimizer.param_groups
    ]
    if how % 6 < 2:
        optimizer.param_groups = copies
    elif how % 6 < 4:
        optimizer.param_groups[:] = copies[::-1]
    elif copies:
        optimizer.param_groups[how % len(copies)] = copies[how % len(copies)]


def replace_dictionaries(w: World, p: Tensor, how: int) -> None:
    """That of all state, or those of parameters, by others with the same in them."""
    optimizer, kind = w.optimizer, choose((dict, OrderedDict), how)
    if how % 3:
        for q in [*optimizer.state]:
            optimizer.state[q] = kind(optimizer.state[q])
    if how % 3 < 2:
        items = [*optimizer.state.items()]
        optimizer.state = defaultdict(dict, items[::-1] if how % 4 else items)


def swap_parameters(w: World, p: Tensor, how: int) -> None:
    """What two of them are, or one and a new one, while each object stays where it is."""
    other = another(w, how // 2) if how % 2 else torch.nn.Parameter(w.tensor(choose(SHAPES, how // 2), p.dtype))
    p.grad = other.grad = None
    with contextlib.suppress(RuntimeError):  # torch does not where something else refers to one of them
        if p is not other:
            torch.utils.swap_tensors(p, other)
    for q in (p, other):
        give(q, w.gradient(q))
