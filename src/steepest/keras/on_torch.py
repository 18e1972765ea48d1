"""Keras on torch: the step of an optimizer for torch, which has kernels, on the tensors in Keras's variables."""

from collections.abc import Sequence
from operator import attrgetter, is_
from typing import Any

import torch
from keras.src.backend.common.stateless_scope import in_stateless_scope

from steepest.keras.arguments import rate_name
from steepest.schedules import Schedule
from steepest.torch.make import optimizer as torch_optimizer

_tensor = attrgetter("_value")


class Fused:
    """An optimizer for torch whose parameters and state lie in a Keras optimizer's variables."""

    def __init__(self, owner: Any) -> None:
        self._owner = owner
        known = [(index, one) for index, one in enumerate(owner._trainable_variables) if _is_stepped(owner, one)]
        self._variables = [one for _, one in known]
        self._place = {id(one): place for place, one in enumerate(self._variables)}
        states = {name: [kept[index] for index, _ in known] for name, kept in owner._states.items()}
        self._all = [*self._variables, *(one for kept in states.values() for one in kept)]
        self._tensors = list(map(_tensor, self._all))
        self._parameters = self._tensors[: len(self._variables)]
        self.inner = torch_optimizer(owner.rule.function)(self._parameters)
        self._numbers = {name: [] for name in (*owner._lines().numbers, *(["step"] if owner.rule.counts else []))}
        for place, p in enumerate(self._parameters):
            state = self.inner.state[p]
            state |= {name: _tensor(kept[place]) for name, kept in states.items()}
            for name, made in self._numbers.items():
                state[name] = torch.zeros((), dtype=torch.float64)
                made.append(state[name])
        self._steps = -1

    def fits(self) -> bool:
        """Whether the variables still hold the tensors that they held."""
        return all(map(is_, map(_tensor, self._all), self._tensors))

    def step(self, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
        """Step these variables along these gradients."""
        self._set_hyperparameters(learning_rate)
        self._set_numbers()
        wanted: list[Any] = [None] * len(self._parameters)
        for variable, g in zip(variables, grads, strict=True):
            wanted[self._place[id(variable)]] = g
        before = [p.grad for p in self._parameters]
        try:
            for p, old, g in zip(self._parameters, before, wanted, strict=True):
                if g is not old:
                    p.grad = g if g is None or g.dtype is p.dtype else g.to(p.dtype)
            self.inner._step()
        finally:
            for p, old, g in zip(self._parameters, before, wanted, strict=True):
                if g is not old:
                    p.grad = old
        self._keep_numbers(len(variables) == len(self._parameters))

    def _set_hyperparameters(self, learning_rate: Any) -> None:
        group, owner = self.inner.param_groups[0], self._owner
        values = owner._hyperparameters(float(learning_rate), _count(owner) if _has_schedules(owner) else None)
        if any(group[name] is not value for name, value in values.items()):
            group |= values

    def _set_numbers(self) -> None:
        steps = _count(self._owner)
        if "step" in self._numbers and steps != self._steps:
            for number in self._numbers["step"]:
                number.fill_(steps)
        self._steps = steps
        for kept, name in zip(self._owner._numbers, self._owner._lines().numbers, strict=True):
            torch._foreach_zero_(self._numbers[name])
            torch._foreach_add_(self._numbers[name], float(_tensor(kept)))

    def _keep_numbers(self, all_were_stepped: bool) -> None:
        self._steps = self._steps + 1 if all_were_stepped else -1
        for kept, name in zip(self._owner._numbers, self._owner._lines().numbers, strict=True):
            stepped = max(self._numbers[name], key=lambda number: float(number != _tensor(kept)))
            _tensor(kept).fill_(stepped)


def step(owner: Any, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> bool:
    """Step the variables of a Keras optimizer; False, and nothing is done, where they hold no tensors of their own."""
    if in_stateless_scope() or owner._is_new:
        return False
    fused = owner.__dict__.get("_fused")
    with torch.no_grad():
        if fused is None or not fused.fits():
            if not all(map(_has_tensor, owner._trainable_variables)):
                return False
            fused = Fused(owner)
            object.__setattr__(owner, "_fused", fused)  # Keras would wrap and track it
        fused.step(grads, variables, getattr(learning_rate, "_value", learning_rate))
    return True


step._torchdynamo_disable = True  # type: ignore[attr-defined] - addresses cannot be traced


def _is_stepped(owner: Any, variable: Any) -> bool:
    return not owner._overwrite_variable_with_gradient(variable)


def _has_tensor(variable: Any) -> bool:
    return isinstance(getattr(variable, "_value", None), torch.Tensor)


def _has_schedules(owner: Any) -> bool:
    return any(isinstance(value, Schedule) for value in owner._hyperparameters(0.0).values())


def _count(owner: Any) -> int:
    """Steps taken, as Keras counts them."""
    return int(owner.iterations)
