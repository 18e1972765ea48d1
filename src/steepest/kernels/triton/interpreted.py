"""The kernels on the processor, run by Triton's interpreter: slow, for tests where there is no GPU.

    STEEPEST_KERNELS=triton TRITON_INTERPRET=1 python -m pytest tests/torch

sends the processor's tensors through the very text and tables that a GPU is given.
"""

import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.compiler.program import Program
from steepest.kernels.backend import TAKEN, PreparedStep, Row
from steepest.kernels.triton import columns, functions, rows, slots
from steepest.kernels.triton.over_tables import OverTables, StepOverTables
from steepest.kernels.triton.text import arithmetic, text

_ONE_AT_A_TIME = threading.Lock()
"""The interpreter puts its own functions in the place of Triton's while it runs."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ONE_AT_A_TIME._at_fork_reinit)  # pyright: ignore[reportAttributeAccessIssue]


class Interpreted(OverTables):
    """Walks what a GPU's backend walks, in memory of the processor."""

    def prepare(self, program: Program, storages: tuple[str, ...], rows: Sequence[Row]) -> PreparedStep:
        return InterpretedStep(program, storages, rows)


class InterpretedStep(StepOverTables):
    """The two launches of a step: its numbers, then its elements."""

    def __init__(self, program: Program, storages: tuple[str, ...], found: Sequence[Row]) -> None:
        super().__init__(program, storages, found)
        real = arithmetic(storages)
        source = text(program, storages, indexed=bool(found[0].index))
        self._kernel = functions.interpreted(source, program.rule.name)
        self._numbers_kernel = functions.interpreted(slots.text(program, real), slots.name_of(program))
        self._table, self._rows_of_chunks = rows.table(found), rows.rows_of_chunks(found)
        self._numbers = slots.table(program, found)
        self._scalars = np.zeros((len(found), columns.SLOTS + len(program.slots)), getattr(np, real))
        self._found_inf, self._grad_scale = np.zeros(1, np.float32), np.ones(1, np.float32)

    def run(self, gradients: Sequence[int], hyperparameters: Mapping[str, Any], maximize: bool, threads: int) -> int:
        if (outcome := self._memory.outcome(gradients)) != TAKEN:
            return outcome
        values = np.array(self._given(hyperparameters, maximize=maximize))
        count, chunks = len(self._numbers), len(self._rows_of_chunks)
        amp = self._found_inf, self._grad_scale
        with np.errstate(all="ignore"), _ONE_AT_A_TIME:
            launch(self._numbers_kernel, -(-count // columns.LANES), self._numbers, values, *amp, self._scalars, count)
            addresses = np.array(gradients, dtype=np.int64)
            launch(self._kernel, chunks, self._table, addresses, self._rows_of_chunks, self._scalars)
        return TAKEN


def launch(kernel: Any, programs: int, *arguments: Any) -> None:
    """Run so many programs of a kernel, one after the other."""
    if programs:
        kernel[(programs,)](*(pointer(one) if isinstance(one, np.ndarray) else one for one in arguments))


def pointer(array: np.ndarray) -> Any:
    """The address of an array as the interpreter takes a pointer."""
    return pointer_to(array.ctypes.data, array.dtype.name)


def pointer_to(address: int, dtype: str) -> Any:
    """An address as the interpreter takes a pointer to numbers of this dtype."""
    import triton.language as tl
    from triton.runtime.interpreter import TensorHandle

    kind = tl.pointer_type(getattr(tl, dtype))
    return tl.tensor(TensorHandle(np.array([address], dtype=np.uint64), kind), kind)


INTERPRETED = Interpreted()
