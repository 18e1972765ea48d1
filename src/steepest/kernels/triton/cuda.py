"""NVIDIA's GPUs: a step over their memory, where there are a driver and Triton, which compiles for it."""

import contextlib
import ctypes
import importlib.util

from steepest.kernels.triton import driver
from steepest.kernels.triton.step import GPU


class _CUDA(GPU):
    takes_slices = False
    """A table of its own takes a copy of it to the device, about as long as torch's operations on slices."""


def made() -> GPU | None:
    """The backend; None where Triton or NVIDIA's driver is missing, as on GPUs of others that torch calls `cuda`."""
    with contextlib.suppress(OSError):
        ctypes.CDLL(driver.LIBRARY)
        if importlib.util.find_spec("triton") is not None:
            return _CUDA(driver.driver)
    return None


CUDA = made()
