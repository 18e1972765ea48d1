"""What torch knows of a tensor: its gradient, its version, its memory; and the streams of its devices."""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.autograd import graph

from steepest.torch import fallbacks
from steepest.torch.internals.finding import find

increment_version: Callable[[Sequence[Tensor]], None] = find("_C._increment_version", graph.increment_version)
"""Tell autograd that these tensors were written to; the public name checks first whether it was given one or many."""


def _gradient_getter() -> Callable[[Tensor], Any]:
    """`p.grad` as a function, without the search through the classes of p: half the time."""
    descriptor = vars(find("_C.TensorBase", object)).get("grad")
    return attrgetter("grad") if descriptor is None else descriptor.__get__


gradient_of = _gradient_getter()

is_zero_tensor: Callable[[Tensor], bool] = find("Tensor._is_zerotensor", fallbacks.is_zero_tensor)
"""Whether a strided tensor is zeros that have no memory."""

indices_of: Callable[[Tensor], Tensor] = find("Tensor._indices", fallbacks.indices_of)
"""The indices of a sparse tensor as they are stored: an index may occur twice, or lie outside."""

values_of: Callable[[Tensor], Tensor] = find("Tensor._values", fallbacks.values_of)
"""The values that belong to them."""


def version_of(tensor: Tensor) -> int:
    """How often a tensor was written to; 0 where torch does not count it."""
    return 0 if tensor.is_inference() else getattr(tensor, "_version", 0)


_STORAGES_HAVE_NUMBERS = hasattr(torch.UntypedStorage, "_cdata")


def is_itself(tensor: Tensor) -> bool:
    """Whether memory holds the values that are shown: neither negated nor conjugated, nor zeros that have no memory."""
    return not tensor.is_neg() and not tensor.is_conj() and not is_zero_tensor(tensor)


def storage_of(tensor: Tensor) -> int:
    """The same for two strided tensors that lie in one storage, and for no others but those without memory."""
    return tensor.untyped_storage()._cdata if _STORAGES_HAVE_NUMBERS else fallbacks.storage_of(tensor)


def _keys_getter() -> Callable[[Tensor], int] | None:
    keys = find("_C._dispatch_keys")
    return None if keys is None else lambda tensor: keys(tensor).raw_repr()


keys_of: Callable[[Tensor], int] | None = _keys_getter()
"""The set of keys by which torch chooses what an operation does with a tensor, as a number."""


tensor_of: Callable[[Tensor], int] | None = attrgetter("_cdata") if hasattr(Tensor, "_cdata") else None
"""The address of the tensor of C++ behind a tensor."""


def _raw_stream_getter() -> Callable[[int], int]:
    raw = find("_C._cuda_getCurrentRawStream")
    return raw or (lambda device: torch.cuda.current_stream(device).cuda_stream)


raw_stream = _raw_stream_getter()
"""The stream that torch works on, on the CUDA device of this number: a tenth of the public way's time."""

divide_each: Callable[[Sequence[Tensor], Tensor], Any] = find("_foreach_div_", fallbacks.divide_each)
"""Divide tensors by one number in place, which may lie on their device."""
