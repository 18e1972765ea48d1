"""A step along a sparse gradient: its slices differ from step to step, and all else that a launch reads stays."""

import functools
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from steepest.compiler.program import Program
from steepest.kernels.backend import Row
from steepest.kernels.triton import driver, rows
from steepest.kernels.triton.step import GPUStep

_SOMEWHERE = 8
"""The address of slices before any are known."""


def over_slices(program: Program, storages: tuple[str, ...], found: Sequence[Row], using: Any) -> GPUStep:
    """The step of a row over the slices that its gradient has now.

    What is made once depends on addresses alone, so it is right for whatever lies there next.  A step that makes states
    is made for itself.
    """
    [row] = found
    of_all = replace(row, index=_SOMEWHERE, elements=-(-row.extent // row.slice))
    made = _made.__wrapped__ if row.uninitialized else _made
    step = made(program, storages, of_all, using)
    step.take(row)
    return step


@functools.lru_cache(maxsize=64)  # some hundred bytes each
def _made(program: Program, storages: tuple[str, ...], row: Row, using: Any) -> "SlicedStep":
    return SlicedStep(program, storages, [row], using)


class SlicedStep(GPUStep):
    """A prepared step whose slices may change."""

    def take(self, row: Row) -> None:
        """Step these slices from now on."""
        self._memory = self._memory_of([row], self.written)
        self._chunks, self._addresses = len(rows.rows_of_chunks([row])), ()
        with self._using.on(self._device):
            self._numbers.tell(row, driver.current_stream(self._device))
