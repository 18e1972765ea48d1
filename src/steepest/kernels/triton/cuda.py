"""NVIDIA's GPUs: a step over their memory, where there are a driver and Triton, which compiles for it."""

import contextlib
import ctypes
import importlib.util

from steepest.kernels.triton import driver
from steepest.kernels.triton.gpu import GPU


def made() -> GPU | None:
    """The backend; None where Triton or NVIDIA's driver is missing, as on GPUs of others that torch calls `cuda`."""
    with contextlib.suppress(OSError):
        ctypes.CDLL(driver.LIBRARY)
        if importlib.util.find_spec("triton") is not None:
            return GPU(driver.driver)
    return None


CUDA = made()
