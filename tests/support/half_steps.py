"""A parameter of ones, and steps along gradients of one half."""

import copy
from typing import Any

import torch
from torch.nn import Parameter

ALL = ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD", "Rprop", "Muon",
       "Adafactor", "SparseAdam", "LBFGS"]  # fmt: skip
"""The optimizers of torch.optim."""


def ones(*shape: int) -> Parameter:
    """A parameter with a gradient."""
    p = Parameter(torch.ones(shape))
    p.grad = torch.full(shape, 0.5)
    return p


def step(optimizer: Any, times: int = 1) -> None:
    """Step all parameters of an optimizer along new gradients."""
    for _ in range(times):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = torch.full_like(p, 0.5)
        optimizer.step()


def values_of(optimizer: Any) -> dict[str, Any]:
    """A checkpoint that no step writes to."""
    return copy.deepcopy(optimizer.state_dict())
