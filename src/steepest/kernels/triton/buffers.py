"""Memory of a device that a step keeps as long as it is there; what a graph reads is kept for ever."""

import weakref
from typing import Any

from steepest.kernels.triton import driver

_FOR_EVER: list[Any] = []
"""What graphs were captured with.  Nobody says when a graph is gone; the tables of 1000 tensors are 150 kB."""

_LATER: list[tuple[Any, int, int]] = []
"""Memory that was given up while a graph was captured, when a free would have broken the capture."""


class Buffers:
    """Addresses of one device.

    using: the driver.
    """

    def __init__(self, using: Any, device: int) -> None:
        self._using, self._device = using, device
        self._finalizers: list[Any] = []

    def new(self, data: bytes) -> int:
        """The address of memory with these bytes, for as long as this object is there."""
        using, device = self._using, self._device
        with using.on(device), using.in_spite_of_captures():
            if _LATER and not using.is_capturing(driver.current_stream(device)):
                _free_left()
            address = using.placed(device, data)
        self._finalizers.append(weakref.finalize(self, _give_up, using, device, address))
        self._finalizers[-1].atexit = False
        return address

    def outlive(self, *others: object) -> None:
        """Keep all of it, and these objects, as long as the process: a graph that was captured reads them."""
        for finalizer in self._finalizers:
            finalizer.detach()
        if self._finalizers or others:
            _FOR_EVER.append(others)
        self._finalizers.clear()


def _give_up(using: Any, device: int, address: int) -> None:
    with using.on(device):
        if using.is_capturing(driver.current_stream(device)):
            _LATER.append((using, device, address))
        else:
            using.free(address)


def _free_left() -> None:
    while _LATER:
        using, device, address = _LATER.pop()
        with using.on(device):
            using.free(address)
