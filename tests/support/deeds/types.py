"""Other dtypes of parameters, gradients, state and numbers; hyperparameters of other types."""

import contextlib
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

from support.deeds.choosing import choose, dense_gradient, is_free, is_usable
from support.inside import inside, put
from support.misuse import FEW_DTYPES, World, give


def new_data_of_another_dtype(w: World, p: Tensor, how: int) -> None:
    with contextlib.suppress(RuntimeError):  # a complex gradient stays
        put(p, w.tensor(p.shape, choose(w.dtypes, how)))
        if how % 2:
            give(p, w.gradient(p))


def retype_a_number(w: World, p: Tensor, how: int) -> None:
    """Another tensor of one element, of another dtype or shape, or the same one made another in place."""
    name = choose(w.numbers, how // 8)
    value = w.tensors(p).get(name)
    if value is not None and is_usable(value) and value.numel() == 1 and not inside(value).is_complex():
        dtypes = (torch.float32, torch.float64, torch.int64, torch.int32) if name == "step" else FEW_DTYPES
        other = inside(value).detach().to(choose(dtypes, how // 2)).reshape(choose(((), (1,), (1, 1)), how)).clone()
        if how % 2:
            w.optimizer.state[p][name] = other
        elif is_free(value):
            put(value, other)


_STRANGE = (torch.uint8, torch.bool, torch.int8, torch.int16, torch.float16, torch.bfloat16, torch.complex64)


def retype_a_number_strangely(w: World, p: Tensor, how: int) -> None:
    """As a dtype that cannot count, or is no number."""
    name = choose(w.numbers, how // 8)
    if name in w.state(p):
        w.optimizer.state[p][name] = torch.ones(choose(((), (1,)), how), dtype=choose(_STRANGE, how // 2))


def retype_all_of_a_parameter(w: World, p: Tensor, how: int) -> None:
    """As `model.to(dtype)` does, in place; or the state alone, in place or by other tensors."""
    dtype = choose((*w.dtypes, torch.int32), how // 8)
    found = [] if how % 2 else [p, *dense_gradient(p)]
    found += [] if how % 3 == 0 else [*w.arrays(p).values()]
    for tensor in (inside(one) for one in found if is_free(one)):
        if is_usable(tensor) and not tensor.is_complex() and (dtype.is_floating_point or tensor is not inside(p)):
            with contextlib.suppress(RuntimeError):  # whole numbers have no gradient
                tensor.data = tensor.detach().to(dtype)


def retype_a_state(w: World, p: Tensor, how: int) -> None:
    for name, value in w.arrays(p).items():
        if is_usable(value) and not inside(value).is_complex():
            w.optimizer.state[p][name] = inside(value).detach().to(choose((*w.dtypes, torch.int32), how))


def retype_an_option(w: World, p: Tensor, how: int) -> None:
    """As numbers of other libraries, as tensors, as what is no number."""
    if w.optimizer.param_groups:
        group = choose(w.optimizer.param_groups, how)
        name = choose([*w.options, "maximize"], how // 2)
        group[name] = _retyped(w.options.get(name, False), how // 16)


def _retyped(value: Any, how: int) -> Any:
    if isinstance(value, tuple):
        if how % 4 < 2:
            return choose((tuple, list), how)([_retyped(one, how // 4 + i) for i, one in enumerate(value)])
        return choose((torch.tensor, np.array), how)(value[: 1 + (how // 4 % 4 > 0)])
    if isinstance(value, bool):
        return choose((int, np.bool_, torch.tensor, float), how)(value)
    ways = (
        float, np.float64, np.float32, torch.tensor, _double, _several, Fraction, str, _nothing, int, _whole, complex,
    )  # fmt: skip
    return choose(ways, how)(float(value))


def _double(value: float) -> Tensor:
    return torch.tensor([[value]], dtype=torch.float64)


def _several(value: float) -> Tensor:
    return torch.tensor([value, value])


def _whole(value: float) -> Tensor:
    return torch.tensor(int(value))


def _nothing(_: float) -> None:
    return None
