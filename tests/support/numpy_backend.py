"""A second backend: the program on NumPy views of the very memory that the CPU's kernels walk.  Slow, small, obvious.

monkeypatch.setitem(BACKENDS, "cpu", NumpyBackend())
"""

import ctypes
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from steepest.compiler.evaluation import run
from steepest.compiler.host import scalars
from steepest.compiler.program import Program
from steepest.kernels.backend import NO_MEMORY, OVERLAP, TAKEN, Backend, PreparedStep, Row, written
from steepest.kernels.storage import STORAGES

Cells = list[np.ndarray]
"""The elements of an array, one NumPy array for each part of memory."""


def _half(dtype: torch.dtype) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Decode and encode a half type by torch's own conversions."""

    def decode(bits: np.ndarray) -> np.ndarray:
        return torch.from_numpy(bits.view(np.int16)).view(dtype).float().numpy()

    def encode(values: np.ndarray) -> Cells:
        return [torch.from_numpy(np.ascontiguousarray(values)).to(dtype).view(torch.int16).numpy().view(np.uint16)]

    return decode, encode


CODECS: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    "float64": (lambda bits: bits.view(np.float64), lambda values: [values.astype(np.float64).view(np.uint64)]),
    "float32": (lambda bits: bits.view(np.float32), lambda values: [values.astype(np.float32).view(np.uint32)]),
    "bfloat16": _half(torch.bfloat16),
    "float16": _half(torch.float16),
}


class NumpyBackend(Backend):
    """Walks what the CPU's backend walks, in batches of another size."""

    storages = CODECS
    most_rows = 3

    def prepare(self, program: Program, storages: tuple[str, ...], rows: Sequence[Row]) -> PreparedStep:
        return NumpyStep(program, storages, rows)


class NumpyStep(PreparedStep):
    def __init__(self, program: Program, storages: tuple[str, ...], rows: Sequence[Row]) -> None:
        self.program, self.rows = program, rows
        self.storages = dict(zip(program.arrays, storages, strict=True))
        self.real: Any = np.float64 if any(STORAGES[name].is_double for name in storages) else np.float32
        self.written = written(storages, rows)
        self.uninitialized = [row.uninitialized for row in rows]

    def write_beside(self, written: np.ndarray) -> None:
        self.written = written

    def refuses(self, gradients: Sequence[int]) -> bool:
        return self._outcome(gradients) != TAKEN

    def _outcome(self, gradients: Sequence[int]) -> int:
        size = STORAGES[self.storages["g"]].sizes[0]
        for row, begin in zip(self.rows, gradients, strict=True):
            end = begin + row.elements * row.slice * size
            if row.elements and not begin:
                return NO_MEMORY
            if any(first < end and begin < last for first, last in self.written.tolist()):
                return OVERLAP
        return TAKEN

    def run(self, gradients: Sequence[int], hyperparameters: Mapping[str, Any], maximize: bool, threads: int) -> int:
        outcome = self._outcome(gradients)
        if outcome != TAKEN:
            return outcome
        found = [
            self._numbers(row, uninitialized, hyperparameters)
            for row, uninitialized in zip(self.rows, self.uninitialized, strict=True)
        ]
        for row, gradient, (step, slots, numbers) in zip(self.rows, gradients, found, strict=True):
            if row.step:
                _number(row.step, row.step_is_double).value = step
            for (address, is_double), value in zip(row.scalar_states, numbers, strict=True):
                _number(address, is_double).value = value
            with np.errstate(all="ignore"):
                self._step(row, gradient, slots, -1 if maximize else 1)
        self.uninitialized = [frozenset() for _ in self.rows]
        return TAKEN

    def _numbers(
        self, row: Row, uninitialized: frozenset[str], hyperparameters: Mapping[str, Any]
    ) -> tuple[float, list, tuple]:
        step = _number(row.step, row.step_is_double).value + 1 if row.step else 0.0
        kept = [_number(*place).value for place in row.scalar_states]
        values = scalars(self.program)(hyperparameters, step, uninitialized, kept)
        count = len(self.program.slots)
        return step, [v if isinstance(v, bool) else self.real(v) for v in values[:count]], values[count:]

    def _step(self, row: Row, gradient: int, slots: Sequence[Any], sign: int) -> None:
        addresses = iter((row.parameter, *row.states))
        extent = row.extent or row.elements
        memory = {
            name: [_cells(next(addresses), extent, size) for size in STORAGES[self.storages[name]].sizes]
            for name in self.program.arrays
            if name != "g"
        }
        places = _places(row)
        g = _cells(gradient, row.elements * row.slice, STORAGES[self.storages["g"]].sizes[0])
        values = {name: self._decoded(name, [part[places] for part in parts]) for name, parts in memory.items()}
        values["g"] = self.real(sign) * self._decoded("g", [g])
        run(self.program.elements, values, slots)
        for name in self.program.written:
            encode = CODECS[self.storages[name]][1]
            new = np.broadcast_to(np.asarray(values[name], self.real), values["g"].shape)
            for part, cells in zip(memory[name], encode(new), strict=True):
                part[places] = cells

    def _decoded(self, name: str, cells: Cells) -> np.ndarray:
        return CODECS[self.storages[name]][0](*map(np.ascontiguousarray, cells)).astype(self.real)


def _number(address: int, is_double: bool) -> Any:
    return (ctypes.c_double if is_double else ctypes.c_float).from_address(address)


def _cells(address: int, count: int, size: int) -> np.ndarray:
    """The bits of so many elements of so many bytes."""
    kind = {2: np.uint16, 4: np.uint32, 8: np.uint64}[size]
    if not count:
        return np.empty(0, kind)
    return np.ctypeslib.as_array((ctypes.c_ubyte * (count * size)).from_address(address)).view(kind)


def _places(row: Row) -> Any:
    """Which elements of the parameter are stepped."""
    if not row.index:
        return slice(None)
    slices = _cells(row.index, row.elements, 8).view(np.int64)
    return (slices[:, None] * row.slice + np.arange(row.slice)).reshape(-1)
