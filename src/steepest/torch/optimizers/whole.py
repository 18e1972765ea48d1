"""The optimizer of a rule of whole tensors: the rule itself, run on each parameter."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from steepest.kernels import reference
from steepest.torch import sharded
from steepest.torch.gpu import is_capturing
from steepest.torch.internals import increment_version
from steepest.torch.optimizers.base import Group, RuleOptimizer
from steepest.torch.state.arrays import check_complete, check_gradient, check_shape, check_values, number
from steepest.torch.state.captured import not_fused
from steepest.torch.stepping.tensors import plain, step_in_place


class WholeOptimizer(RuleOptimizer):
    """Base of the optimizers of rules of whole tensors."""

    def _step_groups(self) -> None:
        if self.rule.counts and is_capturing():
            raise not_fused(type(self).__name__)
        for group in self.param_groups:
            ready = [(p, p.grad) for p in group["params"] if p.grad is not None]
            for p, g in ready:  # all of them before any is stepped
                self._check_gradient(p, g, group)
            for p, g in ready:
                self._step_one(group, p, g)

    def _step_one(self, group: Group, p: Tensor, g: Tensor) -> None:
        state = self.state[p]
        if self.rule.counts:
            state["step"] = number(state.get("step", 0.0))
        given = {name: state[name] for name in self.rule.state if state.get(name) is not None}
        self._check_shapes(given, p, "a parameter")
        if sharded.is_sharded(p):
            self._step_shards(group, p, g, given)
        else:
            with torch.set_grad_enabled(bool(group.get("differentiable", False))):
                step_in_place(self.rule, p, g, state, given, self._resolved(group, p))

    def _step_shards(self, group: Group, p: Tensor, g: Tensor, given: Mapping[str, Any]) -> None:
        """Step a DTensor: every process computes the whole step, as one alone would, and keeps its shards of it."""
        state = self.state[p]
        values = {name: sharded.whole(value) for name, value in state.items()}
        known = {name: values[name] for name in given}
        with torch.no_grad():
            whole_p = sharded.whole(p)
            step_in_place(self.rule, whole_p, sharded.whole(g), values, known, self._resolved(group, p))
            for name in self.rule.state:
                if name in values:
                    state[name] = _divided(values[name], state.get(name), p)
            sharded.write(p, whole_p)
        increment_version([p])

    def _resolved(self, group: Mapping[str, Any], p: Tensor) -> Mapping[str, Any]:
        """The hyperparameters for one parameter."""
        return self._with_own(group)

    def _with_own(self, group: Mapping[str, Any]) -> Mapping[str, Any]:
        """A group with the arguments that torch's class has not; a group may have another value for itself."""
        return {**self._beyond_torch, **group} if self._beyond_torch else group

    def _check_state(self, saved: dict[str, Any], group: Group, p: Tensor, which: str) -> None:
        if self.rule.counts and saved.get("step") is not None:
            number(saved["step"], f"the step count of {which}")
            check_complete(saved, self._first_state(p), which)
        self._check_shapes(saved, p, which)
        for name in self.rule.state:
            if isinstance(saved.get(name), Tensor):
                check_values(name, saved[name], p, which)

    def _check_gradient(self, p: Tensor, g: Tensor, group: Group) -> None:
        if p.is_complex():
            raise RuntimeError(f"{type(self).__name__} does not support complex parameters: see torch.view_as_real.")
        check_gradient(p, g, type(self).__name__)
        if sharded.is_sharded(p) and group.get("differentiable", False):
            raise RuntimeError(
                f"{type(self).__name__} cannot be differentiable on DTensors: it computes with whole tensors, which no "
                "graph leads to. Use steepest.functional on plain tensors."
            )

    def _check_shapes(self, state: Mapping[str, Any], p: Tensor, which: str) -> None:
        """Compare with the state that a first step would make."""
        if not any(state.get(name) is not None for name in self.rule.state):
            return
        for name, value in self._first_state(p).items():
            if state.get(name) is not None:
                check_shape(name, state[name], value, f"{which} of shape {tuple(p.shape)}")

    def _first_state(self, p: Tensor) -> dict[str, Any]:
        """The state of a first step, as tensors without memory."""
        if p.shape not in self._first_states:
            like = torch.empty(p.shape, dtype=torch.float32, device="meta")
            numbers = plain(self.rule, self._resolved(self.defaults, p))
            _, self._first_states[p.shape] = reference.step(self.rule, like, like, {}, numbers)
        return self._first_states[p.shape]

    def _forget(self) -> None:
        super()._forget()
        self._first_states: dict[torch.Size, dict[str, Any]] = {}


def _divided(value: Tensor, before: Any, p: Tensor) -> Tensor:
    """A whole state as a DTensor: divided as its parameter where it has that shape, else the same in every process."""
    if sharded.is_sharded(before):
        sharded.write(before, value)
        return before
    if value.shape != p.shape:
        return sharded.everywhere(value, p)
    return sharded.of_shard(sharded.shard(sharded.divided(value, p)).clone(), p)  # a view would keep the whole alive
