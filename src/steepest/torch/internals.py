"""Every private name of torch that this library uses, each with a way to do without it.

A private name may be renamed or removed by the next release of torch.  Then a function of `fallbacks` takes its place:
slower, with the same results.  Names are looked up once, when this file is imported, since a step of a small model has
no time for it.  `tests/torch/test_internals.py` takes away each name in turn.
"""

import contextlib
import functools
import importlib
import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.autograd import graph
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from steepest.torch import fallbacks

hooks_behind = fallbacks.hooks_behind


def _find(path: str, otherwise: Any = None) -> Any:
    """What this dotted path of torch leads to, or the other value."""
    found: Any = torch
    for name in path.split("."):
        found = getattr(found, name, None)
    return otherwise if found is None else found


# Tensors

increment_version: Callable[[Sequence[Tensor]], None] = _find("_C._increment_version", graph.increment_version)
"""Tell autograd that these tensors were written to; the public name checks first whether it was given one or many."""


def _gradient_getter() -> Callable[[Tensor], Any]:
    """`p.grad` as a function, without the search through the classes of p: half the time."""
    descriptor = vars(_find("_C.TensorBase", object)).get("grad")
    return attrgetter("grad") if descriptor is None else descriptor.__get__


gradient_of = _gradient_getter()

is_zero_tensor: Callable[[Tensor], bool] = _find("Tensor._is_zerotensor", fallbacks.is_zero_tensor)
"""Whether a strided tensor is zeros that have no memory."""

indices_of: Callable[[Tensor], Tensor] = _find("Tensor._indices", fallbacks.indices_of)
"""The indices of a sparse tensor as they are stored: an index may occur twice, or lie outside."""

values_of: Callable[[Tensor], Tensor] = _find("Tensor._values", fallbacks.values_of)
"""The values that belong to them."""


def version_of(tensor: Tensor) -> int:
    """How often a tensor was written to; 0 where torch does not count it."""
    return 0 if tensor.is_inference() else getattr(tensor, "_version", 0)


_STORAGES_HAVE_NUMBERS = hasattr(torch.UntypedStorage, "_cdata")


def is_itself(tensor: Tensor) -> bool:
    """Whether memory holds the values that are shown: neither negated nor conjugated, nor zeros that have no memory."""
    return not tensor.is_neg() and not tensor.is_conj() and not is_zero_tensor(tensor)


def storage_of(tensor: Tensor) -> int:
    """The same for two strided tensors that lie in one storage, and for no others but those without memory."""
    return tensor.untyped_storage()._cdata if _STORAGES_HAVE_NUMBERS else fallbacks.storage_of(tensor)


def _keys_getter() -> Callable[[Tensor], int] | None:
    keys = _find("_C._dispatch_keys")
    return None if keys is None else lambda tensor: keys(tensor).raw_repr()


keys_of: Callable[[Tensor], int] | None = _keys_getter()
"""The set of keys by which torch chooses what an operation does with a tensor, as a number."""


tensor_of: Callable[[Tensor], int] | None = attrgetter("_cdata") if hasattr(Tensor, "_cdata") else None
"""The address of the tensor of C++ behind a tensor."""


# Devices


def _raw_stream_getter() -> Callable[[int], int]:
    raw = _find("_C._cuda_getCurrentRawStream")
    return raw or (lambda device: torch.cuda.current_stream(device).cuda_stream)


raw_stream = _raw_stream_getter()
"""The stream that torch works on, on the CUDA device of this number: a tenth of the public way's time."""

divide_each: Callable[[Sequence[Tensor], Tensor], Any] = _find("_foreach_div_", fallbacks.divide_each)
"""Divide tensors by one number in place, which may lie on their device."""


# Distributed tensors

_SHARDED = "torch.distributed.tensor"


def sharded_type() -> type[Any] | None:
    """The type of tensors that are divided among processes; None where nobody imported it, since that takes 0.6 s."""
    return getattr(sys.modules.get(_SHARDED), "DTensor", None)


