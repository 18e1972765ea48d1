"""Other dtypes of parameters and of numbers."""

import contextlib

import torch
from torch import Tensor

from support.deeds.choosing import choose
from support.misuse import FEW_DTYPES, World, give
from support.refusal import in_memory


def new_data_of_another_dtype(w: World, p: Tensor, how: int) -> None:
    with contextlib.suppress(RuntimeError):  # a complex gradient stays
        p.data = w.tensor(p.shape, choose(w.dtypes, how))
        if how % 2:
            give(p, w.gradient(p))


def retype_a_number(w: World, p: Tensor, how: int) -> None:
    """Another tensor of one element, of another dtype or shape, or the same one made another in place."""
    name = choose(w.numbers, how // 8)
    value = w.tensors(p).get(name)
    if value is not None and value.device.type == "cpu" and in_memory(value) and value.numel() == 1:
        dtypes = (torch.float32, torch.float64, torch.int64, torch.int32) if name == "step" else FEW_DTYPES
        other = value.detach().to(choose(dtypes, how // 2)).reshape(choose(((), (1,), (1, 1)), how)).clone()
        if how % 2:
            w.optimizer.state[p][name] = other
        else:
            value.data = other
