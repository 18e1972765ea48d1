"""Every private name of torch that this library uses, each with a way to do without it.

A private name may be renamed or removed by the next release of torch.  Then what stands behind `_find` takes its place:
a public name, or plain Python, which is slower but gives the same results.  Names are looked up once, at import, since
a step of a small model has no time for it.  `tests/torch/test_internals.py` takes away each name in turn.
"""

import functools
import importlib.util
import sys
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.autograd import graph
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook


def _find(path: str, *otherwise: Any) -> Any:
    """What this dotted path of torch leads to; without it, the other value, or None."""
    found: Any = torch
    for name in path.split("."):
        found = getattr(found, name, None)
    return found if found is not None else next(iter(otherwise), None)


increment_version: Callable[[Sequence[Tensor]], None] = _find("_C._increment_version", graph.increment_version)
"""Tell autograd that these tensors were written to; the public name checks first whether it was given one or many."""


def _gradient_getter() -> Callable[[Tensor], Any]:
    """`p.grad` as a function, without the search through the classes of p: half the time."""
    descriptor = vars(_find("_C.TensorBase", object)).get("grad")
    return attrgetter("grad") if descriptor is None else descriptor.__get__


gradient_of = _gradient_getter()


def _is_zeros_without_memory(tensor: Tensor) -> bool:
    """Whether a tensor has bytes but no address, as the zeros have that autograd makes and nobody writes to."""
    return tensor.numel() > 0 and tensor.data_ptr() == 0 and tensor.untyped_storage().nbytes() > 0


is_zero_tensor: Callable[[Tensor], bool] = _find("Tensor._is_zerotensor", _is_zeros_without_memory)
"""Whether a strided tensor is zeros that have no memory."""


def is_itself(tensor: Tensor) -> bool:
    """Whether memory holds the values that are shown: neither negated nor conjugated, nor zeros that have no memory."""
    return not tensor.is_neg() and not tensor.is_conj() and not is_zero_tensor(tensor)


def _coalesced_indices(gradient: Tensor) -> Tensor:
    return gradient.coalesce().indices()


def _coalesced_values(gradient: Tensor) -> Tensor:
    return gradient.coalesce().values()


indices_of: Callable[[Tensor], Tensor] = _find("Tensor._indices", _coalesced_indices)
"""The indices of a sparse tensor as they are stored: an index may occur twice, or lie outside.  The public name has
each once; of a tensor with several sparse dimensions it may hide one that lies outside."""

values_of: Callable[[Tensor], Tensor] = _find("Tensor._values", _coalesced_values)
"""The values that belong to them."""


_guards = _find("_C._dynamo.guards.TensorGuards")


def unchanged(tensors: Sequence[Tensor]) -> Callable[..., bool]:
    """`check(*tensors)`: whether each still has the type, dtype, device, shape and strides it has now.

    torch.compile guards its compiled code by the same question, so torch has an answer in C++: 0.1 us a tensor, where
    asking each attribute from Python costs 0.4 us.
    """
    if _guards is None:
        return unchanged_in_python(tensors)
    sizes, strides = [list(t.shape) for t in tensors], [list(t.stride()) for t in tensors]
    return _guards(*tensors, dynamic_dims_sizes=sizes, dynamic_dims_strides=strides).check


def unchanged_in_python(tensors: Sequence[Tensor]) -> Callable[..., bool]:
    """The same question, asked in Python."""

    def describe(t: Tensor | None) -> tuple[Any, ...]:
        if t is None or t.layout is not torch.strided:
            return ()
        return type(t), t.dtype, t.device, t.shape, t.stride(), is_itself(t)

    expected = [describe(t) for t in tensors]
    return lambda *now: [describe(t) for t in now] == expected


_COMPILER = "torch._dynamo"
_has_compiler = importlib.util.find_spec(_COMPILER) is not None


def untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that torch.compile runs as it is; where nothing was compiled yet, its module need not be imported."""
    return torch.compiler.disable(function) if _COMPILER in sys.modules or not _has_compiler else function


def never_traced(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that torch.compile leaves alone, since it works with addresses or with values that it reads.

    It is what torch.compiler.disable says of a function, without importing the compiler: 0.9 s here.
    """
    if not _has_compiler:
        return torch.compiler.disable(function)
    function._torchdynamo_disable = True  # type: ignore[attr-defined]
    return function


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


def hooks_behind(register: Callable[..., Any]) -> Any:
    """The dictionary into which one of torch's `register_..._hook` puts hooks."""
    handle = register(_nothing)
    try:
        return handle.hooks_dict_ref()
    finally:
        handle.remove()


def _nothing(*_: object) -> None:
    pass


_BEFORE_ALL, _AFTER_ALL = map(hooks_behind, (register_optimizer_step_pre_hook, register_optimizer_step_post_hook))
_is_profiling = _find("autograd._profiler_enabled", lambda: True)


def hooked(step: Callable[..., Any]) -> Callable[..., Any]:
    """The method `step` of an optimizer, made of the step alone.

    torch's own wrapper calls hooks and tells the profiler; it costs 7 us, so it is used when somebody listens.  torch
    wraps the `step` of a subclass itself, so its hooks are not called here a second time.
    """
    with_hooks = _with_hooks(step)

    def quick(self: Any, closure: Callable[[], Any] | None = None) -> Any:
        if (
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _BEFORE_ALL
            or _AFTER_ALL
            or _is_profiling()
        ) and type(self).step is quick:
            return with_hooks(self, closure)
        return step(self, closure)

    quick.__doc__, quick.__name__, quick.__module__ = step.__doc__, "step", step.__module__
    quick.__qualname__ = f"{step.__qualname__.rpartition('.')[0]}.step"
    quick.hooked = True  # type: ignore[attr-defined] - so that torch does not wrap it once more
    return never_traced(quick)


def _hooks_around(step: Callable[..., Any]) -> Callable[..., Any]:
    """What torch makes of `step`, in Python."""

    @functools.wraps(step)
    def call(*args: Any, **kwargs: Any) -> Any:
        self = args[0]
        with torch.profiler.record_function(f"Optimizer.step#{type(self).__name__}.step"):
            for hook in (*_BEFORE_ALL.values(), *hooks_behind(self.register_step_pre_hook).values()):
                changed = hook(self, args, kwargs)
                args, kwargs = (args, kwargs) if changed is None else changed
            returned = step(*args, **kwargs)
            for hook in (*hooks_behind(self.register_step_post_hook).values(), *_AFTER_ALL.values()):
                hook(self, args, kwargs)
            return returned

    return call


_with_hooks = getattr(Optimizer, "profile_hook_step", _hooks_around)


def storage_of(tensor: Tensor) -> Any:
    """The same for two strided tensors that lie in one storage, and for no others but those without memory."""
    return tensor.untyped_storage()._cdata if _STORAGES_HAVE_NUMBERS else _address(tensor)


_STORAGES_HAVE_NUMBERS = hasattr(torch.UntypedStorage, "_cdata")


def _address(tensor: Tensor) -> int:
    try:
        return tensor.untyped_storage().data_ptr()
    except RuntimeError:  # a tensor that shows values without memory
        return 0


COMPILED = "_orig_mod."
"""What torch.compile puts before the names of a module's parameters; files hold it, so it stays what it is."""