def shard_getter(sharded: type[Any]) -> Callable[[Any], Tensor]:
    """What gives the plain tensor in which this process has its part: 0.05 us, where `to_local` takes 0.3 to 8 us."""
    return attrgetter("_local_tensor") if hasattr(sharded, "_local_tensor") else fallbacks.shard_of


def placement_getter(sharded: type[Any]) -> Callable[[Any], Any]:
    """What gives an object that says how it is divided: as long as it is the same one, nothing has changed."""
    return attrgetter("_spec") if hasattr(sharded, "_spec") else fallbacks.placement_of


def order_of_shards(sharded: Any) -> Any:
    """In which order several dimensions of the mesh divide one dimension of the tensor, where torch says so."""
    return getattr(getattr(sharded, "_spec", None), "shard_order", None)


# Modes in which an operation does not do what it says

modes: Callable[[], int] = _find("_C._len_torch_dispatch_stack", lambda: 1)
"""How many modes there are that see operations, or as many as there may be: 0.04 us at every step."""

function_modes: Callable[[], int] = _find("_C._len_torch_function_stack", lambda: 1)
"""The same for those that see functions: make_fx has one where it records what comes before autograd."""

_mode: Callable[[Any], Any] | None = _find("_C._get_dispatch_mode")
_modes_that_replace = [
    key for name in ("PROXY", "FAKE", "FUNCTIONAL") if (key := _find(f"_C._TorchDispatchModeKey.{name}")) is not None
]
_TRACER = "torch.fx.experimental.proxy_tensor"


def are_operations_replaced() -> bool:
    """Whether torch records its operations or pretends them (make_fx, FakeTensorMode): a kernel would escape it."""
    if _mode is None:
        return fallbacks.are_operations_replaced()
    is_traced = getattr(sys.modules.get(_TRACER), "_CURRENT_MAKE_FX_TRACER", None) is not None
    return is_traced or any(_mode(key) is not None for key in _modes_that_replace)


# torch.compile

_COMPILER = "torch._dynamo"
_has_compiler = importlib.util.find_spec(_COMPILER) is not None
_set_strategy = _find("_C._dynamo.eval_frame.set_code_exec_strategy")
_strategy = _find("_C._dynamo.eval_frame._FrameExecStrategy")
_skip = _find("_C._dynamo.eval_frame._FrameAction.SKIP")

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


# Trees of tensors

_TREES = "torch.utils._pytree"
_trees: Any = importlib.import_module(_TREES) if importlib.util.find_spec(_TREES) else None


def map_tree(function: Callable[..., Any], tree: Any, *others: Any) -> Any:
    """The function of each leaf of a tree of dictionaries, lists and tuples, and of what others have at that place.

    Raises ValueError where another has no such place.
    """
    if _trees is None:
        return fallbacks.map_tree(function, tree, *others)
    leaves, structure = _trees.tree_flatten(tree)
    at_places = zip(leaves, *map(structure.flatten_up_to, others), strict=True)
    return _trees.tree_unflatten([function(*parts) for parts in at_places], structure)


# Optimizers


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
_is_profiling = _find("autograd._profiler_enabled", lambda: True)


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


# Schedulers

SCHEDULER_FLAGS = ("_step_count", "_is_initial", "_get_lr_called_within_step")
"""What torch's schedulers keep beside what they are made of."""


OldLRScheduler: type[LRScheduler] = _find("optim.lr_scheduler._LRScheduler", LRScheduler)
"""The name that the base class of schedulers had; programs subclass it."""


