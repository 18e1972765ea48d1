"""Subclasses around parameters, gradients and state: with memory of their own, or with another tensor inside."""

import contextlib
from typing import Any

import torch
from torch import Tensor

from support.deeds.choosing import choose
from support.inside import inside
from support.misuse import World, give


def _plain(tensor: Tensor) -> Tensor:
    return tensor.as_subclass(Tensor)


def _wrapped(w: World, tensor: Tensor, how: int) -> Any:
    """Not around a view shown negated or conjugated: torch's operations on what a wrapper holds do not see that."""
    as_it_is_shown = tensor if tensor.is_sparse else tensor.resolve_neg().resolve_conj()
    return choose((w.wrapper, _plain), how)(as_it_is_shown)


def wrap_a_parameter(w: World, p: Tensor, how: int) -> None:
    """As another parameter over the same memory; state stays behind or moves with it."""
    new = torch.nn.Parameter(_wrapped(w, inside(p).detach(), how))
    w.replace(p, new)
    if p.grad is not None:
        give(new, p.grad if p.grad.is_sparse else _wrapped(w, inside(p.grad), how // 2))
    if how % 4:
        move_state(w, p, new)


def move_state(w: World, p: Tensor, new: Tensor) -> None:
    """From one parameter to another, in all optimizers."""
    for optimizer in w.optimizers:
        if p in optimizer.state:
            optimizer.state[new] = optimizer.state.pop(p)


def wrap_a_gradient(w: World, p: Tensor, how: int) -> None:
    if p.grad is not None and not p.grad.is_sparse:
        set_gradient(p, _wrapped(w, inside(p.grad), how))


def set_gradient(p: Tensor, g: Tensor) -> None:
    """As it is, where torch takes it: not if a gradient that had become another one had to be put back."""
    with contextlib.suppress(RuntimeError):
        p.grad = g


def wrap_states(w: World, p: Tensor, how: int) -> None:
    """All of a parameter, or one."""
    found = [*w.tensors(p).items()]
    for name, value in found if how % 2 or not found else [choose(found, how // 6)]:
        w.optimizer.state[p][name] = _wrapped(w, inside(value).detach(), how // 2)


def wrap_all_of_a_parameter(w: World, p: Tensor, how: int) -> None:
    wrap_states(w, p, 1)
    wrap_a_gradient(w, p, 0)
    wrap_a_parameter(w, p, 4 + how % 4)
