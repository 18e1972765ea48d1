"""Which tensors a kernel may walk as flat memory, and how to make one of those that it may not.

A kernel sees an address and a number of elements.  That is right for tensors that are dense (each element of one
stretch of memory exactly once, in any order of strides) and laid out alike.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steepest.torch.gpu import ADDRESSED, kernels_of
from steepest.torch.internals import is_itself
from steepest.torch.sharded import PLAIN, is_sharded, shard

STORAGE_OF_DTYPE = {getattr(torch, name): name for name in ("float64", "float32", "bfloat16", "float16")}
STORAGE_OF_DTYPE |= {torch.complex64: "float32", torch.complex128: "float64"}  # a pair of cells, each stepped by itself


@dataclass(frozen=True)
class Stored:
    """How a tensor is kept: the name of its storage, and a plain tensor for each part of memory."""

    storage: str
    parts: tuple[Tensor, ...]


STORED: dict[type, Callable[[Any], Stored]] = {}
"""Subclasses of Tensor that keep their numbers in a storage of their own, and how; a new one is a line here."""


def stored(tensor: Tensor) -> Stored:
    """How a tensor is kept; KeyError for a dtype that no kernel reads."""
    own = STORED.get(type(tensor))
    return own(tensor) if own else Stored(STORAGE_OF_DTYPE[tensor.dtype], (tensor,))


def parts(tensor: Tensor) -> tuple[Tensor, ...]:
    """The tensors whose memory holds a tensor's numbers: itself, unless it is sharded or kept in another way."""
    return STORED[type(tensor)](tensor).parts if type(tensor) in STORED else (shard(tensor),)


def has_memory(kind: type) -> bool:
    """Whether the numbers of such a tensor lie in its own storage: no other class answers for its operations."""
    return kind in PLAIN or getattr(kind, "__torch_dispatch__", None) is getattr(Tensor, "__torch_dispatch__", None)


def held(tensor: Tensor) -> list[Tensor]:
    """A tensor's parts, and what lies in them where they are wrappers that say it."""
    if type(tensor) in PLAIN:
        return [tensor]
    own = parts(tensor)
    named = [(part, part.__tensor_flatten__()[0]) for part in own if hasattr(part, "__tensor_flatten__")]  # type: ignore[attr-defined]
    return [*own, *(inner for part, names in named for name in names for inner in held(getattr(part, name)))]


def is_dense(tensor: Tensor) -> bool:
    """Whether the elements fill one stretch of memory, each place once."""
    expected = 1
    for stride, size in sorted((s, n) for s, n in zip(tensor.stride(), tensor.shape, strict=True) if n != 1):
        if stride != expected:
            return tensor.numel() == 0
        expected *= size
    return True


def same_layout(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors of one shape keep each element at the same offset."""
    steps = zip(one.shape, one.stride(), other.stride(), strict=True)
    return one.numel() == 0 or all(a == b for size, a, b in steps if size != 1)


def cells(tensor: Tensor) -> int:
    """How many numbers a kernel sees in a tensor."""
    return tensor.numel() * (2 if tensor.is_complex() else 1)


def cell_size(tensor: Tensor) -> int:
    """Bytes of one of them."""
    return tensor.element_size() // (2 if tensor.is_complex() else 1)


def laid_out_as(tensor: Tensor, like: Tensor) -> Tensor:
    """The same values and dtype, in memory of their own that is laid out as the dense tensor `like`."""
    return torch.empty_strided(like.shape, like.stride(), dtype=tensor.dtype, device=tensor.device).copy_(tensor)


def has_kernel(tensor: Tensor) -> bool:
    """Whether a kernel can walk this tensor: plain, dense memory of a device and a storage that a backend knows."""
    backend = kernels_of(tensor.device)
    if backend is None or is_sharded(tensor) or not all(map(_is_plain, parts(tensor))):
        return False
    is_known = type(tensor) in STORED or tensor.dtype in STORAGE_OF_DTYPE
    return is_known and stored(tensor).storage in backend.storages


def is_walked_like(tensor: Tensor, p: Tensor) -> bool:
    """Whether a kernel that walks p meets the same elements of this tensor at the same places."""
    return has_kernel(tensor) and all(same_layout(part, p) for part in parts(tensor))


def _is_plain(tensor: Tensor) -> bool:
    """Whether memory is what is shown: lazily negated or conjugated views do not hold the values they show."""
    return (
        type(tensor) in PLAIN
        and tensor.layout is torch.strided
        and is_itself(tensor)
        and tensor.data_ptr() % cell_size(tensor) == 0
        and is_dense(tensor)
    )


def lies_in_its_storage(tensor: Tensor) -> bool:
    """Whether a strided tensor's storage was neither freed nor made smaller under it."""
    end = (int(tensor.storage_offset()) + _extent(tensor)) * tensor.element_size()
    return tensor.numel() == 0 or (tensor.data_ptr() != 0 and end <= tensor.untyped_storage().nbytes())


def _extent(tensor: Tensor) -> int:
    """Elements of storage from a tensor's first to its last, for a tensor that has any."""
    return 1 + sum(stride * (size - 1) for stride, size in zip(tensor.stride(), tensor.shape, strict=True))


def memory(tensor: Tensor) -> tuple[int, int]:
    """[begin, end) of the addresses that a tensor may touch; empty where it has none."""
    if tensor.numel() == 0 or tensor.device.type not in ADDRESSED or tensor.layout is not torch.strided:
        return 0, 0
    begin = _address(tensor)
    return (begin, begin + _extent(tensor) * tensor.element_size()) if begin else (0, 0)


def _address(tensor: Tensor) -> int:
    """Where a tensor begins; 0 where its numbers lie elsewhere, as those of a wrapper or a FakeTensor."""
    if type(tensor) not in PLAIN and hasattr(tensor, "fake_mode"):  # which warns where it is asked
        return 0
    try:
        return tensor.data_ptr()
    except RuntimeError:
        return 0