class Scheduler(LRScheduler):
    """torch's base class of schedulers, which calls `begin` when one is made and `move` when one is stepped.

    torch's names for these two are private; a release that has others calls `step` at both, as its first ones did.
    """

    def begin(self) -> None:
        """Set the rates of the first epoch."""
        raise NotImplementedError

    def move(self, epoch: Any = None) -> None:
        """Set the rates of the next epoch, or of this one."""
        raise NotImplementedError

    def rates_at_present(self) -> list[Any]:
        """The rates of the epoch that it is at."""
        raise NotImplementedError

    def begin_by_step(self) -> None:
        """Call `begin`, from `step`, as torch's constructor does: a subclass may have a `step` of its own."""
        raise NotImplementedError

    def _initial_step(self) -> None:
        self.begin_by_step()

    def _update_lr(self, epoch: Any = None) -> None:
        self.move(epoch)

    def _get_closed_form_lr(self) -> list[Any]:
        return self.rates_at_present()

    @classmethod
    def sets_rates_as(cls, parent: type["Scheduler"]) -> bool:
        """Whether a subclass has left alone all methods of a parent that set rates in torch."""
        return (
            cls.step is parent.step
            and cls.get_lr is parent.get_lr
            and cls._get_closed_form_lr is parent._get_closed_form_lr
        )

    def torchs_rates_at_present(self) -> list[Any]:
        """What torch's class says of a given epoch."""
        closed_form = getattr(super(), "_get_closed_form_lr", self.get_lr)
        return closed_form()

    def set_flags(self) -> None:
        """Say what torch's constructor says of a scheduler that has begun."""
        self._step_count = 1
        self._is_initial = self._get_lr_called_within_step = False

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """Within it, torch's `get_lr` gives the rates of the first epoch."""
        self._is_initial = True
        try:
            yield
        finally:
            self._is_initial = False

    def count(self) -> None:
        """Say that it was stepped."""
        self._step_count += 1

    def is_stepped_too_early(self) -> bool:
        """Whether its first step comes before the optimizer's, as far as torch says."""
        return self._step_count == 1 and not getattr(self.optimizer, "_opt_called", True)

    @contextlib.contextmanager
    def asked_by_step(self) -> Iterator[None]:
        """Within it, `get_lr` is called by a step."""
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def is_asked_by_step(self) -> bool:
        """Whether `get_lr` is called by a step; where torch says nothing of that, yes."""
        return getattr(self, "_get_lr_called_within_step", True)

    def step_as_torch(self, epoch: Any = None) -> None:
        """Count, warn of what is done in the wrong order, and move."""
        _step(self, epoch)

    def move_as_torch(self, epoch: Any = None) -> None:
        """Set the rates that `get_lr` gives, for a class that has one of its own."""
        _move(self, epoch)

    def get_last_lr(self) -> list[Any]:
        """The rates that were set last."""
        return self._last_lr

    def set_last_lr(self, rates: list[Any]) -> None:
        """Keep the rates that were set, under the name that checkpoints have."""
        self._last_lr = rates


_move: Any = getattr(LRScheduler, "_update_lr", fallbacks.move)
_step: Any = fallbacks.step if _move is fallbacks.move else LRScheduler.step


def move_to(scheduler: LRScheduler, epoch: Any) -> None:
    """Set the rates of this epoch, as SequentialLR does where another scheduler begins."""
    move = getattr(scheduler, "_update_lr", None)
    scheduler.step(epoch) if move is None else move(epoch)


def is_beginning(scheduler: LRScheduler) -> bool:
    """Whether torch's constructor, not the user, calls `step`; where it does not say so, never."""
    return getattr(scheduler, "_is_initial", False)


def schedulers_in(scheduler: LRScheduler, given: Sequence[Any]) -> Sequence[Any]:
    """What a ChainedScheduler or SequentialLR is made of.  given: what its constructor was given."""
    return vars(scheduler).get("_schedulers", given)


def milestones_of(scheduler: LRScheduler, given: Sequence[int]) -> Sequence[int]:
    """The epochs at which the schedulers of a SequentialLR begin; a checkpoint may have changed them."""
    return vars(scheduler).get("_milestones", given)


def phases_of(scheduler: Any, given: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The lines or half cosines of a OneCycleLR.  given: the arguments of its constructor."""
    found = vars(scheduler).get("_schedule_phases")
    return found or fallbacks.phases(given["pct_start"], scheduler.total_steps, three=given["three_phase"])


def has_cosines(scheduler: Any, given: Mapping[str, Any]) -> bool:
    """Whether they are half cosines."""
    return (vars(scheduler).get("_anneal_func_type") or given["anneal_strategy"]) == "cos"
