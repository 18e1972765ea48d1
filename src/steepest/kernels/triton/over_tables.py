"""What the steps of this folder share, wherever their launches run."""

from collections.abc import Sequence

import numpy as np

from steepest.compiler.program import Program
from steepest.kernels.backend import TAKEN, Backend, PreparedStep, Row, written
from steepest.kernels.storage import STORAGES
from steepest.kernels.triton import rows
from steepest.kernels.triton.text import CODECS


class OverTables(Backend):
    """A backend whose launches walk tables of any length."""

    storages = CODECS
    most_rows = 2**31 - 1
    is_device = True


class StepOverTables(PreparedStep):
    """Where gradients may lie."""

    def __init__(self, program: Program, storages: tuple[str, ...], found: Sequence[Row]) -> None:
        self._cell = STORAGES[storages[1]].sizes[0]
        self._memory = self._memory_of(found, written(storages, found))

    def _memory_of(self, found: Sequence[Row], written: np.ndarray) -> rows.Memory:
        """Where gradients of these rows may lie."""
        return rows.Memory([rows.elements(row) * self._cell for row in found], written)

    @property
    def written(self) -> np.ndarray:  # type: ignore[override]
        return self._memory.written

    def write_beside(self, written: np.ndarray) -> None:
        self._memory.written = written

    def refuses(self, gradients: Sequence[int]) -> bool:
        return self._memory.outcome(gradients) != TAKEN
