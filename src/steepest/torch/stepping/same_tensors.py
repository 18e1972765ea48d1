"""Whether tensors are what they were when a step was prepared, and where they lie: asked of all of them at once.

Asking each from Python costs 0.5 us a tensor, at every step; in machine code it is 0.04 us.
"""

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from steepest.torch.internals import is_itself
from steepest.torch.stepping.native_look import (
    CHANGED,
    GRADIENTS_DIFFER,
    GRADIENTS_MOVED,
    SAME,
    Everything,
    native_look,
)

WORTH_COMPILING = 10
"""Looks of one batch that are asked from Python, where nothing is compiled yet: a short program's first step is not to
wait for it."""


class SameTensors:
    """A batch's tensors, which may not change, and gradients, which may move.

    gradients: like those that are expected, wherever they lie.
    """

    def __init__(self, tensors: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        everything = (*tensors, *gradients)
        self._tensors = len(tensors)
        self._now = (ctypes.c_int64 * (2 * len(everything)))()
        self._before = (ctypes.c_int64 * (2 * len(everything)))(*_places(tensors))
        self._native = native_look(everything, self._tensors, self._before, self._now, compiles=False)
        self._kinds = [] if self._native else list(map(_kind, everything))
        self._looks = 0

    def look(self, everything: Everything) -> int:
        """CHANGED: a tensor is not what or where it was.  GRADIENTS_DIFFER: nor is a gradient, or there is none.

        GRADIENTS_MOVED: only their addresses or the sizes of their storages are others than those accepted last.
        """
        if self._native is not None:
            return self._native(everything)
        found = self._look_from_python(everything)
        self._looks += 1
        if self._looks == WORTH_COMPILING and found in (SAME, GRADIENTS_MOVED):
            self._native = native_look(everything, self._tensors, self._before, self._now, compiles=True)
        return found

    def look_into(self, owners: Everything) -> int:
        """The same of shards without fetching them from their DTensors; CHANGED too where that cannot be told."""
        return CHANGED if self._native is None else self._native.into(owners)

    def know(self, owners: Everything, shards: Everything, specs: Sequence[Any]) -> None:
        """Take these DTensors, divided as these objects say, for the owners of the shards that were looked at."""
        if self._native is not None:
            self._native.know(owners, shards, specs)

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
        if len(everything) != len(self._kinds) or list(map(_kind, everything[:first])) != self._kinds[:first]:
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
