"""What the steps of this folder share, wherever their launches run."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.compiler.program import Program
from steepest.kernels.backend import TAKEN, Backend, PreparedStep, Row, written
from steepest.kernels.storage import STORAGES
from steepest.kernels.triton import rows, slots
from steepest.kernels.triton.text import CODECS


class OverTables(Backend):
    """A backend whose launches walk tables of any length."""

    storages = CODECS
    most_rows = 2**31 - 1


class StepOverTables(PreparedStep):
    """Where gradients may lie, and the numbers that a step is given."""

    def __init__(self, program: Program, storages: tuple[str, ...], found: Sequence[Row]) -> None:
        self._program = program
        size = STORAGES[storages[1]].sizes[0]
        self._memory = rows.Memory([rows.elements(row) * size for row in found], written(storages, found))

    @property
    def written(self) -> np.ndarray:  # type: ignore[override]
        return self._memory.written

    def write_beside(self, written: np.ndarray) -> None:
        self._memory.written = written

    def refuses(self, gradients: Sequence[int]) -> bool:
        return self._memory.outcome(gradients) != TAKEN

    def _given(self, hyperparameters: Mapping[str, Any], *, maximize: bool) -> list[float]:
        """The hyperparameters as the kernel of numbers reads them, and the direction behind them."""
        return [*slots.values(self._program, hyperparameters), -1.0 if maximize else 1.0]
