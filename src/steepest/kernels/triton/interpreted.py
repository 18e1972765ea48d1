"""The kernels on the processor, run by Triton's interpreter: slow, for tests where there is no GPU.

    STEEPEST_KERNELS=triton TRITON_INTERPRET=1 python -m pytest tests/torch

sends the processor's tensors through the very text and tables that a GPU is given.
"""

import ctypes
import os
import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from steepest.compiler.host import scalars
from steepest.compiler.program import Program
from steepest.kernels.backend import TAKEN, Backend, PreparedStep, Row, written
from steepest.kernels.storage import STORAGES
from steepest.kernels.triton import functions, rows
from steepest.kernels.triton.text import CODECS, arithmetic, text

_ONE_AT_A_TIME = threading.Lock()
"""The interpreter puts its own functions in the place of Triton's while it runs."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ONE_AT_A_TIME._at_fork_reinit)  # pyright: ignore[reportAttributeAccessIssue]


class Interpreted(Backend):
    """Walks what a GPU's backend walks, in memory of the processor."""

    storages = CODECS
    most_rows = 2**31 - 1

    def prepare(self, program: Program, storages: tuple[str, ...], rows: Sequence[Row]) -> PreparedStep:
        return InterpretedStep(program, storages, rows)


class InterpretedStep(PreparedStep):
    """One launch over one table of tensors."""

    def __init__(self, program: Program, storages: tuple[str, ...], found: Sequence[Row]) -> None:
        self._program, self._rows = program, found
        source = text(program, storages, indexed=bool(found[0].index))
        self._kernel = functions.interpreted(source, program.rule.name)
        self._table, self._rows_of_chunks = rows.table(found), rows.rows_of_chunks(found)
        self._real: Any = getattr(np, arithmetic(storages))
        size = STORAGES[storages[1]].sizes[0]
        self._memory = rows.Memory([rows.elements(row) * size for row in found], written(storages, found))
        self._uninitialized = [row.uninitialized for row in found]

    @property
    def written(self) -> np.ndarray:  # type: ignore[override]
        return self._memory.written

    def write_beside(self, written: np.ndarray) -> None:
        self._memory.written = written

    def refuses(self, gradients: Sequence[int]) -> bool:
        return self._memory.outcome(gradients) != TAKEN

    def run(self, gradients: Sequence[int], hyperparameters: Mapping[str, Any], maximize: bool, threads: int) -> int:
        if (outcome := self._memory.outcome(gradients)) != TAKEN:
            return outcome
        numbers = [self._numbers(*one, hyperparameters) for one in zip(self._rows, self._uninitialized, strict=True)]
        slots = len(self._program.slots)
        with np.errstate(all="ignore"):
            found = np.array([[-1.0 if maximize else 1.0, 0.0, *values[:slots]] for _, values in numbers], self._real)
            self._launch(np.array(gradients, dtype=np.int64), found)
        for row, (step, values) in zip(self._rows, numbers, strict=True):
            _put_back(row, step, values[slots:])
        self._uninitialized = [frozenset() for _ in self._rows]
        return TAKEN

    def _numbers(
        self, row: Row, uninitialized: frozenset[str], h: Mapping[str, Any]
    ) -> tuple[float, tuple[float, ...]]:
        step = _number(row.step, row.step_is_double).value + 1 if row.step else 0.0
        kept = [_number(*place).value for place in row.scalar_states]
        return step, scalars(self._program)(h, step, uninitialized, kept)

    def _launch(self, gradients: np.ndarray, scalars: np.ndarray) -> None:
        if not len(self._rows_of_chunks):
            return
        arguments = [pointer(array) for array in (self._table, gradients, self._rows_of_chunks, scalars)]
        with _ONE_AT_A_TIME:
            self._kernel[(len(self._rows_of_chunks),)](*arguments)


def pointer(array: np.ndarray) -> Any:
    """The address of an array as the interpreter takes a pointer."""
    import triton.language as tl
    from triton.runtime.interpreter import TensorHandle

    kind = tl.pointer_type(getattr(tl, array.dtype.name))
    return tl.tensor(TensorHandle(np.array([array.ctypes.data], dtype=np.uint64), kind), kind)


def _put_back(row: Row, step: float, scalar_states: Sequence[float]) -> None:
    if row.step:
        _number(row.step, row.step_is_double).value = step
    for place, value in zip(row.scalar_states, scalar_states, strict=True):
        _number(*place).value = value


def _number(address: int, is_double: bool) -> Any:
    return (ctypes.c_double if is_double else ctypes.c_float).from_address(address)


INTERPRETED = Interpreted()
