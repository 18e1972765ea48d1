"""The numbers of a step where step counts lie on the device: computed there, so nobody waits, and graphs go on."""

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.compiler.program import Program
from steepest.kernels.backend import Row
from steepest.kernels.triton import columns, rows, slots
from steepest.kernels.triton.buffers import Buffers
from steepest.kernels.triton.driver import Packed
from steepest.kernels.triton.given import Given, Kind, given

_FOUND_INF, _GRAD_SCALE = 2, 3
"""Arguments of the kernel that change from step to step."""


class NumbersOnDevice:
    """The small kernel and what it reads.

    scalars: the address of the rows that it writes.
    """

    def __init__(
        self, program: Program, found: Sequence[Row], real: str, using: Any, device: int, buffers: Buffers
    ) -> None:
        self._program, self._real, self._count = program, real, len(found)
        self._using, self._device, self._buffers = using, device, buffers
        width, size = columns.SLOTS + len(program.slots), 8 if real == "float64" else 4
        self.scalars = buffers.new(bytes(size * width * len(found)))
        self.table = buffers.new(rows.table(found).tobytes())
        self._rows = buffers.new(slots.table(program, found).tobytes())
        self._unscaled = buffers.new(np.array([0, 1], np.float32).tobytes())
        self._clocks, self._clocks_began = 0, -1
        self._variants: dict[tuple[Kind, ...], _Variant] = {}
        self._load(())  # what most steps need, where it can still be refused
        self._is_ready_for_graphs = False

    def queue(
        self,
        hyperparameters: Mapping[str, Any],
        direction: float,
        scaling: tuple[int, int],
        stream: int,
        *,
        is_captured: bool,
    ) -> int:
        """Queue what computes the scalars; the address of the table of elements that reads them.

        scaling: addresses of found_inf and of grad_scale, 0 for none.
        """
        words = given(self._program, hyperparameters, self._using.memory, self._device, is_captured=is_captured)
        if words.are_scheduled and not self._is_ready_for_graphs:
            self._prepare_for_graphs(hyperparameters)
        variant = self._variant(words, direction, is_captured=is_captured)
        variant.give(words, direction, self._using, stream, self._buffers, is_captured=is_captured)
        found_inf, grad_scale = scaling
        variant.packed.values[_FOUND_INF] = found_inf or self._unscaled
        variant.packed.values[_GRAD_SCALE] = grad_scale or self._unscaled + 4
        variant.kernel(-(-self._count // columns.LANES), variant.packed, stream)
        return self.table

    def tell(self, row: Row, stream: int) -> None:
        """Have the kernel of elements walk another row."""
        self._using.upload(self.table, rows.table([row]).tobytes(), stream)

    def counted(self) -> None:
        """The kernel has counted."""

    def clock(self, stream: int) -> int | None:
        """How many steps the schedules of graphs have seen; None where there are none.  Waits for the device."""
        if not self._clocks:
            return None
        return int(np.frombuffer(self._using.download(self._clocks, 8, stream), np.int64)[0])

    def set_clock(self, clock: int, stream: int) -> None:
        """Have the schedules of graphs go on from here."""
        if self._clocks:
            self._using.upload(self._clocks, np.full(self._count, clock, np.int64).tobytes(), stream)
            self._clocks_began = clock

    def renew(self, hyperparameters: Mapping[str, Any], direction: float, stream: int) -> bool:
        """Have graphs read these from now on; whether they can: words of other kinds are another kernel's."""
        words = given(self._program, hyperparameters, self._using.memory, self._device, is_captured=True)
        variant = self._variants.get(words.kinds)
        if variant is None or not variant.is_in_graph:
            return False
        variant.give(words, direction, self._using, stream, self._buffers, is_captured=False)
        self._buffers.outlive(*words.sources)
        return True

    def _variant(self, words: Given, direction: float, *, is_captured: bool) -> "_Variant":
        """The kernel for words of these kinds."""
        if words.kinds not in self._variants:
            with self._using.in_spite_of_captures():
                self._variants[words.kinds] = self._made(words, direction)
        elif _has_schedule(words) and words.clock != self._clocks_began:  # steps outside of graphs came in between
            self._variants[words.kinds] = self._made(words, direction)
        return self._variants[words.kinds]

    def _made(self, words: Given, direction: float) -> "_Variant":
        kernel, data = self._load(words.kinds), words.bytes(direction)
        if _has_schedule(words) and words.clock != self._clocks_began:
            self._clocks = self._buffers.new(np.full(self._count, words.clock, np.int64).tobytes())
            self._clocks_began = words.clock
        address = self._buffers.new(data)
        packed = Packed([self._rows, address, 0, 0, self.scalars, self._clocks or self._rows, self._count])
        return _Variant(kernel, packed, data)

    def _prepare_for_graphs(self, hyperparameters: Mapping[str, Any]) -> None:
        """Have the kernel in which schedules go on before a capture begins, which is no time for a compiler."""
        self._is_ready_for_graphs = True
        words = given(self._program, hyperparameters, self._using.memory, self._device, is_captured=True)
        with contextlib.suppress(TypeError), self._using.in_spite_of_captures():
            self._load(words.kinds)  # a schedule that asks for its step is refused if a capture comes

    def _load(self, kinds: tuple[Kind, ...]) -> Any:
        program, real = self._program, self._real
        source = slots.text(program, real, kinds)
        return self._using.load(self._device, source, slots.name_of(program), slots.ARGUMENTS, real)


class _Variant:
    """The kernel for hyperparameters of some kinds, and what it was told last."""

    def __init__(self, kernel: Any, packed: Packed, data: bytes) -> None:
        self.kernel, self.packed = kernel, packed
        self._data, self.is_in_graph = data, False
        self.sources: tuple[Any, ...] = ()

    def give(
        self, words: Given, direction: float, using: Any, stream: int, buffers: Buffers, *, is_captured: bool
    ) -> None:
        """Have the words in memory, for this step and for graphs that were captured before."""
        self.sources = words.sources
        if is_captured:
            self.is_in_graph = True
            buffers.outlive(*words.sources)
        if (data := words.bytes(direction)) == self._data:
            return
        self._data = data
        if is_captured:  # a copy now would be part of the graph, and other graphs may read the memory
            self.packed.values[1] = buffers.new(data)
            buffers.outlive()
        else:
            using.upload(self.packed.values[1], data, stream)


def _has_schedule(words: Given) -> bool:
    return any(hasattr(kind, "_at") for kind in words.kinds)
