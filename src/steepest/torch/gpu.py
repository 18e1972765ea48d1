"""What a step on a GPU needs of torch: streams, memory, where numbers are kept, whether a graph is captured."""

import functools
import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from steepest.kernels.backend import Backend, backend_of
from steepest.torch.internals import raw_stream

ADDRESSED = ("cpu", "cuda")
"""Devices whose memory is known by addresses that no other memory of the process has."""

_FAILED: set[Any] = set()
"""Kernels that could not be made, which nobody tries a second time."""


def kernels_of(device: torch.device) -> Backend | None:
    """The backend for tensors of a device, None where there is none."""
    if device.type == "cuda":
        _introduce()
    return backend_of(device.type)


@functools.cache
def _introduce() -> None:
    """Tell the launches which streams torch works on, and how to make room in memory that torch has in reserve."""
    from steepest.kernels.triton import driver

    driver.current_stream, driver.make_room = raw_stream, torch.cuda.empty_cache


def is_on_host(tensor: Tensor) -> bool:
    """Whether a tensor lies in the processor's memory."""
    return tensor.device.type == "cpu"


def keeps_numbers(group: Mapping[str, Any], p: Tensor) -> bool:
    """Whether step counts of a parameter belong on its device, as torch has it: then no step waits for the host."""
    asked = group.get("capturable") or group.get("fused")
    return bool(asked) and p.device.type in ADDRESSED and not is_on_host(p)


def takes_scaling(device: torch.device) -> bool:
    """Whether steps there look at found_inf themselves."""
    backend = kernels_of(device)
    return backend is not None and backend.is_device


def is_capturing() -> bool:
    """Whether what torch queues now goes into a graph."""
    return _captures()


def _captures() -> bool:
    return torch.cuda.is_initialized() and torch.cuda.is_current_stream_capturing()


def has_failed(kernel: Any) -> bool:
    """Whether a kernel could not be made before."""
    return kernel in _FAILED


def gave_up(kernel: Any, rule: str, error: Exception) -> None:
    """Say that the rule runs as torch's operations, since its kernel cannot be made."""
    _FAILED.add(kernel)
    warnings.warn(
        f"No kernel of {rule} can be made for this GPU ({error}). The rule runs as torch's operations instead: right, "
        "but slower. `steepest show RULE --as triton` prints what was to be compiled.",
        stacklevel=8,
    )
