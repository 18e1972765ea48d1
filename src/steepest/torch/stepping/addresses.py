"""Where tensors lie and how large their storages are, asked of all tensors of a step at once.

Asking each from Python costs 0.1 us for its address and 0.1 us for its storage's size, at every step.  So the two are
asked in machine code, of torch's stable C interface (`torch/csrc/inductor/aoti_torch/c/shim.h`), 0.01 us together.
"""

import ctypes
import functools
from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from steepest.kernels.cpu.memory import over_memory
from steepest.torch.internals import c_function, items_of_tuple, place_in_object

SAME, GRADIENTS_MOVED, CHANGED = range(3)

_ITEMS, _PLACE, _TENSORS, _COUNT, _NOW, _BEFORE, _ADDRESS_OF, _SIZE_OF = range(8)

_LOOK = f"""\
def look(arguments):
    items = load_int64(arguments, {_ITEMS})
    now = load_int64(arguments, {_NOW})
    before = load_int64(arguments, {_BEFORE})
    answer = {SAME}
    for i in range(load_int64(arguments, {_COUNT})):
        tensor = load_int64(items, i) + load_int64(arguments, {_PLACE})
        found = now + 16 * i
        if call(load_int64(arguments, {_ADDRESS_OF}), tensor, found) != 0:
            return {CHANGED}
        if call(load_int64(arguments, {_SIZE_OF}), tensor, found + 8) != 0:
            return {CHANGED}
        was = before + 16 * i
        if load_int64(found, 0) != load_int64(was, 0) or load_int64(found, 1) != load_int64(was, 1):
            if i < load_int64(arguments, {_TENSORS}):
                return {CHANGED}
            answer = {GRADIENTS_MOVED}
    return answer
"""


class Addresses:
    """Addresses and sizes of storages of a batch's tensors, which may not change, and gradients, which may move."""

    def __init__(self, tensors: Sequence[Tensor], gradients: int) -> None:
        self._tensors = len(tensors)
        count = self._tensors + gradients
        self._now, self._before = (ctypes.c_int64 * (2 * count))(), (ctypes.c_int64 * (2 * count))()
        self._before[: 2 * self._tensors] = _places(tensors)
        self._look = _native(self._now, self._before, self._tensors, count) or self._look_from_python

    def look(self, everything: tuple[Tensor, ...]) -> int:
        """SAME, GRADIENTS_MOVED or CHANGED, for the tensors and behind them the gradients."""
        return self._look(everything)

    def of_tensors(self) -> list[int]:
        """The addresses of the tensors."""
        return self._before[: 2 * self._tensors : 2]

    def of_gradients(self) -> list[int]:
        """The addresses of the gradients at the last look."""
        return self._now[2 * self._tensors :: 2]

    def sizes_of_gradients(self) -> list[int]:
        """Bytes of their storages."""
        return self._now[2 * self._tensors + 1 :: 2]

    def accept(self) -> None:
        """Take the places of the last look as those of before."""
        self._before[:] = self._now

    def _look_from_python(self, everything: tuple[Tensor, ...]) -> int:
        self._now[:] = _places(everything)
        first = 2 * self._tensors
        if self._now[:first] != self._before[:first]:
            return CHANGED
        return SAME if self._now[first:] == self._before[first:] else GRADIENTS_MOVED


def _places(tensors: Sequence[Tensor]) -> list[int]:
    """The address and the size of the storage of each, one after the other."""
    return [number for tensor in tensors for number in (tensor.data_ptr(), tensor.untyped_storage().nbytes())]


_Numbers = ctypes.Array[ctypes.c_int64]


def _native(now: _Numbers, before: _Numbers, tensors: int, count: int) -> Callable[[tuple[Tensor, ...]], int] | None:
    """The look in machine code; None where torch or Python keep their objects in another way than is known here."""
    place, items = place_in_object(), items_of_tuple()
    address_of, size_of = c_function("aoti_torch_get_data_ptr"), c_function("aoti_torch_get_storage_size")
    if place is None or items is None or address_of is None or size_of is None:
        return None
    addresses = map(ctypes.addressof, (now, before))
    arguments = (ctypes.c_int64 * 8)(0, place, tensors, count, *addresses, address_of, size_of)
    at, look = ctypes.addressof(arguments), _compiled()

    def look_at(everything: tuple[Tensor, ...]) -> int:
        arguments[_ITEMS] = id(everything) + items
        return look(at)

    return look_at


@functools.cache
def _compiled() -> Callable[[int], int]:
    """With the GIL, so that no other thread changes a tensor that is looked at."""
    kind: Any = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    return ctypes.cast(over_memory("look", _LOOK), kind)  # type: ignore[arg-type]
