"""Parameters and an optimizer after one step, for what may happen before the next."""

from typing import Any

import torch
from torch import Tensor

import steepest
from support.shadow import step

P = torch.nn.Parameter


def ones(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.ones(shape, dtype=dtype)


def refresh(*params: P) -> None:
    for p in params:
        p.grad = torch.linspace(-1, 2, p.numel()).to(p.dtype).view(p.shape)


def started(name: str, *tensors: Tensor, groups: bool = False, **options: Any) -> tuple[list[P], Any]:
    """Parameters and their optimizer after one step; the next gradients are there."""
    params = [P(tensor) for tensor in tensors]
    optimizer = getattr(steepest, name)([{"params": [p]} for p in params] if groups else params, lr=0.1, **options)
    refresh(*params)
    assert step(optimizer) is None
    refresh(*params)
    return params, optimizer


def sparse(p: P, values: Tensor, *rows: int) -> Tensor:
    """A gradient in these rows; nobody looks whether the parameter has them."""
    return torch.sparse_coo_tensor(torch.tensor([rows]), values, p.shape, is_coalesced=True, check_invariants=False)
