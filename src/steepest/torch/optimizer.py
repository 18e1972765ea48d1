"""The torch optimizer of a rule: parameter groups, hooks, checkpoints and schedulers as torch.optim has them."""

import functools
import inspect
import sys
import threading
from collections.abc import Callable, Mapping
from itertools import chain
from operator import is_
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest.kernels import reference
from steepest.program import Program, program
from steepest.rule import Rule
from steepest.torch import checkpoint, options
from steepest.torch.plan import Entry, Gradients, Plan, make
from steepest.torch.state import State, check_gradient, complete

Group = dict[str, Any]


_HOOKS = sys.modules[Optimizer.__module__]  # where torch keeps the hooks of all optimizers
_profiler_enabled = torch.autograd._profiler_enabled  # pyright: ignore[reportPrivateImportUsage]

_EVERYWHERE = {"maximize": False, "differentiable": False}
"""What a step looks up in every parameter group, also of torch classes that lack the argument."""


def _undisturbed(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of torch's without the wrapper that imports torch._dynamo, 0.9 s, at its first call."""
    plain = getattr(method, "__wrapped__", method)

    @functools.wraps(plain)
    def call(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    call._torchdynamo_disable = True  # type: ignore[attr-defined] - what the wrapper is there to say
    return call


def _made_again(rule: Callable[..., Any]) -> "RuleOptimizer":
    """An empty instance of a rule's class, for pickle: the class has a name, but perhaps nowhere to be found by it."""
    import steepest

    return object.__new__(steepest.optimizer(rule))


_add_param_group = _undisturbed(Optimizer.add_param_group)
_load_state_dict = _undisturbed(Optimizer.load_state_dict)


def _untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep torch.compile, if it is about, away from a function."""
    return torch._dynamo.disable(function) if "torch._dynamo" in sys.modules else function


class RuleOptimizer(Optimizer):
    """Base of the optimizers that `steepest.optimizer(rule)` makes; not meant to be instantiated itself."""

    rule: ClassVar[Rule]
    signature: ClassVar[inspect.Signature]
    also: ClassVar[dict[str, Any]] = {}
    """What torch keeps in the parameter groups of this optimizer beside its arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        arguments = options.bind(type(self).__name__, self.signature, args, kwargs)
        params = arguments.pop("params")
        options.check(self.rule, arguments)
        self._forget()
        super().__init__(params, {**_EVERYWHERE, **self.also, **arguments})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take one step along the gradients of all parameters that have one.

        closure: reevaluates the model and returns the loss.
        """
        if self._somebody_listens():
            return self._step_with_hooks(closure)
        return self._step(closure)

    step._torchdynamo_disable = True  # type: ignore[attr-defined] - addresses cannot be traced
    step.hooked = True  # type: ignore[attr-defined] - torch's wrapper costs 7 us; it is used when somebody listens

    def _somebody_listens(self) -> bool:
        return bool(
            self._optimizer_step_pre_hooks
            or self._optimizer_step_post_hooks
            or _HOOKS._global_optimizer_pre_hooks
            or _HOOKS._global_optimizer_post_hooks
            or _profiler_enabled()
        )

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        with self._one_at_a_time:
            if not self._same_states():
                self._plans.clear()
            for index, group in enumerate(self.param_groups):
                self._step_group(index, group)
        return loss

    zero_grad = _undisturbed(Optimizer.zero_grad)
    state_dict = _undisturbed(Optimizer.state_dict)

    _step_with_hooks = Optimizer.profile_hook_step(_step)

    def _step_group(self, index: int, group: Group) -> None:
        plan = self._plans.get(index)
        gradients = plan.gradients(group) if plan is not None else None
        if plan is None or gradients is None:
            plan, gradients = _untraced(self._plan_anew)(index, group)
        for kernel, found in zip(plan.kernels, gradients, strict=True):
            kernel.run(found, group)
        for entry in plan.unfused:
            self._step_on_tensors(plan.program, group, entry)

    def _plan_anew(self, index: int, group: Group) -> tuple[Plan, list[Gradients]]:
        lines = program(self.rule, group)
        for p in group["params"]:  # all of them before any state is made
            if p.grad is not None:
                check_gradient(p, p.grad, type(self).__name__)
        plan = make(lines, group, lambda p: self._stateful(lines, p))
        gradients = plan.gradients(group)
        assert gradients is not None, "a plan fits the group that it was just made for"
        self._plans[index] = plan
        self._states_seen = self._state_values()
        return plan, gradients

    def _same_states(self) -> bool:
        """Whether every parameter still has the state that the plans were made with."""
        now = self._state_values()
        return len(now) == len(self._states_seen) and all(map(is_, now, self._states_seen))

    def _state_values(self) -> list[Any]:
        try:
            return list(chain.from_iterable(map(dict.values, self.state.values())))
        except TypeError:  # state that is not a parameter's, kept for others: nothing is remembered beside it
            return [object()]

    def _stateful(self, lines: Program, p: Tensor) -> tuple[State, frozenset[str]]:
        if not lines.state and not lines.rule.counts:
            return {}, frozenset()  # torch keeps no state where there is none to keep
        return self.state[p], complete(lines, p, self.state[p])

    def _step_on_tensors(self, lines: Program, group: Group, entry: Entry) -> None:
        """The rule itself on tensors: for what no kernel may walk, and for gradients through the step."""
        p, g = entry.p, entry.p.grad
        assert g is not None
        check_gradient(p, g, type(self).__name__)
        state, _ = self._stateful(lines, p)
        real = torch.promote_types(p.dtype, torch.float32)
        given = {name: state[name].to(real) for name in lines.state if name not in entry.fresh}
        count = float(state["step"]) + 1 if lines.rule.counts else 1.0
        with torch.set_grad_enabled(bool(group["differentiable"])):
            new_p, new_state = reference.step(
                self.rule, p.to(real), g.to(real), given, group, step=count, maximize=bool(group["maximize"])
            )
            p.copy_(new_p)
            for name, value in new_state.items():
                if group["differentiable"]:
                    state[name] = value
                else:
                    state[name].copy_(value)
        entry.fresh = frozenset()
        if lines.rule.counts:
            state["step"] += 1

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:  # type: ignore[override]
        """Take up a checkpoint, of this class or of torch.optim's class of the same name.

        Raises ValueError, and changes nothing, where a state has not its parameter's shape.
        """
        given: dict[str, Any] = {}

        def check_last(_: Optimizer, state_dict: dict[str, Any]) -> None:
            """After every hook of the user's, which may turn a foreign checkpoint into one that fits."""
            checkpoint.check(self.rule, self.param_groups, state_dict)
            given.update(state_dict)

        handle = self.register_load_state_dict_pre_hook(check_last)
        try:
            _load_state_dict(self, dict(state_dict))
        finally:
            handle.remove()
        keys = [key for group in given["param_groups"] for key in group["params"]]
        for p, key in zip((p for group in self.param_groups for p in group["params"]), keys, strict=True):
            if p in self.state and key in given["state"]:
                checkpoint.own(self.rule, self.state[p], given["state"][key])

    def add_param_group(self, param_group: Group) -> None:
        """Add a parameter group, as torch.optim.Optimizer does."""
        _add_param_group(self, param_group)
        self._plans.clear()

    def __reduce__(self) -> Any:
        if "rule" not in vars(type(self)):  # a class that somebody wrote, found again by its name
            return super().__reduce__()
        return _made_again, (self.rule.function,), self.__getstate__()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._forget()
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self.defaults.items():
                group.setdefault(name, value)

    def _forget(self) -> None:
        """Start without plans: what they rely on may not be so any more."""
        self._plans: dict[int, Plan] = {}
        self._states_seen: list[Any] = []
        self._one_at_a_time = threading.RLock()
