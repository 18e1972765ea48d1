"""The driver of NVIDIA's GPUs, called by ctypes: a launch costs 1 to 2 us, and needs neither Triton nor a C compiler.

The contexts are those that torch uses, the primary ones.  One is made current around each call, since a thread that
has not touched the GPU before has none.
"""

import contextlib
import ctypes
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from steepest.kernels.triton import loading
from steepest.kernels.triton.target import Target

LIBRARY = "libcuda.so.1"


def _default_stream(_device: int) -> int:
    return 0


def _no_room() -> None:
    pass


current_stream: Callable[[int], int] = _default_stream
"""The stream that work for a device is queued on, by the device's number; a front end puts its own here."""

make_room: Callable[[], None] = _no_room
"""Gives memory back that a front end holds in reserve: called once where there is none left."""

_DEVICE_OF_POINTER = 9
_MAJOR, _MINOR = 75, 76
_OUT_OF_MEMORY, _RELAXED, _NON_BLOCKING = 2, 2, 1


class DriverError(RuntimeError):
    """The driver of the GPU refused a call."""


class Driver:
    """What is needed of the driver; memory is addresses, and all but `on` needs a device's context."""

    memory = "cuda"
    """The device whose memory it is, as torch calls it."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._streams: dict[int, ctypes.c_void_p] = {}
        self._loaded: dict[Any, Kernel] = {}
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
            context = ctypes.c_void_p()
            self._call("cuDevicePrimaryCtxRetain", ctypes.byref(context), device)
            self._contexts[device] = context
        self._call("cuCtxPushCurrent_v2", self._contexts[device])
        try:
            yield
        finally:
            self._call("cuCtxPopCurrent_v2", ctypes.byref(ctypes.c_void_p()))

    @contextlib.contextmanager
    def in_spite_of_captures(self) -> Iterator[None]:
        """Have this thread allocate, copy and load while a graph is captured, as torch does for its own memory."""
        mode = ctypes.c_int(_RELAXED)
        self._call("cuThreadExchangeStreamCaptureMode", ctypes.byref(mode))
        try:
            yield
        finally:
            self._call("cuThreadExchangeStreamCaptureMode", ctypes.byref(mode))

    def is_capturing(self, stream: int) -> bool:
        """Whether what is queued on a stream is not run, but goes into a graph."""
        found = ctypes.c_int()
        self._call("cuStreamIsCapturing", ctypes.c_void_p(stream), ctypes.byref(found))
        return found.value != 0

    def placed(self, device: int, data: bytes) -> int:
        """The address of new memory with these bytes in it, without a word to any stream that has work."""
        found, size = ctypes.c_uint64(), ctypes.c_size_t(max(16, len(data)))
        if self._library.cuMemAlloc_v2(ctypes.byref(found), size) == _OUT_OF_MEMORY:
            make_room()
        if not found.value:
            self._call("cuMemAlloc_v2", ctypes.byref(found), size)
        stream = self._stream(device)
        self.upload(found.value, data, stream)
        self._call("cuStreamSynchronize", ctypes.c_void_p(stream))
        return found.value

    def _stream(self, device: int) -> int:
        """A stream of our own, which waits for no other and which none waits for."""
        if device not in self._streams:
            stream = ctypes.c_void_p()
            self._call("cuStreamCreate", ctypes.byref(stream), _NON_BLOCKING)
            self._streams[device] = stream
        return self._streams[device].value or 0

    def free(self, address: int) -> None:
        """Give memory back once the work that is queued is done with it."""
        self._call("cuMemFree_v2", ctypes.c_uint64(address))

    def upload(self, address: int, data: bytes, stream: int) -> None:
        """Copy to the device behind the work of a stream; `data` was read when this returns, as it is not pinned."""
        if data:
            at, size = ctypes.c_uint64(address), ctypes.c_size_t(len(data))
            self._call("cuMemcpyHtoDAsync_v2", at, ctypes.c_char_p(data), size, ctypes.c_void_p(stream))

    def download(self, address: int, size: int, stream: int) -> bytes:
        """Bytes of the device, after waiting for the work of a stream."""
        found = ctypes.create_string_buffer(size)
        self._call("cuStreamSynchronize", ctypes.c_void_p(stream))
        self._call("cuMemcpyDtoH_v2", found, ctypes.c_uint64(address), ctypes.c_size_t(size))
        return found.raw

    def load(self, device: int, source: str, name: str, arguments: Mapping[str, str], real: str) -> "Kernel":
        """The function `name` of this text on a device: compiled once, loaded once.

        arguments: names and types.  real: the dtype that it computes in.
        """
        key = device, source, name, real
        if key not in self._loaded:
            code = loading.code(source, name, tuple(arguments.items()), real, self.target(device))
            module, found = ctypes.c_void_p(), ctypes.c_void_p()
            self._call("cuModuleLoadData", ctypes.byref(module), ctypes.c_char_p(code.binary))
            self._call("cuModuleGetFunction", ctypes.byref(found), module, code.entry.encode())
            self._loaded[key] = Kernel(self, code, found)
        return self._loaded[key]

    def launch(self, kernel: "Kernel", programs: int, packed: "Packed", stream: int) -> None:
        """Queue so many programs of a kernel."""
        code = kernel.code
        status = self._library.cuLaunchKernel(
            kernel.function, programs, 1, 1, code.threads, 1, 1, code.shared, stream, packed.address, None
        )
        if status:
            raise DriverError(f"The GPU's driver did not launch {code.entry}: error {status}.")


class Kernel:
    """Machine code that is loaded on one device."""

    def __init__(self, using: Any, code: Any, function: Any) -> None:
        self._using, self.code, self.function = using, code, function

    def __call__(self, programs: int, packed: "Packed", stream: int) -> None:
        """Queue so many programs of it."""
        if programs:
            self._using.launch(self, programs, packed, stream)


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
    return Driver(ctypes.CDLL(LIBRARY))
