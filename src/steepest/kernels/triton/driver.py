"""The driver of NVIDIA's GPUs, called by ctypes: a launch costs 1 to 2 us, and needs neither Triton nor a C compiler.

The contexts are those that torch uses, the primary ones.  One is made current around each call, since a thread that
has not touched the GPU before has none.
"""

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from steepest.kernels.triton.loading import Code
from steepest.kernels.triton.target import Target


def _default_stream(_device: int) -> int:
    return 0


current_stream: Callable[[int], int] = _default_stream
"""The stream that work for a device is queued on, by the device's number; a front end puts its own here."""

_DEVICE_OF_POINTER = 9
_MAJOR, _MINOR = 75, 76


class DriverError(RuntimeError):
    """The driver of the GPU refused a call."""


class Driver:
    """What is needed of the driver; memory is addresses."""

    def __init__(self, library: Any) -> None:
        self._library = library
        library.cuLaunchKernel.argtypes = [ctypes.c_void_p, *[ctypes.c_uint] * 7, *[ctypes.c_void_p] * 3]
        self._call("cuInit", 0)
        self._contexts: dict[int, ctypes.c_void_p] = {}

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, name)(*arguments)
        if status:
            raise DriverError(
                f"{name} of the GPU's driver failed with error {status}. An earlier kernel may be the cause."
            )

    def device_of(self, address: int) -> int:
        """The number of the device whose memory this is."""
        found = ctypes.c_int()
        self._call("cuPointerGetAttribute", ctypes.byref(found), _DEVICE_OF_POINTER, ctypes.c_uint64(address))
        return found.value

    def target(self, device: int) -> Target:
        """What kind of GPU it is."""
        major, minor = (self._attribute(device, one) for one in (_MAJOR, _MINOR))
        return Target("cuda", 10 * major + minor)

    def _attribute(self, device: int, attribute: int) -> int:
        found = ctypes.c_int()
        self._call("cuDeviceGetAttribute", ctypes.byref(found), attribute, device)
        return found.value

    @contextlib.contextmanager
    def on(self, device: int) -> Iterator[None]:
        """Have the device's context current."""
        if device not in self._contexts:
            self._contexts[device] = ctypes.c_void_p()
            self._call("cuDevicePrimaryCtxRetain", ctypes.byref(self._contexts[device]), device)
        self._call("cuCtxPushCurrent_v2", self._contexts[device])
        try:
            yield
        finally:
            self._call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))

    def allocate(self, size: int) -> int:
        """The address of so many bytes."""
        found = ctypes.c_uint64()
        self._call("cuMemAlloc_v2", ctypes.byref(found), ctypes.c_size_t(size))
        return found.value

    def free(self, address: int) -> None:
        """Give memory back once the work that is queued is done with it."""
        self._call("cuMemFree_v2", ctypes.c_uint64(address))

    def upload(self, address: int, data: bytes, stream: int) -> None:
        """Copy to the device behind the work of a stream; `data` was read when this returns, as it is not pinned."""
        at, size = ctypes.c_uint64(address), ctypes.c_size_t(len(data))
        self._call("cuMemcpyHtoDAsync_v2", at, ctypes.c_char_p(data), size, ctypes.c_void_p(stream))

    def wait(self) -> None:
        """Until all that is queued in the current context is done."""
        self._call("cuCtxSynchronize")

    def function(self, code: Code) -> Any:
        """Load machine code into the current context."""
        module, found = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuModuleLoadData", ctypes.byref(module), ctypes.c_char_p(code.binary))
        self._call("cuModuleGetFunction", ctypes.byref(found), module, code.entry.encode())
        return found

    def launch(self, function: Any, code: Code, programs: int, packed: "Packed", stream: int) -> None:
        """Queue so many programs of a kernel."""
        status = self._library.cuLaunchKernel(
            function, programs, 1, 1, code.threads, 1, 1, code.shared, stream, packed.address, None
        )
        if status:
            raise DriverError(f"The GPU's driver did not launch {code.entry}: error {status}.")


class Packed:
    """Arguments of a kernel as the driver reads them; behind them two empty ones, which Triton adds to every kernel."""

    def __init__(self, values: Sequence[int]) -> None:
        self.values = (ctypes.c_uint64 * (len(values) + 2))(*values)
        begin = ctypes.addressof(self.values)
        self._places = (ctypes.c_void_p * len(self.values))(*(begin + 8 * i for i in range(len(self.values))))
        self.address = ctypes.addressof(self._places)


@functools.cache
def driver() -> Driver:
    """The driver of this machine; OSError where there is none."""
    return Driver(ctypes.CDLL("libcuda.so.1"))
