"""Whether tensors are what they were when a step was prepared, and where they lie: asked of all of them at once.

Asking each from Python costs 0.5 us a tensor, at every step.  In machine code it is 0.04 us: types, dtypes, shapes and
memory are asked of torch's stable C interface (`torch/csrc/inductor/aoti_torch/c/shim.h`), and the set of keys by which
torch chooses what an operation does is read in the tensor, since no function tells it: it says whether a tensor is
strided, conjugated or negated.
"""

import ctypes
import functools
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor

from steepest.kernels.cpu.memory import over_memory
from steepest.torch.internals import is_itself, keys_of
from steepest.torch.objects import c_functions, places_in_objects

SAME, GRADIENTS_MOVED, GRADIENTS_DIFFER, CHANGED = range(4)

Everything = tuple[Tensor, ...]
Words = ctypes.Array[ctypes.c_int64]

_TYPE, _KEYS, _DTYPE, _DIM, _WORDS = range(5)
"""What each tensor is, beside its shape and strides; a type is the address of its object."""

_ITEMS, _TENSORS, _COUNT, _KNOWN, _SHAPES, _BEFORE, _NOW, _SCRATCH, _TYPE_AT, _TENSOR_AT, _KEYS_AT = range(11)
_DTYPE_OF, _DIM_OF, _SHAPE_OF, _STRIDES_OF, _ADDRESS_OF, _SIZE_OF = range(11, 17)
_ASKED = ("dtype", "dim", "sizes", "strides", "data_ptr", "storage_size")

# What a tensor is comes first: asked for an address that there is not, torch's function writes to the terminal.
_LOOK = f"""\
def look(arguments):
    scratch = load_int64(arguments, {_SCRATCH})
    shape = load_int64(arguments, {_SHAPES})
    answer = {SAME}
    for i in range(load_int64(arguments, {_COUNT})):
        known = load_int64(arguments, {_KNOWN}) + {8 * _WORDS} * i
        before = load_int64(arguments, {_BEFORE}) + 16 * i
        now = load_int64(arguments, {_NOW}) + 16 * i
        may_move = i >= load_int64(arguments, {_TENSORS})
        differs = {GRADIENTS_DIFFER} if may_move else {CHANGED}
        item = load_int64(load_int64(arguments, {_ITEMS}), i)
        if load_int64(item + load_int64(arguments, {_TYPE_AT}), 0) != load_int64(known, {_TYPE}):
            return differs
        tensor = item + load_int64(arguments, {_TENSOR_AT})
        keys = load_int64(load_int64(tensor, 0) + load_int64(arguments, {_KEYS_AT}), 0)
        if keys != load_int64(known, {_KEYS}):
            return differs
        failed = call(load_int64(arguments, {_DTYPE_OF}), tensor, scratch)
        if failed or load_int32(scratch, 0) != load_int64(known, {_DTYPE}):
            return differs
        dim = load_int64(known, {_DIM})
        failed = call(load_int64(arguments, {_DIM_OF}), tensor, scratch)
        if failed or load_int64(scratch, 0) != dim:
            return differs
        for function in ({_SHAPE_OF}, {_STRIDES_OF}):
            if call(load_int64(arguments, function), tensor, scratch):
                return differs
            for axis in range(dim):
                if load_int64(load_int64(scratch, 0), axis) != load_int64(shape, axis):
                    return differs
            shape += 8 * dim
        failed = call(load_int64(arguments, {_ADDRESS_OF}), tensor, now)
        if failed or call(load_int64(arguments, {_SIZE_OF}), tensor, now + 8):
            return differs
        if load_int64(now, 0) != load_int64(before, 0) or load_int64(now, 1) != load_int64(before, 1):
            if not may_move:
                return {CHANGED}
            answer = {GRADIENTS_MOVED}
    return answer
"""


