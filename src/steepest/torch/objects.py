"""How Python and torch keep their objects in memory, for machine code that looks into them.

Nothing of it is promised, so all of it is found out by looking at objects of which the answer is known.
"""

import ctypes
import functools
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from steepest.torch.internals import keys_of, storage_of, tensor_of


class Places(NamedTuple):
    """Bytes from the beginning of an object to: its type, a tensor's tensor of C++, a tuple's items.

    keys, storage: from the address of the tensor of C++.
    """

    type: int
    tensor: int
    keys: int
    storage: int
    items: int


@functools.cache
def places_in_objects() -> Places | None:
    """Found by looking at some objects of which all of it is known; None where something is not found."""
    if keys_of is None or tensor_of is None:
        return None
    plain, of_pairs = torch.zeros(2, device="cpu"), torch.zeros(2, dtype=torch.complex64, device="cpu")
    tensors = (plain, torch.nn.Parameter(plain), of_pairs.conj(), of_pairs.conj().imag)
    head, behind = object.__basicsize__, [*map(tensor_of, tensors)]
    keys = [ctypes.c_int64(keys_of(t)).value for t in tensors]
    at_type = _found(range(0, head, 8), [*map(id, tensors)], [id(type(t)) for t in tensors])
    at_tensor = _found(range(head, Tensor.__basicsize__ - 7, 8), [*map(id, tensors)], behind)
    at_keys = _found(range(8, 192, 8), behind, keys)  # of at least 192 bytes that it has
    at_storage = _found(range(8, 192, 8), behind, [*map(storage_of, tensors)])
    at_items = _found([tuple.__basicsize__], [id(tensors), id(tensors) + 8], [id(plain), id(tensors[1])])
    found = at_type, at_tensor, at_keys, at_storage, at_items
    return None if None in found else Places(*found)  # type: ignore[arg-type]


def places_in_owners(owners: Sequence[Any], shards: Sequence[Any], specs: Sequence[Any]) -> tuple[int, int] | None:
    """Bytes from the beginning of each DTensor to its shard, and to the object that says how it is divided."""
    if not owners or len({*map(type, owners)}) > 1:
        return None
    inside = range(object.__basicsize__, type(owners[0]).__basicsize__ - 7, 8)
    shard, spec = (_found(inside, [*map(id, owners)], [*map(id, found)]) for found in (shards, specs))
    return None if shard is None or spec is None else (shard, spec)


def _found(offsets: Iterable[int], begins: Sequence[int], words: Sequence[int]) -> int | None:
    """At which of these offsets from the beginnings these words stand in memory."""

    def word(address: int) -> int:
        return ctypes.c_int64.from_address(address).value

    return next((at for at in offsets if all(word(b + at) == w for b, w in zip(begins, words, strict=True))), None)


@functools.cache
def c_functions(*names: str) -> list[int] | None:
    """Addresses of functions of torch's C interface; None where one is not found."""
    folder = os.path.join(os.path.dirname(torch.__file__), "lib")
    paths = [os.path.join(folder, file) for file in ("libtorch_cpu.so", "libtorch_cpu.dylib", "torch_cpu.dll")]
    libraries = [ctypes.CDLL(path) for path in paths if os.path.exists(path)]
    if not libraries or not all(hasattr(libraries[0], name) for name in names):
        return None
    return [ctypes.cast(getattr(libraries[0], name), ctypes.c_void_p).value or 0 for name in names]
