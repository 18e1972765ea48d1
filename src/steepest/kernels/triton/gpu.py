"""The backend of GPUs, whichever driver works for it."""

from collections.abc import Callable, Sequence
from typing import Any

from steepest.compiler.program import Program
from steepest.kernels.backend import NoKernelError, PreparedStep, Row
from steepest.kernels.triton.over_tables import OverTables
from steepest.kernels.triton.sliced import over_slices
from steepest.kernels.triton.step import GPUStep


class GPU(OverTables):
    """The backend of GPUs.

    using: gives the driver, when it is first needed.
    """

    def __init__(self, using: Callable[[], Any]) -> None:
        self._using = using

    def prepare(self, program: Program, storages: tuple[str, ...], rows: Sequence[Row]) -> PreparedStep:
        made = over_slices if rows[0].index else GPUStep
        try:
            return made(program, storages, rows, self._using())
        except Exception as error:  # whatever a compiler, its versions, a full disk or a driver may raise
            raise NoKernelError(f"{type(error).__name__}: {error}") from error
