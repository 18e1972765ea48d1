"""CUDA's driver without a GPU: memory is the processor's, Triton's interpreter runs what is launched, graphs replay it.

    gpu = Pretended(monkeypatch)             # a backend; what its driver was asked is in `gpu.cuda.asked`
    with gpu.cuda.capturing() as graph:
        optimizer.step()                     # nothing is run
    graph.replay()                           # with the arguments of the capture

`driver.Driver` itself calls it, as it calls libcuda.so.  It is stricter than that: a call without a context, or one
that a capture forbids, fails at once; so does one that reads or writes where nothing was allocated.
"""

import contextlib
import ctypes
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from steepest.kernels.triton import driver, functions, loading
from steepest.kernels.triton.gpu import GPU
from steepest.kernels.triton.interpreted import Interpreter
from steepest.kernels.triton.loading import Code
from steepest.kernels.triton.target import Target

RELAXED, GLOBAL = 2, 0
Launch = tuple[Any, int, list[int]]


def code(source: str, name: str, arguments: tuple[tuple[str, str], ...], real: str, target: Target) -> Code:
    """The text itself in the place of machine code."""
    kinds = tuple(kind.replace("real", {"float32": "fp32", "float64": "fp64"}[real]) for _, kind in arguments)
    return Code(name, 128, 0, kinds, f"{json.dumps(kinds)}\n{source}".encode())


class Graph:
    """What was launched while it was captured, with the arguments of that moment."""

    def __init__(self, cuda: "PretendedCuda") -> None:
        self._cuda = cuda
        self.launches: list[Launch] = []

    def replay(self) -> None:
        for launch in self.launches:
            self._cuda.run(*launch)


