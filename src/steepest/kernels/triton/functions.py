"""Text becomes a function of Triton's: one that is compiled, or one that its interpreter runs on the processor."""

import functools
import hashlib
import linecache
import types
from collections.abc import Callable
from typing import Any

from steepest.kernels.triton import operations


def compiled(source: str, name: str) -> Any:
    """The function `name` of this text, for `triton.compile`."""
    from triton.runtime.jit import JITFunction

    return JITFunction(_defined(source, {f"{key}_": JITFunction(one) for key, one in _operations().items()})[name])


def interpreted(source: str, name: str) -> Any:
    """The function `name` of this text, as `function[grid](...)` runs it on the processor."""
    from triton.runtime.interpreter import InterpretedFunction

    from steepest.kernels.triton import interpreted_operations

    instead = _functions(interpreted_operations)
    return InterpretedFunction(_defined(source, {f"{k}_": v for k, v in (_operations() | instead).items()})[name])


def _defined(source: str, names: dict[str, Any]) -> dict[str, Any]:
    """The namespace that the text makes; Triton asks for the lines of a function by its file's name."""
    import triton.language as tl

    file = f"<steepest {hashlib.sha256(source.encode()).hexdigest()[:16]}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    scope: dict[str, Any] = {"tl_": tl, "__name__": "steepest.kernels.triton.generated", **names}
    exec(compile(source, file, "exec"), scope)
    return scope


@functools.cache
def _operations() -> dict[str, Callable[..., Any]]:
    return _functions(operations)


def _functions(module: types.ModuleType) -> dict[str, Callable[..., Any]]:
    found = vars(module).items()
    return {
        name: one for name, one in found if isinstance(one, types.FunctionType) and one.__module__ == module.__name__
    }
