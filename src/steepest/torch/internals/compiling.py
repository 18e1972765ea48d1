"""What torch.compile leaves alone."""

import importlib.util
from collections.abc import Callable
from typing import Any

import torch

from steepest.torch import fallbacks
from steepest.torch.internals.finding import find

_COMPILER = "torch._dynamo"
_has_compiler = importlib.util.find_spec(_COMPILER) is not None
_set_strategy = find("_C._dynamo.eval_frame.set_code_exec_strategy")
_strategy = find("_C._dynamo.eval_frame._FrameExecStrategy")
_skip = find("_C._dynamo.eval_frame._FrameAction.SKIP")

COMPILED = "_orig_mod."
"""What torch.compile puts before the names of a module's parameters; files hold it, so it stays what it is."""


def never_traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that torch.compile leaves alone, with all that it calls: it works with addresses, or reads values.

    torch.compiler.disable does that too, but imports the compiler, 0.9 s here, and wraps the function, which costs a
    step 2 us.  The same two things are said here without it: the mark, which ends the graph where a traced function
    calls this one; and, at the code, that neither it nor what it calls is traced when it runs.  Before that was said,
    a compiled train step traced 70 functions of ours, 4 s.
    """
    if not _has_compiler:
        return torch.compiler.disable(function)
    function._torchdynamo_disable = True  # type: ignore[attr-defined]
    if None in (_set_strategy, _strategy, _skip):
        return fallbacks.never_traced(function, _COMPILER)
    _set_strategy(function.__code__, _strategy(_skip, _skip))  # itself, and what it calls
    return function
