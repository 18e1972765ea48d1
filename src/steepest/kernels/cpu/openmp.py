"""The OpenMP threads that torch has in this process anyway, asked to share the chunks of one step.

torch's threads spin for a while after each parallel operation.  Threads of our own then compete with them for the
processor just when a step follows a backward pass: SGD on ResNet-50's shapes takes 1.22 of torch's fused step with our
threads and 1.05 with torch's, which also start in 3 us where ours take 15.  After fork() GNU OpenMP hangs, here as in
torch itself; a child, and a process without OpenMP, uses `workers.py`.
"""

import ctypes
import functools
import os
import re
import sys
from collections.abc import Callable

_PROCESS = os.getpid()

Team = Callable[[int, int, int], None]


def team() -> Team | None:
    """`run(function, argument, threads)`: calls the function at this address once in each of so many threads.

    None where this process has no OpenMP that is safe to enter.
    """
    return _find() if os.getpid() == _PROCESS else None


@functools.cache
def _find() -> Team | None:
    path = _library()
    try:
        parallel = ctypes.CDLL(path).GOMP_parallel if path else None
    except (OSError, AttributeError):
        parallel = None
    if parallel is None:
        return None
    parallel.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint]
    parallel.restype = None
    return lambda function, argument, threads: parallel(function, argument, threads, 0)


def _library() -> str | None:
    """The OpenMP library that this process has loaded, torch's before any other's."""
    if sys.platform != "linux" or "torch" not in sys.modules:
        return None
    try:
        with open("/proc/self/maps") as maps:
            paths = re.findall(r"(/\S*/lib(?:gomp|iomp5|omp)\b\S*)", maps.read())
    except OSError:
        return None
    return min(paths, key=lambda path: "/torch/" not in path, default=None)
