"""The kernels on the processor, run by Triton's interpreter: slow, for tests where there is no GPU.

    STEEPEST_KERNELS=triton TRITON_INTERPRET=1 python -m pytest tests/torch

sends the processor's tensors through the very text, tables and launches that a GPU is given.
"""

import contextlib
import ctypes
import os
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from steepest.kernels.triton import functions
from steepest.kernels.triton.driver import Kernel, Packed
from steepest.kernels.triton.gpu import GPU

_ONE_AT_A_TIME = threading.Lock()
"""The interpreter puts its own functions in the place of Triton's while it runs."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_ONE_AT_A_TIME._at_fork_reinit)  # pyright: ignore[reportAttributeAccessIssue]


class Interpreter:
    """What `driver.Driver` does, on the processor: its memory is the device's, and what is queued is run at once."""

    memory = "cpu"

    def __init__(self) -> None:
        self.blocks: dict[int, np.ndarray] = {}
        """What was allocated, by address."""

    def device_of(self, address: int) -> int:
        """The only one."""
        return 0

    @contextlib.contextmanager
    def on(self, device: int) -> Iterator[None]:
        """It always is."""
        yield

    @contextlib.contextmanager
    def in_spite_of_captures(self) -> Iterator[None]:
        """Nothing is captured."""
        yield

    def is_capturing(self, stream: int) -> bool:
        """Nothing is captured."""
        return False

    def placed(self, device: int, data: bytes) -> int:
        """The address of new memory with these bytes in it."""
        made = np.full(max(16, len(data)), 0xA5, np.uint8)
        made[: len(data)] = np.frombuffer(data, np.uint8)
        self.blocks[made.ctypes.data] = made
        return made.ctypes.data

    def free(self, address: int) -> None:
        """Give memory back."""
        del self.blocks[address]

    def upload(self, address: int, data: bytes, stream: int) -> None:
        """Copy."""
        ctypes.memmove(address, data, len(data))

    def download(self, address: int, size: int, stream: int) -> bytes:
        """Copy."""
        return ctypes.string_at(address, size)

    def load(self, device: int, source: str, name: str, arguments: Mapping[str, str], real: str) -> Kernel:
        """The function `name` of this text."""
        kinds = [kind.replace("*real", f"*{real}") for kind in arguments.values()]
        return Kernel(self, [_TYPES.get(kind, kind) for kind in kinds], functions.interpreted(source, name))

    def launch(self, kernel: Kernel, programs: int, packed: Packed, stream: int) -> None:
        """Run so many programs of a kernel, one after the other."""
        given = zip(kernel.code, packed.values, strict=False)
        arguments = [pointer_to(value, kind[1:]) if kind.startswith("*") else value for kind, value in given]
        with np.errstate(all="ignore"), _ONE_AT_A_TIME:
            kernel.function[(programs,)](*arguments)


_TYPES = {"*i64": "*int64", "*i32": "*int32", "*fp32": "*float32", "*fp64": "*float64"}


class Interpreted(GPU):
    """Walks what a GPU's backend walks, in memory of the processor."""


def pointer_to(address: int, dtype: str) -> Any:
    """An address as the interpreter takes a pointer to numbers of this dtype."""
    import triton.language as tl
    from triton.runtime.interpreter import TensorHandle

    kind = tl.pointer_type(getattr(tl, dtype))
    return tl.tensor(TensorHandle(np.array([address], dtype=np.uint64), kind), kind)


_INTERPRETER = Interpreter()
INTERPRETED = Interpreted(lambda: _INTERPRETER)
