"""Every private name of torch that this library uses, each with a way to do without it.

A private name may be renamed or removed by the next release of torch.  Then what stands behind `_find` takes its place:
a public name, or plain Python, which is slower but gives the same results.  Names are looked up once, at import, since
a step of a small model has no time for it.  `tests/torch/test_internals.py` takes away each name in turn.
"""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.autograd import graph


def _find(path: str, *otherwise: Any) -> Any:
    """What this dotted path of torch leads to; without it, the other value, or None."""
    found: Any = torch
    for name in path.split("."):
        found = getattr(found, name, None)
    return found if found is not None else next(iter(otherwise), None)


increment_version: Callable[[Sequence[Tensor]], None] = _find("_C._increment_version", graph.increment_version)
"""Tell autograd that these tensors were written to; the public name checks first whether it was given one or many."""


def _gradient_getter() -> Callable[[Tensor], Any]:
    """`p.grad` as a function, without the search through the classes of p: half the time."""
    descriptor = vars(_find("_C.TensorBase", object)).get("grad")
    return attrgetter("grad") if descriptor is None else descriptor.__get__


gradient_of = _gradient_getter()


def _is_zeros_without_memory(tensor: Tensor) -> bool:
    """Whether a tensor has bytes but no address, as the zeros have that autograd makes and nobody writes to."""
    return tensor.numel() > 0 and tensor.data_ptr() == 0 and tensor.untyped_storage().nbytes() > 0


is_zero_tensor: Callable[[Tensor], bool] = _find("Tensor._is_zerotensor", _is_zeros_without_memory)
"""Whether a strided tensor is zeros that have no memory."""


def is_itself(tensor: Tensor) -> bool:
    """Whether memory holds the values that are shown: neither negated nor conjugated, nor zeros that have no memory."""
    return not tensor.is_neg() and not tensor.is_conj() and not is_zero_tensor(tensor)


def _coalesced_indices(gradient: Tensor) -> Tensor:
    return gradient.coalesce().indices()


def _coalesced_values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values()


indices_of: Callable[[Tensor], Tensor] = _find("Tensor._indices", _coalesced_indices)
"""The indices of a sparse tensor as they are stored: an index may occur twice, or lie outside.  The public name has
each once; of a tensor with several sparse dimensions it may hide one that lies outside."""

values_of: Callable[[Tensor], Tensor] = _find("Tensor._values", _coalesced_values)
"""The values that belong to them."""


_guards = _find("_C._dynamo.guards.TensorGuards")


def unchanged(tensors: Sequence[Tensor]) -> Callable[..., bool]:
    """`check(*tensors)`: whether each still has the type, dtype, device, shape and strides it has now.

    torch.compile guards its compiled code by the same question, so torch has an answer in C++: 0.1 us a tensor, where
    asking each attribute from Python costs 0.4 us.
    """
    if _guards is None:
        return unchanged_in_python(tensors)
    sizes, strides = [list(t.shape) for t in tensors], [list(t.stride()) for t in tensors]
    return _guards(*tensors, dynamic_dims_sizes=sizes, dynamic_dims_strides=strides).check


def unchanged_in_python(tensors: Sequence[Tensor]) -> Callable[..., bool]:
    """The same question, asked in Python."""

    def describe(t: Tensor | None) -> tuple[Any, ...]:
        if t is None or t.layout is not torch.strided:
            return ()
        return type(t), t.dtype, t.device, t.shape, t.stride(), is_itself(t)

    expected = [describe(t) for t in tensors]
    return lambda *now: [describe(t) for t in now] == expected


_COMPILER = "torch._dynamo"
_has_compiler = importlib.util.find_spec(_COMPILER) is not None


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that torch.compile runs as it is; where nothing was compiled yet, its module need not be imported."""
    return torch.compiler.disable(function) if _COMPILER in sys.modules or not _has_compiler else function
