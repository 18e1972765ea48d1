"""The numbers of a step where step counts lie in the processor's memory: computed there as for the processor's kernel.

That is where torch keeps them unless an optimizer is `capturable` or `fused`.  The few numbers that come out are copied
to the device behind the work that is queued there.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.compiler.host import scalars
from steepest.compiler.program import Program
from steepest.kernels.backend import Row
from steepest.kernels.cpu.scalar_states import ScalarStates
from steepest.kernels.triton import columns, rows
from steepest.kernels.triton.buffers import Buffers

_ALL_INITIALIZED: frozenset[str] = frozenset()

IN_GRAPH = (
    "A step whose counts are on the processor cannot go into a graph: they would stand still when it is replayed. "
    "Make the optimizer with capturable=True (or fused=True), and take one step before the capture."
)


class NumbersOfHost:
    """The host's function, and where its results go.

    scalars: the address of the rows that it writes.
    """

    def __init__(
        self, program: Program, found: Sequence[Row], real: str, using: Any, device: int, buffers: Buffers
    ) -> None:
        self._compute, self._slots, self._counts = scalars(program), len(program.slots), program.rule.counts
        self._real, self._using = np.dtype(real), using
        self._states = ScalarStates([_places(row, counts=self._counts) for row in found])
        self._uninitialized = [row.uninitialized for row in found] if any(row.uninitialized for row in found) else None
        width = columns.SLOTS + self._slots
        self.scalars = buffers.new(bytes(self._real.itemsize * width * len(found)))
        self._alike, self._different = (
            buffers.new(rows.table(found, alike=alike).tobytes()) for alike in (True, False)
        )

    def queue(
        self,
        hyperparameters: Mapping[str, Any],
        direction: float,
        scaling: tuple[int, int],
        stream: int,
        *,
        is_captured: bool,
    ) -> int:
        """Queue a copy of the scalars; the address of the table of elements that reads them."""
        if is_captured:
            raise RuntimeError(IN_GRAPH)
        assert scaling == (0, 0), "who keeps counts on the host asks there whether gradients are finite"
        alike = not self._states.fetch() and self._uninitialized is None
        count = 1 if alike else len(self._states.values)
        found = np.array([self._row(hyperparameters, direction, row) for row in range(count)])
        with np.errstate(over="ignore"):  # a number too large for float32 is infinite
            found = found.astype(self._real)
        if alike:
            self._states.values[:] = self._states.values[0]
        self._using.upload(self.scalars, found.tobytes(), stream)
        return self._alike if alike else self._different

    def tell(self, row: Row, stream: int) -> None:
        """Have the kernel of elements walk another row."""
        data = rows.table([row]).tobytes()  # of one row both tables are the same
        for table in (self._alike, self._different):
            self._using.upload(table, data, stream)

    def counted(self) -> None:
        """Write the counts of the step that was queued."""
        self._states.put_back()
        self._uninitialized = None

    # No graph has such a step.

    def renew(self, hyperparameters: Mapping[str, Any], direction: float, stream: int) -> bool:
        return True

    def clock(self, stream: int) -> None:
        return None

    def set_clock(self, clock: int, stream: int) -> None:
        pass

    def _row(self, hyperparameters: Mapping[str, Any], direction: float, row: int) -> list[float]:
        """The scalars of a row, whose states that are one number are given their new values."""
        values = self._states.values[row]
        step, single = (values[0] + 1, values[1:]) if self._counts else (1.0, values)
        new = self._uninitialized[row] if self._uninitialized else _ALL_INITIALIZED
        found = self._compute(hyperparameters, float(step), new, single.tolist())
        values[:] = [*([step] if self._counts else []), *found[self._slots :]]
        return [direction, 0.0, *found[: self._slots]]


def _places(row: Row, *, counts: bool) -> list[tuple[int, bool]]:
    return [*([(row.step, row.step_is_double)] if counts else []), *row.scalar_states]
