"""A driver without a GPU: its memory is the processor's, and Triton's interpreter runs what is launched.

monkeypatch.setattr(loading, "code", pretended_gpu.code)
GPUStep(program, storages, rows, PretendedDriver())
"""

import contextlib
import ctypes
from collections.abc import Iterator
from typing import Any

import numpy as np

from steepest.kernels.backend import PreparedStep
from steepest.kernels.triton import functions
from steepest.kernels.triton.interpreted import pointer_to
from steepest.kernels.triton.loading import Code
from steepest.kernels.triton.over_tables import OverTables
from steepest.kernels.triton.step import GPUStep
from steepest.kernels.triton.target import Target


def code(source: str, name: str, arguments: tuple[tuple[str, str], ...], real: str, target: Target) -> Code:
    """The text itself in the place of machine code."""
    kinds = tuple(kind.replace("real", {"float32": "fp32", "float64": "fp64"}[real]) for _, kind in arguments)
    return Code(name, 128, 0, kinds, source.encode())


class PretendedDriver:
    """What `driver.Driver` does, and what was asked of it."""

    def __init__(self) -> None:
        self.memory: dict[int, np.ndarray] = {}
        self.asked: list[str] = []
        self.current: list[int] = []

    def device_of(self, address: int) -> int:
        return 0

    def target(self, device: int) -> Target:
        return Target("cuda", 90)

    @contextlib.contextmanager
    def on(self, device: int) -> Iterator[None]:
        self.current.append(device)
        yield
        self.current.pop()

    def allocate(self, size: int) -> int:
        assert self.current
        made = np.full(size, 0xA5, np.uint8)
        self.memory[made.ctypes.data] = made
        return made.ctypes.data

    def free(self, address: int) -> None:
        assert self.current
        del self.memory[address]

    def upload(self, address: int, data: bytes, stream: int) -> None:
        assert self.current
        assert len(data) <= len(self.memory[address])
        self.asked.append(f"upload {len(data)} on {stream}")
        ctypes.memmove(address, data, len(data))

    def wait(self) -> None:
        self.asked.append("wait")

    def function(self, made: Code) -> Any:
        return functions.interpreted(made.binary.decode(), made.entry)

    def launch(self, function: Any, made: Code, programs: int, packed: Any, stream: int) -> None:
        assert self.current
        self.asked.append(f"{made.entry} {programs} on {stream}")
        types = {"*i64": "int64", "*i32": "int32", "*fp32": "float32", "*fp64": "float64"}
        arguments = [
            pointer_to(value, types[kind]) if kind in types else value
            for kind, value in zip(made.arguments, packed.values, strict=False)
        ]
        with np.errstate(all="ignore"):
            function[(programs,)](*arguments)


class Pretended(OverTables):
    """The GPU's backend with such a driver."""

    def __init__(self) -> None:
        self.driver: Any = PretendedDriver()

    def prepare(self, program: Any, storages: Any, rows: Any) -> PreparedStep:
        return GPUStep(program, storages, rows, self.driver)
