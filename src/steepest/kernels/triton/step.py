"""A step on a GPU: two launches, of the numbers and of the elements, over tables that lie in its memory."""

import functools
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.compiler.program import Program
from steepest.kernels.backend import TAKEN, PreparedStep, Row
from steepest.kernels.triton import columns, driver, loading, rows, slots
from steepest.kernels.triton.driver import Driver, Packed
from steepest.kernels.triton.over_tables import OverTables, StepOverTables
from steepest.kernels.triton.text import KERNEL, arithmetic, text


class GPU(OverTables):
    """The backend of NVIDIA's GPUs."""

    def prepare(self, program: Program, storages: tuple[str, ...], rows: Sequence[Row]) -> PreparedStep:
        return GPUStep(program, storages, rows, driver.driver())


class _Kernel:
    """Machine code that is loaded on one device."""

    def __init__(
        self, using: Driver, device: int, source: str, name: str, arguments: Mapping[str, str], real: str
    ) -> None:
        self._using = using
        self._code = loading.code(source, name, tuple(arguments.items()), real, using.target(device))
        self._function = using.function(self._code)

    def __call__(self, programs: int, packed: Packed, stream: int) -> None:
        if programs:
            self._using.launch(self._function, self._code, programs, packed, stream)


@functools.lru_cache(maxsize=1024)
def _kernels(
    using: Driver, device: int, program: Program, storages: tuple[str, ...], indexed: bool
) -> tuple[_Kernel, _Kernel]:
    real, name = arithmetic(storages), program.rule.name
    numbers = _Kernel(using, device, slots.text(program, real), slots.name_of(program), slots.ARGUMENTS, real)
    return numbers, _Kernel(using, device, text(program, storages, indexed=indexed), name, KERNEL, real)


class GPUStep(StepOverTables):
    """Kernels and their tables; what changes from step to step is copied there when it has changed.

    Nobody waits for the device: steps are counted there, and a copy is queued behind the work before it.
    """

    def __init__(self, program: Program, storages: tuple[str, ...], found: Sequence[Row], using: Driver) -> None:
        super().__init__(program, storages, found)
        self._using = using
        self._device = using.device_of(found[0].parameter)
        self._addresses: Sequence[int] = ()
        self._values: list[float] = []
        of_chunks, count = rows.rows_of_chunks(found), len(found)
        self._programs = -(-count // columns.LANES), len(of_chunks)
        width = columns.SLOTS + len(program.slots)
        with using.on(self._device):
            self._kernels = _kernels(using, self._device, program, storages, bool(found[0].index))
            arrays = [rows.table(found), of_chunks, slots.table(program, found), np.array([0, 1], np.float32)]
            table, chunks, numbers, amp = (self._kept(array.tobytes()) for array in arrays)
            given = 1 + len(slots.values(program, program.rule.hyperparameters))
            sizes = 8 * count, 8 * given, 8 * count * width
            self._gradients, self._hyperparameters, scalars = (self._kept(bytes(size)) for size in sizes)
            using.wait()  # whatever stream the first step is on
        self._of_numbers = Packed([numbers, self._hyperparameters, amp, amp + 4, scalars, count])
        self._of_elements = Packed([table, self._gradients, chunks, scalars])

    def _kept(self, data: bytes) -> int:
        """Memory of the device with these bytes, for as long as this step is there."""
        address = self._using.allocate(max(16, len(data)))
        weakref.finalize(self, _freed, self._using, self._device, address).atexit = False
        self._using.upload(address, data, driver.current_stream(self._device))
        return address

    def write_beside(self, written: np.ndarray) -> None:
        super().write_beside(written)
        self._addresses = ()

    def run(self, gradients: Sequence[int], hyperparameters: Mapping[str, Any], maximize: bool, threads: int) -> int:
        moved = gradients != self._addresses
        if moved and (outcome := self._memory.outcome(gradients)) != TAKEN:
            return outcome
        values = self._given(hyperparameters, maximize=maximize)
        using, stream = self._using, driver.current_stream(self._device)
        of_numbers, of_elements = self._kernels
        with using.on(self._device):
            if moved:
                using.upload(self._gradients, np.array(gradients, np.int64).tobytes(), stream)
                self._addresses = [*gradients]
            if values != self._values:
                using.upload(self._hyperparameters, np.array(values).tobytes(), stream)
                self._values = values
            of_numbers(self._programs[0], self._of_numbers, stream)
            of_elements(self._programs[1], self._of_elements, stream)
        return TAKEN


def _freed(using: Driver, device: int, address: int) -> None:
    with using.on(device):
        using.free(address)


CUDA = GPU()
