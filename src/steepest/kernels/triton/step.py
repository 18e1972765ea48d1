"""A step on a GPU: two launches, of the numbers and of the elements, over tables that lie in its memory."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.compiler.program import Program
from steepest.kernels.backend import TAKEN, Row
from steepest.kernels.triton import driver, rows
from steepest.kernels.triton.buffers import Buffers
from steepest.kernels.triton.driver import Packed
from steepest.kernels.triton.numbers_of_host import NumbersOfHost
from steepest.kernels.triton.numbers_on_device import NumbersOnDevice
from steepest.kernels.triton.over_tables import StepOverTables
from steepest.kernels.triton.text import KERNEL, arithmetic, text

_TABLE, _GRADIENTS = 0, 1
"""Arguments of the kernel that change from step to step."""


class GPUStep(StepOverTables):
    """Kernels and their tables; what changes from step to step is copied there when it has changed.

    Nobody waits for the device: a copy is queued behind the work before it.  While a graph is captured a copy would be
    part of the graph, so what is new then lies in new memory, which is filled at once and never written to again.
    """

    def __init__(self, program: Program, storages: tuple[str, ...], found: Sequence[Row], using: Any) -> None:
        super().__init__(program, storages, found)
        self._using, real = using, arithmetic(storages)
        address = _address_in(found)
        self._device = using.device_of(address) if address else 0
        self._addresses: Sequence[int] = ()
        self._is_in_graph = False  # whether a graph reads the addresses of gradients
        self._buffers = buffers = Buffers(using, self._device)
        of_chunks = rows.rows_of_chunks(found)
        self._chunks = len(of_chunks)
        with using.on(self._device), using.in_spite_of_captures():
            source = text(program, storages, indexed=bool(found[0].index))
            self._kernel = using.load(self._device, source, program.rule.name, KERNEL, real)
            has_numbers = program.rule.counts or program.scalar_states
            of = NumbersOfHost if has_numbers and found[0].numbers_on_host else NumbersOnDevice
            self._numbers = of(program, found, real, using, self._device, buffers)
            gradients, chunks = buffers.new(bytes(8 * len(found))), buffers.new(of_chunks.tobytes())
        self._packed = Packed([0, gradients, chunks, self._numbers.scalars])

    def write_beside(self, written: np.ndarray) -> None:
        super().write_beside(written)
        self._addresses = ()

    def run(self, gradients: Sequence[int], hyperparameters: Mapping[str, Any], maximize: bool, threads: int) -> int:
        moved = gradients != self._addresses
        if moved and (outcome := self._memory.outcome(gradients)) != TAKEN:
            return outcome
        using, stream = self._using, driver.current_stream(self._device)
        direction = -1.0 if maximize else 1.0
        with using.on(self._device):
            is_captured = using.is_capturing(stream)
            table = self._numbers.queue(hyperparameters, direction, self.scaling, stream, is_captured=is_captured)
            if moved:
                self._place(gradients, stream, is_captured=is_captured)
            if is_captured:
                self._is_in_graph = True
                self._buffers.outlive()
            self._packed.values[_TABLE] = table
            self._kernel(self._chunks, self._packed, stream)
        self._numbers.counted()
        return TAKEN

    def renew(self, hyperparameters: Mapping[str, Any], maximize: bool) -> bool:
        with self._using.on(self._device):
            direction = -1.0 if maximize else 1.0
            return self._numbers.renew(hyperparameters, direction, driver.current_stream(self._device))

    def clock(self) -> int | None:
        with self._using.on(self._device):
            return self._numbers.clock(driver.current_stream(self._device))

    def set_clock(self, clock: int) -> None:
        with self._using.on(self._device):
            self._numbers.set_clock(clock, driver.current_stream(self._device))

    def _place(self, gradients: Sequence[int], stream: int, *, is_captured: bool) -> None:
        data = np.array(gradients, np.int64).tobytes()
        if is_captured or self._is_in_graph:
            self._packed.values[_GRADIENTS] = self._buffers.new(data)
            self._is_in_graph = is_captured
        else:
            self._using.upload(self._packed.values[_GRADIENTS], data, stream)
        self._addresses = [*gradients]


def _address_in(found: Sequence[Row]) -> int:
    """Some address of the device; 0 where nothing lies there."""
    of_numbers = ((row.step, *(at for at, _ in row.scalar_states)) for row in found if not row.numbers_on_host)
    addresses = (one for row in found for one in (row.parameter, *row.states))
    return next(filter(None, addresses), 0) or next((one for row in of_numbers for one in row if one), 0)
