"""What the private names in `internals/` do, in plain Python and public names of torch: slower, the same results."""

import functools
import sys
import warnings
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import lr_scheduler
from torch.optim.optimizer import register_optimizer_step_post_hook, register_optimizer_step_pre_hook


def is_zero_tensor(tensor: Tensor) -> bool:
    """Whether a strided tensor has bytes but no address, as the zeros have that autograd makes and nobody writes to."""
    return tensor.numel() > 0 and tensor.data_ptr() == 0 and tensor.untyped_storage().nbytes() > 0


def divide_each(tensors: Sequence[Tensor], number: Tensor) -> None:
    """Divide tensors by one number in place."""
    for tensor in tensors:
        tensor.div_(number)


def indices_of(gradient: Tensor) -> Tensor:
    """Its indices, each once: with several sparse dimensions, one that lies outside may be hidden."""
    return gradient.coalesce().indices()


def values_of(gradient: Tensor) -> Tensor:
    """The values that belong to them."""
    return gradient.coalesce().values()


def storage_of(tensor: Tensor) -> int:
    """The same for two strided tensors that lie in one storage, and for no others but those without memory."""
    try:
        return tensor.untyped_storage().data_ptr()
    except RuntimeError:  # a tensor that shows values without memory
        return 0


def never_traced(function: Callable[..., Any], compiler: str) -> Callable[..., Any]:
    """A function that torch.compile leaves alone, with all that it calls, once this module was imported."""
    alone: list[Callable[..., Any]] = []

    @functools.wraps(function)  # the mark of the function too
    def call(*args: Any, **kwargs: Any) -> Any:
        if compiler not in sys.modules:
            return function(*args, **kwargs)
        if not alone:
            alone.append(torch.compiler.disable(function))
        return alone[0](*args, **kwargs)

    return call


def shard_of(sharded: Any) -> Tensor:
    """The plain tensor in which this process has its part of a DTensor."""
    with torch.no_grad():
        return sharded.to_local()


def placement_of(sharded: Any) -> Any:
    """How it is divided."""
    return sharded.device_mesh, sharded.placements


def are_operations_replaced() -> bool:
    """Whether new tensors are not what they should be, as under FakeTensorMode."""
    return type(torch.empty(0)) is not Tensor


def hooks_behind(register: Callable[..., Any]) -> Any:
    """The dictionary into which one of torch's `register_..._hook` puts hooks."""
    handle = register(_nothing)
    try:
        return handle.hooks_dict_ref()
    finally:
        handle.remove()


def _nothing(*_: object) -> None:
    pass


BEFORE_ALL, AFTER_ALL = map(hooks_behind, (register_optimizer_step_pre_hook, register_optimizer_step_post_hook))
"""The hooks of every optimizer."""


def with_hooks(step: Callable[..., Any]) -> Callable[..., Any]:
    """The step of an optimizer with the hooks before and after it, and a name for the profiler."""

    @functools.wraps(step)
    def call(*args: Any, **kwargs: Any) -> Any:
        optimizer = args[0]
        with torch.profiler.record_function(f"Optimizer.step#{type(optimizer).__name__}.step"):
            for hook in (*BEFORE_ALL.values(), *hooks_behind(optimizer.register_step_pre_hook).values()):
                changed = hook(optimizer, args, kwargs)
                args, kwargs = (args, kwargs) if changed is None else changed
            returned = step(*args, **kwargs)
            for hook in (*hooks_behind(optimizer.register_step_post_hook).values(), *AFTER_ALL.values()):
                hook(optimizer, args, kwargs)
            return returned

    return call


def step(scheduler: Any, epoch: Any) -> None:
    """`LRScheduler.step` where it does not leave the rates to another method, as before torch 2.9."""
    if scheduler.is_stepped_too_early():
        warnings.warn(
            "Detected call of `lr_scheduler.step()` before `optimizer.step()`. Call them in the opposite order, or the "
            "first value of the schedule is skipped.",
            stacklevel=4,
        )
    scheduler.count()
    if epoch is not None:
        warnings.warn(getattr(lr_scheduler, "EPOCH_DEPRECATION_WARNING", "step(epoch) is deprecated"), stacklevel=4)
    scheduler.move(epoch)


def move(scheduler: Any, epoch: Any) -> None:
    """Set the rates of the next epoch, or of this one, from `get_lr`."""
    scheduler.last_epoch = scheduler.last_epoch + 1 if epoch is None else epoch
    with scheduler.asked_by_step():
        rates = scheduler.get_lr() if epoch is None else scheduler.rates_at_present()
    groups = scheduler.optimizer.param_groups
    for group, rate in zip(groups, rates, strict=True):
        if isinstance(group["lr"], Tensor):
            group["lr"].fill_(float(rate))
        else:
            group["lr"] = rate
    scheduler.set_last_lr([g["lr"].clone() if isinstance(g["lr"], Tensor) else g["lr"] for g in groups])


def phases(part: float, steps: int, *, three: bool) -> list[Mapping[str, Any]]:
    """The lines and half cosines of OneCycleLR.  part: of the steps, until the rate is highest."""
    up = part * steps - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum"
    down = 2 * part * steps - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"
    if three:
        ways = up, down, (steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum")
    else:
        ways = up, (steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")
    names = "end_step", "start_lr", "end_lr", "start_momentum", "end_momentum"
    return [dict(zip(names, way, strict=True)) for way in ways]


def map_tree(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The function of each leaf of a tree of dictionaries, lists and tuples, and of what others have at that place.

    Raises ValueError where another has no such place.
    """
    if isinstance(tree, dict):
        _check_same(tree, others, all(isinstance(o, dict) and o.keys() == tree.keys() for o in others))
        found = {key: map_tree(function, value, *(o[key] for o in others)) for key, value in tree.items()}
        return _as_dictionary(tree, found)
    if isinstance(tree, (list, tuple, deque)):
        _check_same(tree, others, all(type(o) is type(tree) and len(o) == len(tree) for o in others))
        parts = [map_tree(function, *at_place) for at_place in zip(tree, *others, strict=True)]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    return function(tree, *others)


def _as_dictionary(like: dict[Any, Any], found: dict[Any, Any]) -> dict[Any, Any]:
    if isinstance(like, defaultdict):
        return defaultdict(like.default_factory, found)
    return OrderedDict(found) if isinstance(like, OrderedDict) else found


def _check_same(tree: Any, others: Sequence[Any], is_same: bool) -> None:
    if not is_same:
        raise ValueError(f"Give trees of one structure: there are {tree!r} and {', '.join(map(repr, others))}.")