class SameTensors:
    """A batch's tensors, which may not change, and gradients, which may move.

    gradients: like those that are expected, wherever they lie.
    """

    def __init__(self, tensors: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        everything = (*tensors, *gradients)
        self._tensors = len(tensors)
        self._now = (ctypes.c_int64 * (2 * len(everything)))()
        self._before = (ctypes.c_int64 * (2 * len(everything)))(*_places(tensors))
        self._look = _native(everything, self._tensors, self._before, self._now) or self._look_from_python
        self._kinds = [] if self._look != self._look_from_python else list(map(_kind, everything))

    def look(self, everything: Everything) -> int:
        """CHANGED: a tensor is not what or where it was.  GRADIENTS_DIFFER: nor is a gradient, or there is none.

        GRADIENTS_MOVED: only their addresses or the sizes of their storages are others than those accepted last.
        """
        return self._look(everything)

    def of_tensors(self) -> list[int]:
        """The addresses of the tensors."""
        return self._before[: 2 * self._tensors : 2]

    def of_gradients(self) -> list[int]:
        """The addresses of the gradients at the last look, if they did not differ."""
        return self._now[2 * self._tensors :: 2]

    def sizes_of_gradients(self) -> list[int]:
        """Bytes of their storages."""
        return self._now[2 * self._tensors + 1 :: 2]

    def accept(self) -> None:
        """Take the places of the last look as those of before."""
        self._before[:] = self._now

    def _look_from_python(self, everything: Everything) -> int:
        first = self._tensors
        if list(map(_kind, everything[:first])) != self._kinds[:first]:
            return CHANGED
        if _places(everything[:first]) != self._before[: 2 * first]:
            return CHANGED
        if list(map(_kind, everything[first:])) != self._kinds[first:]:
            return GRADIENTS_DIFFER
        self._now[:] = _places(everything)
        return SAME if self._now[:] == self._before[:] else GRADIENTS_MOVED


def _kind(tensor: Any) -> tuple[Any, ...]:
    """What a strided tensor is, but for its memory; nothing for what is none."""
    if not isinstance(tensor, Tensor) or tensor.layout is not torch.strided:
        return ()
    return type(tensor), tensor.dtype, tensor.device, tensor.shape, tensor.stride(), is_itself(tensor)


def _places(tensors: Sequence[Tensor]) -> list[int]:
    """The address and the size of the storage of each, one after the other."""
    return [number for t in tensors for number in (t.data_ptr(), t.untyped_storage().nbytes())]


def _native(everything: Everything, tensors: int, before: Words, now: Words) -> Callable[[Everything], int] | None:
    """The look in machine code; None where torch or Python keep their objects in another way than is known here."""
    at, functions = places_in_objects(), c_functions(*(f"aoti_torch_get_{what}" for what in _ASKED))
    if at is None or functions is None or keys_of is None:
        return None
    keys = keys_of
    dtype_of: Any = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_int64, ctypes.c_void_p)(functions[0])
    dtype = ctypes.c_int32()

    def known(tensor: Tensor) -> tuple[int, ...]:
        dtype_of(id(tensor) + at.tensor, ctypes.byref(dtype))
        return id(type(tensor)), keys(tensor), dtype.value, tensor.dim()

    shapes = _words(chain.from_iterable((*t.shape, *t.stride()) for t in everything))
    held = _words(chain.from_iterable(map(known, everything))), shapes, before, now, _words([0])
    counts, addresses = (0, tensors, len(everything)), map(ctypes.addressof, held)
    arguments = _words([*counts, *addresses, at.type, at.tensor, at.keys, *functions])
    address, look = ctypes.addressof(arguments), _compiled()

    def look_at(everything: Everything, _alive: object = held) -> int:
        arguments[_ITEMS] = id(everything) + at.items
        return look(address)

    return look_at


def _words(numbers: Iterable[int]) -> Words:
    found = list(numbers)
    return (ctypes.c_int64 * len(found))(*found)


@functools.cache
def _compiled() -> Callable[[int], int]:
    """With the GIL, so that no other thread changes a tensor that is looked at."""
    kind: Any = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    return ctypes.cast(over_memory("look", _LOOK), kind)  # type: ignore[arg-type]