class _Function:
    """A function of the library; `argtypes` may be set."""

    argtypes: Any = None

    def __init__(self, function: Callable[..., int | None]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> int:
        return self._function(*arguments) or 0


class PretendedCuda:
    """The functions that `driver.Driver` calls, each as the documentation of CUDA's driver has it."""

    def __init__(self, devices: int = 1) -> None:
        self.asked: list[str] = []
        self.allocations = 0
        self.blocks: dict[int, np.ndarray] = {}
        self.graph: Graph | None = None
        self.devices = devices
        self.device_of: Callable[[int], int] = lambda address: 0
        self._contexts: list[int] = []
        self._mode = GLOBAL
        self._modules: list[tuple[list[str], str]] = []
        self._functions: dict[int, Any] = {}
        self._interpreter = Interpreter()
        for name, function in vars(type(self)).items():
            if name.startswith("cu"):
                setattr(self, name, _Function(function.__get__(self)))

    @contextlib.contextmanager
    def capturing(self) -> Iterator[Graph]:
        self.graph = made = Graph(self)
        try:
            yield made
        finally:
            self.graph = None

    @property
    def device(self) -> int:
        assert self._contexts, "no context is current"
        return self._contexts[-1]

    def _may_be_unsafe(self) -> None:
        assert self.device >= 0
        assert self.graph is None or self._mode == RELAXED, "the capture is broken"

    def cuInit(self, flags: int) -> None:  # noqa: N802 - as the library has it
        pass

    def cuPointerGetAttribute(self, found: Any, attribute: int, address: Any) -> int:  # noqa: N802
        assert attribute == 9
        if not address.value:
            return 1
        found._obj.value = self.device_of(address.value)
        return 0

    def cuDeviceGetAttribute(self, found: Any, attribute: int, device: int) -> None:  # noqa: N802
        found._obj.value = {75: 9, 76: 0}[attribute]

    def cuDevicePrimaryCtxRetain(self, found: Any, device: int) -> None:  # noqa: N802
        assert 0 <= device < self.devices
        found._obj.value = 1000 + device

    def cuCtxPushCurrent_v2(self, context: Any) -> None:  # noqa: N802
        self._contexts.append(context.value - 1000)

    def cuCtxPopCurrent_v2(self, found: Any) -> None:  # noqa: N802
        found._obj.value = 1000 + self._contexts.pop()

    def cuThreadExchangeStreamCaptureMode(self, mode: Any) -> None:  # noqa: N802
        self._mode, mode._obj.value = mode._obj.value, self._mode

    def cuStreamIsCapturing(self, stream: Any, found: Any) -> None:  # noqa: N802
        found._obj.value = self.device >= 0 and self.graph is not None

    def cuStreamCreate(self, found: Any, flags: int) -> None:  # noqa: N802
        self._may_be_unsafe()
        assert flags == 1, "one that waits for the default stream"
        found._obj.value = 7000 + self.device

    def cuStreamSynchronize(self, stream: Any) -> None:  # noqa: N802
        assert self.graph is None or stream.value == 7000 + self.device, (
            "a stream that is captured cannot be waited for"
        )

    def cuMemAlloc_v2(self, found: Any, size: Any) -> None:  # noqa: N802
        self._may_be_unsafe()
        self.allocations += 1
        assert size.value
        made = np.full(size.value + 16, 0xA5, np.uint8)
        address = -(-made.ctypes.data // 16) * 16
        self.blocks[address] = made
        found._obj.value = address

    def cuMemFree_v2(self, address: Any) -> None:  # noqa: N802
        assert self.device >= 0
        assert self.graph is None
        del self.blocks[address.value]

    def _holds(self, address: int, size: int) -> bool:
        return any(0 <= address - begin <= len(block) - 16 - size for begin, block in self.blocks.items())

    def cuMemcpyHtoDAsync_v2(self, to: Any, data: Any, size: Any, stream: Any) -> None:  # noqa: N802
        if stream.value != 7000 + self.device:
            assert self.graph is None, "the copy would be part of the graph, and read memory that is gone"
            self.asked.append(f"upload {size.value} on {stream.value or 0}")
        assert self._holds(to.value, size.value)
        ctypes.memmove(to.value, data, size.value)

    def cuMemcpyDtoH_v2(self, to: Any, address: Any, size: Any) -> None:  # noqa: N802
        self._may_be_unsafe()
        self.asked.append(f"download {size.value}")
        assert self._holds(address.value, size.value)
        ctypes.memmove(to, address.value, size.value)

    def cuModuleLoadData(self, found: Any, image: Any) -> None:  # noqa: N802
        self._may_be_unsafe()
        kinds, _, source = image.value.decode().partition("\n")
        self._modules.append((json.loads(kinds), source))
        found._obj.value = len(self._modules)

    def cuModuleGetFunction(self, found: Any, module: Any, name: bytes) -> None:  # noqa: N802
        kinds, source = self._modules[module.value - 1]
        number = len(self._functions) + 1
        loaded = driver.Kernel(self._interpreter, _types(kinds), functions.interpreted(source, name.decode()))
        self._functions[number] = name.decode(), loaded
        found._obj.value = number

    def cuLaunchKernel(self, function: Any, x: int, y: int, z: int, *others: Any) -> None:  # noqa: N802
        *block, shared, stream, places, extra = others
        assert (y, z, *block, shared, extra) == (1, 1, 128, 1, 1, 0, None)
        assert self.device >= 0
        assert 0 < x < 2**31
        name, kernel = self._functions[function.value]
        addresses = (ctypes.c_void_p * (len(kernel.code) + 2)).from_address(places)
        values = [ctypes.c_uint64.from_address(at).value for at in addresses]  # type: ignore[arg-type]
        assert values[-2:] == [0, 0]
        if self.graph is not None:
            self.graph.launches.append((kernel, x, values[:-2]))
        else:
            self.asked.append(f"{name} {x} on {stream}")
            self.run(kernel, x, values[:-2])

    def run(self, kernel: Any, programs: int, values: list[int]) -> None:
        self._interpreter.launch(kernel, programs, driver.Packed(values), 0)


def _types(kinds: list[str]) -> list[str]:
    names = {"*i64": "*int64", "*i32": "*int32", "*fp32": "*float32", "*fp64": "*float64"}
    return [names.get(kind, kind) for kind in kinds]


class Pretended(GPU):
    """The GPU's backend over such a driver."""

    def __init__(self, patch: pytest.MonkeyPatch, devices: int = 1) -> None:
        patch.setattr(loading, "code", code)
        self.cuda = PretendedCuda(devices)
        self.driver = driver.Driver(self.cuda)
        self.driver.memory = "cpu"  # where the tests' tensors are
        super().__init__(lambda: self.driver)
