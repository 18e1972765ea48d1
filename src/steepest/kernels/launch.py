"""One kernel over one table of tensors: everything about a step that is the same from step to step, prepared once."""

import ctypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.kernels import cpu
from steepest.kernels.table import OVERLAP, STEPS_DIFFER, prepare
from steepest.kernels.workers import WORKERS, wait_until
from steepest.program import Program

PARALLEL_FROM = 128 * 1024
"""Elements from which other threads are called in: waking one costs 10 to 20 us, an element about 0.5 ns."""

_NOTHING_FRESH: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Row:
    """One tensor of a table: how many elements, and where they and its step count lie in memory.

    step: address of the step count, 0 for none; step_is_double: whether it is a float64, else a float32.
    fresh: the states that this step makes.
    """

    elements: int
    parameter: int
    states: tuple[int, ...]
    step: int
    step_is_double: bool
    fresh: frozenset[str]


class Launch:
    """A compiled kernel and its table.  The caller answers for every address, and keeps what lies there alive.

    dtypes: of p, g and each state of the program.
    sizes: bytes of one element of each.
    """

    def __init__(self, program: Program, dtypes: tuple[str, ...], sizes: Sequence[int], rows: Sequence[Row]) -> None:
        self._program = program
        self._kernel = cpu.kernel(program, dtypes)
        self._prepare = prepare()
        self._real = ctypes.c_double if cpu.arithmetic(dtypes) == "float64" else ctypes.c_float
        self._fresh = [row.fresh for row in rows] if any(row.fresh for row in rows) else None
        self._elements = sum(row.elements for row in rows)
        self._table = _table(rows)
        self._gradients = self._table[:, cpu.GRADIENT]
        self._steps = np.zeros(len(rows))
        self._written = _written(rows, sizes)
        self._one_row = self._scalar_rows(1)
        self._rows_are_one = True
        chunks = self._table[-1, cpu.FIRST_CHUNK] + _chunks(rows[-1].elements)
        self._arguments = _arguments(self, chunks, gradient_size=sizes[1])
        self._address = self._arguments.ctypes.data

    def run(self, gradients: Sequence[int], hyperparameters: Mapping[str, Any], *, maximize: bool, threads: int) -> bool:
        """Take one step; False, with nothing changed, where a gradient lies in memory that the step writes.

        gradients: address of each row's gradient, laid out as its parameter.  threads: how many may work.
        """
        self._gradients[:] = gradients
        flags = self._prepare(self._address)
        if flags & OVERLAP:
            return False
        scalars = self._scalars(hyperparameters, -1.0 if maximize else 1.0, differ=bool(flags & STEPS_DIFFER))
        self._arguments[cpu.SCALARS] = ctypes.addressof(scalars)
        helpers = min(threads, int(self._arguments[cpu.CHUNKS])) - 1
        if helpers > 0 and self._elements >= PARALLEL_FROM:
            self._run_with(helpers)
        else:
            self._arguments[cpu.NEXT_CHUNK] = 0
            self._kernel(self._address)
        self._fresh = None
        return True

    def _run_with(self, helpers: int) -> None:
        arguments = self._arguments.copy()  # a worker that wakes late finds its own, finished counters here
        arguments[cpu.NEXT_CHUNK] = arguments[cpu.DONE] = 0
        chunks = arguments[cpu.CHUNKS]
        address = arguments.ctypes.data

        def job(_alive: object = (self, arguments)) -> None:
            self._kernel(address)

        WORKERS.offer(job, helpers)
        self._kernel(address)
        wait_until(lambda: arguments[cpu.DONE] >= chunks)

    def _scalars(self, hyperparameters: Mapping[str, Any], sign: float, *, differ: bool) -> Any:
        """The numbers of this step: one row of slots, or one for each different step count and freshness."""
        if not differ and self._fresh is None:
            if not self._rows_are_one:
                self._table[:, cpu.SCALAR_ROW] = 0
                self._rows_are_one = True
            step = self._steps[0].item()
            self._one_row[:] = (sign, *self._program.scalars(hyperparameters, step, _NOTHING_FRESH))
            return self._one_row
        kinds = list(zip(self._steps.tolist(), self._fresh or [_NOTHING_FRESH] * len(self._steps), strict=True))
        different = list(dict.fromkeys(kinds))
        position = {kind: row for row, kind in enumerate(different)}
        self._table[:, cpu.SCALAR_ROW] = [position[kind] for kind in kinds]
        self._rows_are_one = False
        rows = self._scalar_rows(len(different))
        rows[:] = [
            value
            for step, fresh in different
            for value in (sign, *self._program.scalars(hyperparameters, step, fresh))
        ]
        self._many_rows = rows  # alive until the next step
        return rows

    def _scalar_rows(self, rows: int) -> Any:
        return (self._real * (rows * (1 + len(self._program.slots))))()


def _chunks(elements: int) -> int:
    return -(-elements // cpu.CHUNK)


def _table(rows: Sequence[Row]) -> np.ndarray:
    first_chunks = np.cumsum([0, *(_chunks(row.elements) for row in rows)])
    return np.array(
        [
            [first, row.elements, 0, row.step, row.step_is_double, row.parameter, 0, *row.states]
            for first, row in zip(first_chunks, rows, strict=False)
        ],
        dtype=np.int64,
    )


def _written(rows: Sequence[Row], sizes: Sequence[int]) -> np.ndarray:
    """[begin, end) of every range that a step writes, by address."""
    ranges = [
        (address, address + row.elements * size)
        for row in rows
        for address, size in zip((row.parameter, *row.states), (sizes[0], *sizes[2:]), strict=True)
        if row.elements
    ]
    return np.array(sorted(ranges), dtype=np.int64).reshape(-1, 2)


def _arguments(launch: Launch, chunks: int, gradient_size: int) -> np.ndarray:
    values = np.zeros(cpu.ARGUMENTS, dtype=np.int64)
    table, written = launch._table, launch._written
    values[cpu.TABLE], values[cpu.ROWS], values[cpu.COLUMNS] = table.ctypes.data, *table.shape
    values[cpu.WRITTEN], values[cpu.WRITTEN_COUNT] = written.ctypes.data, len(written)
    values[cpu.STEPS] = launch._steps.ctypes.data
    values[cpu.CHUNKS], values[cpu.GRADIENT_SIZE] = chunks, gradient_size
    return values
