"""One kernel over one table of tensors: everything about a step that is the same from step to step, prepared once."""

import ctypes
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.compiler.host import scalars
from steepest.compiler.program import Program
from steepest.kernels.backend import NO_MEMORY, OVERLAP, TAKEN, PreparedStep, Row, written
from steepest.kernels.cpu import codegen, entries, openmp
from steepest.kernels.cpu.before_step import STEPS_DIFFER, check, prepare
from steepest.kernels.cpu.scalar_states import ScalarStates
from steepest.kernels.cpu.workers import WORKERS, wait_until
from steepest.kernels.storage import STORAGES

PARALLEL_FROM = 128 * 1024
"""Elements from which other threads are called in: that costs 3 to 15 us, an element about 0.5 ns."""

SMALLEST_CHUNK, LARGEST_CHUNK = 16 * 1024, 256 * 1024
"""Elements that a thread takes at a time: long stretches are read faster (SGD on 124 M elements takes 1.02, 0.95 and
0.92 of torch's fused step with 16, 64 and 256 k), but few of them divide badly among many threads."""
ENOUGH_CHUNKS = 128

_ALL_INITIALIZED: frozenset[str] = frozenset()


class CPUStep(PreparedStep):
    """A compiled kernel and its table."""

    def __init__(self, program: Program, storages: tuple[str, ...], rows: Sequence[Row]) -> None:
        self._compute, self._slots = scalars(program), len(program.slots)
        indexed = bool(rows[0].index)
        self._kernel = codegen.kernel(program, storages, indexed=indexed)
        self._entry = ctypes.cast(self._kernel, ctypes.c_void_p).value or 0  # type: ignore[arg-type]
        self._prepare = prepare()
        self._real = ctypes.c_double if codegen.arithmetic(storages) == "float64" else ctypes.c_float
        self._uninitialized = [row.uninitialized for row in rows] if any(row.uninitialized for row in rows) else None
        elements = sum(row.elements * row.slice for row in rows)
        self._worth_sharing = elements >= PARALLEL_FROM
        self._chunk = max(1, _chunk_size(elements) // rows[0].slice)
        *first_chunks, self._chunks = np.cumsum([0, *(-(-row.elements // self._chunk) for row in rows)]).tolist()
        self._table = _table(rows, first_chunks, indexed=indexed)
        self.written = written(storages, rows)
        self._gradients = (ctypes.c_int64 * len(rows))()
        self._steps = (ctypes.c_double * len(rows))()
        self._counts = program.rule.counts
        self._scalar_states = ScalarStates([row.scalar_states for row in rows]) if program.scalar_states else None
        self._one_row = self._scalar_rows(1)
        self._rows_are_one = True
        self._arguments = self._constant_arguments(gradient_size=STORAGES[storages[1]].sizes[0] * rows[0].slice)
        self._address = ctypes.addressof(self._arguments)

    def write_beside(self, written: np.ndarray) -> None:
        self.written = written
        self._arguments[entries.WRITTEN], self._arguments[entries.WRITTEN_COUNT] = written.ctypes.data, len(written)

    def refuses(self, gradients: Sequence[int]) -> bool:
        self._gradients[:] = gradients
        return check()(self._address) != TAKEN

    def run(self, gradients: Sequence[int], hyperparameters: Mapping[str, Any], maximize: bool, threads: int) -> int:
        self._gradients[:] = gradients
        arguments = self._arguments
        arguments[entries.NEXT_CHUNK] = 0
        if self._counts:
            self._steps[0] = math.nan  # until the step is counted
        try:
            flags = self._prepare(self._address)
            if flags & (OVERLAP | NO_MEMORY):
                return flags
            scalars = self._scalars(hyperparameters, -1.0 if maximize else 1.0, differ=bool(flags & STEPS_DIFFER))
            arguments[entries.SCALARS] = ctypes.addressof(scalars)
            if threads == 1 or not self._worth_sharing:
                self._kernel(self._address)
            else:
                self._run_with(threads)
            self._uninitialized = None
            if self._scalar_states is not None:
                self._scalar_states.put_back()
        except BaseException:  # a hyperparameter that is no number, or what a signal raised
            self._finish_or_count_back()
            raise
        return TAKEN

    def _run_with(self, threads: int) -> None:
        if (team := openmp.team()) is not None:
            team(self._entry, self._address, threads)
        else:
            self._run_with_workers(min(threads, self._chunks) - 1)

    def _finish_or_count_back(self) -> None:
        """Leave all of a step or nothing: a kernel that has taken its first chunk was run to its end."""
        if self._arguments[entries.NEXT_CHUNK]:
            self._uninitialized = None
            if self._scalar_states is not None:
                self._scalar_states.put_back()
        elif self._counts and not math.isnan(self._steps[0]):
            self._count_back()

    def _count_back(self) -> None:
        for address, is_double in self._table[:, [entries.STEP, entries.STEP_IS_DOUBLE]].tolist():
            if address:
                (ctypes.c_double if is_double else ctypes.c_float).from_address(address).value -= 1

    def _run_with_workers(self, helpers: int) -> None:
        arguments = type(self._arguments)(*self._arguments)  # a worker that wakes late finds its own, finished counters
        arguments[entries.NEXT_CHUNK] = arguments[entries.DONE] = 0
        address = ctypes.addressof(arguments)

        def job(_alive: object = (self, arguments)) -> None:
            self._kernel(address)

        try:
            self._arguments[entries.NEXT_CHUNK] = 1  # those of this step have their own
            WORKERS.offer(job, helpers)
        finally:  # a worker may have begun: after a Ctrl-C too the step is finished before anybody touches the tensors
            try:
                self._kernel(address)
            finally:
                wait_until(lambda: arguments[entries.DONE] >= self._chunks)

    def _scalars(self, hyperparameters: Mapping[str, Any], sign: float, *, differ: bool) -> Any:
        """The numbers of this step: one row of slots, or one for each kind of row where they differ."""
        if self._scalar_states is not None:
            differ = self._scalar_states.fetch() or differ
        if not differ and self._uninitialized is None:
            if not self._rows_are_one:
                self._table[:, entries.SCALAR_ROW] = 0
                self._rows_are_one = True
            self._one_row[:] = (sign, *self._values(hyperparameters, self._steps[0], _ALL_INITIALIZED))
            scalars = self._one_row
        else:
            scalars = self._many_rows = self._rows_that_differ(hyperparameters, sign)  # alive until the next step
            self._rows_are_one = False
        return scalars

    def _rows_that_differ(self, hyperparameters: Mapping[str, Any], sign: float) -> Any:
        kinds: dict[tuple, list[int]] = {}
        for row, step in enumerate(self._steps):
            uninitialized = self._uninitialized[row] if self._uninitialized else _ALL_INITIALIZED
            single = tuple(self._scalar_states.values[row]) if self._scalar_states else ()
            kinds.setdefault((step, uninitialized, single), []).append(row)
        for position, rows in enumerate(kinds.values()):
            self._table[rows, entries.SCALAR_ROW] = position
        scalars = self._scalar_rows(len(kinds))
        scalars[:] = [
            value
            for (step, uninitialized, _), rows in kinds.items()
            for value in (sign, *self._values(hyperparameters, step, uninitialized, rows))
        ]
        return scalars

    def _values(
        self, hyperparameters: Mapping[str, Any], step: float, uninitialized: frozenset[str], rows: Any = slice(None)
    ) -> tuple[float, ...]:
        """The slots of rows that are alike, whose states that are one number are given their new values."""
        if self._scalar_states is None:
            return self._compute(hyperparameters, step, uninitialized)
        values = self._compute(hyperparameters, step, uninitialized, self._scalar_states.values[rows][0].tolist())
        self._scalar_states.values[rows] = values[self._slots :]
        return values[: self._slots]

    def _scalar_rows(self, rows: int) -> Any:
        return (self._real * (rows * (1 + self._slots)))()

    def _constant_arguments(self, gradient_size: int) -> Any:
        values = (ctypes.c_int64 * entries.ARGUMENTS)()
        values[entries.TABLE], (values[entries.ROWS], values[entries.COLUMNS]) = (
            self._table.ctypes.data,
            self._table.shape,
        )
        values[entries.GRADIENTS], values[entries.GRADIENT_SIZE] = ctypes.addressof(self._gradients), gradient_size
        values[entries.WRITTEN], values[entries.WRITTEN_COUNT] = self.written.ctypes.data, len(self.written)
        values[entries.STEPS], values[entries.CHUNKS] = ctypes.addressof(self._steps), self._chunks
        values[entries.CHUNK] = self._chunk
        return values


def _chunk_size(elements: int) -> int:
    size = SMALLEST_CHUNK
    while size < LARGEST_CHUNK and 2 * size * ENOUGH_CHUNKS <= elements:
        size *= 2
    return size


def _table(rows: Sequence[Row], first_chunks: Sequence[int], *, indexed: bool) -> np.ndarray:
    return np.array(
        [
            [first, row.elements, 0, row.step, row.step_is_double, row.parameter, *row.states]
            + ([row.index, row.slice] if indexed else [])
            for first, row in zip(first_chunks, rows, strict=True)
        ],
        dtype=np.int64,
    )
