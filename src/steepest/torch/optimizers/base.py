"""What every optimizer of a rule has from torch.optim: arguments, parameter groups, hooks, checkpoints, pickle."""

import os
import threading
import weakref
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from steepest.compiler.rule import Rule
from steepest.hyperparameters.values import in_python
from steepest.torch import internals
from steepest.torch.gpu import is_capturing
from steepest.torch.internals import QuickOptimizer, never_traced
from steepest.torch.optimizers import demands
from steepest.torch.optimizers.options import refuse_unknown
from steepest.torch.optimizers.scheduled import ScheduledOptimizer
from steepest.torch.optimizers.writers import check_writer
from steepest.torch.state import checkpoint
from steepest.torch.state import schedules as scheduled
from steepest.torch.state import skipped_steps as skips
from steepest.torch.state.arrays import outlasting
from steepest.torch.state.captured import warn_of_group

Group = dict[str, Any]


_ALIVE: "weakref.WeakSet[RuleOptimizer]" = weakref.WeakSet()


def _unlock_all() -> None:
    """In a forked child, where a thread that was in the middle of a step is no more, and its lock would stay locked."""
    for optimizer in _ALIVE:
        optimizer._one_at_a_time = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_unlock_all)


class RuleOptimizer(ScheduledOptimizer):
    """Base of the optimizers that `steepest.optimizer(rule)` makes; not meant to be instantiated itself."""

    rule: ClassVar[Rule]
    also: ClassVar[dict[str, Any]] = {}
    """What torch keeps in the parameter groups of this optimizer beside its arguments."""
    beyond_torch: ClassVar[tuple[str, ...]] = ()
    """Arguments that torch's class of this name has not, so that its groups, and checkpoints of them, have no place."""

    _is_asked_for_skips: bool = False
    """Whether anybody wants to know of steps that were left out."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        arguments = self._bound(args, kwargs)
        params = arguments.pop("params")
        self._forget()
        checked = self._checked_arguments(arguments)
        self._beyond_torch = {name: checked.pop(name) for name in self.beyond_torch}
        super().__init__(params, {**self.also, **checked})

    def _checked_arguments(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """The arguments with numbers for schedules, which stand beside them; refused where they cannot work."""
        found = scheduled.given(arguments)
        scheduled.check(type(self).__name__, found, self.rule.hyperparameters)
        for step in scheduled.ends(found):
            demands.check(self.rule, scheduled.with_numbers(arguments, step))
        return scheduled.with_schedules(arguments)

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step along the gradients of all parameters that have one.

        closure: reevaluates the model and returns the loss.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with self._one_at_a_time:
            if self._by_group:
                self._set_scheduled()
            self._step_groups()
            if self._by_group:
                self._count_scheduled()
            self._steps_taken += 1
        self._was_stepped = True
        return loss

    step = internals.hooked(_step)

    @property
    @never_traced
    def last_step_skipped(self) -> bool:
        """Whether no step was taken along the last gradients because they were not finite, as by GradScaler.

        Gradients are looked at when it is asked for.  `zero_grad()` looks at them before they are gone, once somebody
        has asked or a scheduler of ours was made: to read all gradients costs twenty times what clearing them does, in
        a loop that clears them without a step.  Who asks for the first time after `zero_grad()` is told False.

        A fused optimizer on a GPU is told by GradScaler on the device, and only who asks waits for that.
        """
        self._is_asked_for_skips = True
        if self._was_stepped:
            return skips.was_left_out(self)
        return self._was_skipped or skips.has_infinite_gradients(self)

    @never_traced
    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients, as torch.optim.Optimizer does."""
        if self._graphs:
            self._follow()
        self._was_skipped = self._is_asked_for_skips and not is_capturing() and self.last_step_skipped
        self._was_stepped = False
        QuickOptimizer.zero_grad(self, set_to_none)

    def _step_groups(self) -> None:
        raise NotImplementedError

    @never_traced
    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Take up a checkpoint, of this class or of torch.optim's class of the same name.

        Raises ValueError, and changes nothing, where it is of another model or optimizer.
        """
        found: dict[str, Any] = dict(state_dict)
        # hooks may turn a foreign checkpoint into ours
        for hook in internals.hooks_behind(self.register_load_state_dict_pre_hook).values():
            changed = hook(self, found)
            found = found if changed is None else changed
        checkpoint.check_form(found)
        saved_groups = checkpoint.matched(self.param_groups, found["param_groups"])
        check_writer(type(self).__name__, self.rule, saved_groups, found["state"])
        demands.check_kinds(self.rule, saved_groups)
        for saved in saved_groups:
            refuse_unknown(type(self).__name__, self.unknown, saved)
        for group, saved in zip(self.param_groups, saved_groups, strict=True):
            for position, (p, key) in enumerate(zip(group["params"], saved["params"], strict=True)):
                self._check_state(found["state"].get(key, {}), saved, p, checkpoint.which(saved, position))
        with outlasting():
            state = checkpoint.filled(self.rule, self.state, self.param_groups, saved_groups, found["state"])
        schedules, groups = self._found_schedules(), checkpoint.merged(self.param_groups, saved_groups)
        graphs = self._graphs
        self.__setstate__({"state": state, "param_groups": groups})
        self._graphs = graphs
        self._resume_schedules(schedules, saved_groups)
        if graphs:
            self._follow()
            self._set_clocks()
        for hook in internals.hooks_behind(self.register_load_state_dict_post_hook).values():
            hook(self)

    def _check_state(self, saved: dict[str, Any], group: Group, p: Tensor, which: str) -> None:
        """Refuse saved state that is not as this rule keeps it for this parameter (ValueError)."""
        raise NotImplementedError

    @never_traced
    def add_param_group(self, param_group: Group) -> None:
        """Add a parameter group, as torch.optim.Optimizer does; its own schedules stand beside the optimizer's."""
        given = param_group if isinstance(param_group, dict) else {}  # torch refuses anything else
        given |= {name: in_python(given[name]) for name in self.rule.hyperparameters if name in given}
        arguments = {name: value for name, value in given.items() if name in self.rule.hyperparameters}
        found = scheduled.given(arguments)
        scheduled.check(type(self).__name__, found, self.rule.hyperparameters)
        refuse_unknown(type(self).__name__, self.unknown, given)
        if found:
            param_group |= scheduled.with_schedules(found)
        super().add_param_group(param_group)  # the very dictionary: who gave it, or shares it, reads and writes it
        self._find_schedules_of(self.param_groups[-1])
        if self._graphs:
            warn_of_group(type(self).__name__)

    def __getstate__(self) -> dict[str, Any]:
        own = {"_beyond_torch": self._beyond_torch, "_is_asked_for_skips": self._is_asked_for_skips}
        return {**super().__getstate__(), **own}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._forget()
        super().__setstate__(state)
        if "_beyond_torch" not in vars(self):  # pickled before there was this attribute
            self._beyond_torch = {name: self.rule.hyperparameters[name] for name in self.beyond_torch}
        for group in self.param_groups:
            for name, value in self.defaults.items():
                if name in self.signature.parameters or name in self.also:  # torch adds a default of its own
                    group.setdefault(name, value)

    def _forget(self) -> None:
        """Start without what earlier steps found out: it may not be so any more."""
        self._one_at_a_time = threading.RLock()
        self._by_group, self._counts_steps = {}, self.rule.counts
        self._was_stepped = self._was_skipped = False
        self._steps_taken, self._found_inf, self._graphs = 0, None, None
        _ALIVE.add(self)
