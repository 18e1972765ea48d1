"""The arrays that a launch is handed: one row for each tensor, one entry for each chunk, and what must hold before."""

from collections.abc import Sequence

import numpy as np

from steepest.kernels.backend import NO_MEMORY, OVERLAP, TAKEN, Row
from steepest.kernels.triton.columns import BLOCK


def elements(row: Row) -> int:
    """How many elements of a row are stepped: those of its gradient."""
    return row.elements * row.slice


def table(rows: Sequence[Row], *, alike: bool = False) -> np.ndarray:
    """The table in the order of `columns`.

    alike: all rows read the first row of scalars; else each has its own.
    """
    first_chunks = np.cumsum([0, *(-(-elements(row) // BLOCK) for row in rows)])
    return np.array(
        [
            [
                first,
                elements(row),
                0 if alike else place,
                row.parameter,
                *row.states,
                *([row.index, row.slice] if row.index else []),
            ]
            for place, (first, row) in enumerate(zip(first_chunks, rows, strict=False))
        ],
        dtype=np.int64,
    )


def rows_of_chunks(rows: Sequence[Row]) -> np.ndarray:
    """Which row each chunk belongs to."""
    chunks = [-(-elements(row) // BLOCK) for row in rows]
    return np.repeat(np.arange(len(rows), dtype=np.int32), chunks)


class Memory:
    """Where gradients may lie.

    sizes: bytes of the gradient of each row.  written: [begin, end) of what the step writes, by address, in order.
    """

    def __init__(self, sizes: Sequence[int], written: np.ndarray) -> None:
        self._sizes, self.written = np.array(sizes, dtype=np.int64), written

    def outcome(self, gradients: Sequence[int]) -> int:
        """TAKEN, or why no step is taken along gradients at these addresses."""
        begins = np.array(gradients, dtype=np.int64)[self._sizes > 0]
        ends = begins + self._sizes[self._sizes > 0]
        if not begins.all():
            return NO_MEMORY
        behind = np.searchsorted(self.written[:, 1], begins, side="right")  # the first range that ends behind
        there = behind < len(self.written)
        return OVERLAP if (self.written[behind[there], 0] < ends[there]).any() else TAKEN
