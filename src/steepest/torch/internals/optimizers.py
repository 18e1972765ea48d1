"""torch's base class of optimizers, without what costs a second at the first call or microseconds at each."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from torch.optim import Optimizer

from steepest.torch import fallbacks
from steepest.torch.internals.compiling import never_traced
from steepest.torch.internals.finding import find


def _undisturbed(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of torch's without the wrapper that imports its compiler at the first call; else with it."""
    plain = getattr(method, "__wrapped__", method)

    @functools.wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    return never_traced(call)


class QuickOptimizer(Optimizer):
    """torch's base class for optimizers, without what costs a second at the first call."""

    # Found where torch does not keep its hooks under these names: then `hooked` takes the longer way at every step.
    _optimizer_step_pre_hooks = _optimizer_step_post_hooks = ("somewhere else",)  # type: ignore[assignment]

    add_param_group = _undisturbed(Optimizer.add_param_group)
    zero_grad = _undisturbed(Optimizer.zero_grad)
    state_dict = _undisturbed(Optimizer.state_dict)
    load_state_dict = _undisturbed(Optimizer.load_state_dict)


_BEFORE_ALL, _AFTER_ALL = fallbacks.BEFORE_ALL, fallbacks.AFTER_ALL
_with_hooks = getattr(Optimizer, "profile_hook_step", fallbacks.with_hooks)
_is_profiling = find("autograd._profiler_enabled", lambda: True)


Closure = Callable[[], Any] | None


def hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """The method `step` of an optimizer, made of the step alone.

    torch's own wrapper calls hooks and tells the profiler; it costs 7 us, so it is used when somebody listens.  torch
    wraps the `step` of a subclass itself, so its hooks are not called here a second time.
    """
    with_hooks = _with_hooks(step)

    # Hooks see whether the closure came by its place or by its name, as in torch.
    def quick(self: Any, by_place: Closure = None, /, *, closure: Closure = None) -> Any:
        if (
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _BEFORE_ALL
            or _AFTER_ALL
            or _is_profiling()
        ) and type(self).step is whole:
            by_places = () if by_place is None else (by_place,)
            return with_hooks(self, *by_places, **({} if closure is None else {"closure": closure}))
        return step(self, closure if by_place is None else by_place)

    quick.__signature__ = inspect.signature(step)  # type: ignore[attr-defined]
    quick.__doc__, quick.__name__, quick.__module__ = step.__doc__, "step", step.__module__
    quick.__qualname__ = f"{step.__qualname__.rpartition('.')[0]}.step"
    quick.hooked = True  # type: ignore[attr-defined] - so that torch does not wrap it once more
    whole = never_traced(quick)
    return whole
