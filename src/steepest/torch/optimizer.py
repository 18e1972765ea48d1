"""The optimizer of an elementwise rule: a kernel where there is one for the tensors at hand, else the rule itself."""

import sys
from collections.abc import Callable
from itertools import chain
from operator import is_
from typing import Any

import torch
from torch import Tensor

from steepest.kernels import reference
from steepest.program import Program, program
from steepest.torch.base import Group, RuleOptimizer
from steepest.torch.plan import Entry, Gradients, Plan, make
from steepest.torch.state import State, check_gradient, check_saved, complete


def _untraced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Keep torch.compile, if it is about, away from a function."""
    return torch._dynamo.disable(function) if "torch._dynamo" in sys.modules else function


class ElementwiseOptimizer(RuleOptimizer):
    """Base of the optimizers of elementwise rules."""

    def _step_groups(self) -> None:
        if not self._same_states():
            self._plans.clear()
        for index, group in enumerate(self.param_groups):
            self._step_group(index, group)

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
        if not lines.kept and not lines.rule.counts:
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
        given |= {name: float(state[name]) for name in lines.numbers if name not in entry.fresh}
        count = float(state["step"]) + 1 if lines.rule.counts else 1.0
        with torch.set_grad_enabled(bool(group["differentiable"])):
            new_p, new_state = reference.step(
                self.rule, p.to(real), g.to(real), given, group, step=count, maximize=bool(group["maximize"])
            )
            p.copy_(new_p)
            for name, value in new_state.items():
                if name in lines.numbers:
                    state[name].fill_(value)
                elif group["differentiable"]:
                    state[name] = value
                else:
                    state[name].copy_(value)
        entry.fresh = frozenset()
        if lines.rule.counts:
            state["step"] += 1

    def _check_state(self, saved: dict[str, Any], p: Tensor, which: str) -> None:
        check_saved(self.rule, saved, p, which)

    def add_param_group(self, param_group: Group) -> None:
        """Add a parameter group, as torch.optim.Optimizer does."""
        super().add_param_group(param_group)
        self._plans.clear()

    def _forget(self) -> None:
        super()._forget()
        self._plans: dict[int, Plan] = {}
        self._states_seen: list[Any] = []
