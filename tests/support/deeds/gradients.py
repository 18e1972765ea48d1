"""Gradients of all kinds."""

from collections.abc import Callable

import torch
from torch import Tensor

from support.deeds.choosing import another, choose, everything, memory_of
from support.memory import LAYOUTS
from support.misuse import SHAPES, World, give, view_of


def new_gradient(w: World, p: Tensor, how: int) -> None:
    more = how // 9
    ways: tuple[Callable[[], Tensor | None], ...] = (
        lambda: None,
        lambda: w.tensor((1,) * p.dim(), p.dtype).expand(p.shape),
        lambda: w.gradient(p, of=choose(LAYOUTS, more)),
        lambda: w.gradient(p, choose(w.dtypes, more)),
        lambda: torch._neg_view(w.tensor(p.shape, p.dtype)),  # pyright: ignore[reportPrivateImportUsage]
        lambda: w.tensor(p.shape, p.dtype).conj(),
        lambda: w.tensor(choose(SHAPES, more), p.dtype),
        lambda: w.sparse(w.tensor(p.shape, p.dtype), more),
        lambda: p.grad,
    )
    give(p, choose(ways, how)())


def gradient_in_anothers_memory(w: World, p: Tensor, how: int) -> None:
    view = view_of(choose(everything(w, another(w, how)), how // 4), p, shift=how % 3)
    if view is not None:
        give(p, view)


def sparse_gradient_in_anothers_memory(w: World, p: Tensor, how: int) -> None:
    if p.dim():
        part = torch.empty((min(how % 3, len(p)), *p.shape[1:]), dtype=p.dtype, device="meta")
        view = view_of(memory_of(w, another(w, how), how // 4), part)
        if view is not None:
            rows = torch.arange(len(view)).flip(0).unsqueeze(0)
            rows = rows + (how % 8 == 7) * len(p)  # out of the parameter
            give(p, torch.sparse_coo_tensor(rows, view, p.shape, is_coalesced=True, check_invariants=False))


def swap_gradients(w: World, p: Tensor, how: int) -> None:
    q = another(w, how)
    g, h = p.grad, q.grad
    give(p, h)
    give(q, g)
