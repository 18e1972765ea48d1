"""Modes in which an operation does not do what it says."""

import sys
from collections.abc import Callable
from typing import Any

from steepest.torch import fallbacks
from steepest.torch.internals.finding import find

modes: Callable[[], int] = find("_C._len_torch_dispatch_stack", lambda: 1)
"""How many modes there are that see operations, or as many as there may be: 0.04 us at every step."""

function_modes: Callable[[], int] = find("_C._len_torch_function_stack", lambda: 1)
"""The same for those that see functions: make_fx has one where it records what comes before autograd."""

_mode: Callable[[Any], Any] | None = find("_C._get_dispatch_mode")
_modes_that_replace = [
    key for name in ("PROXY", "FAKE", "FUNCTIONAL") if (key := find(f"_C._TorchDispatchModeKey.{name}")) is not None
]
_TRACER = "torch.fx.experimental.proxy_tensor"


def are_operations_replaced() -> bool:
    """Whether torch records its operations or pretends them (make_fx, FakeTensorMode): a kernel would escape it."""
    if _mode is None:
        return fallbacks.are_operations_replaced()
    is_traced = getattr(sys.modules.get(_TRACER), "_CURRENT_MAKE_FX_TRACER", None) is not None
    return is_traced or any(_mode(key) is not None for key in _modes_that_replace)
