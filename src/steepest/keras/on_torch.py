"""Keras on torch: the step of an optimizer for torch, which has kernels, on the tensors in Keras's variables."""

from collections.abc import Iterable, Sequence
from operator import is_
from typing import Any

import torch
from torch import Tensor

from steepest.keras.internals import in_stateless_scope, is_overwritten, tensor_of, variables_of
from steepest.keras.scheduled import has_schedule
from steepest.torch.internals import never_traced
from steepest.torch.optimizers.make import optimizer as torch_optimizer


class Fused:
    """An optimizer for torch whose parameters and state lie in a Keras optimizer's variables."""

    def __init__(self, owner: Any) -> None:
        self._owner, self._lines = owner, owner._lines()
        stepped = [
            (index, variable)
            for index, variable in enumerate(variables_of(owner))
            if not is_overwritten(owner, variable)
        ]
        variables = [variable for _, variable in stepped]
        self._place = {id(variable): place for place, variable in enumerate(variables)}
        kept = {name: [found[index] for index, _ in stepped] for name, found in owner._states.items()}
        self._all = [*variables, *(one for found in kept.values() for one in found)]
        self._tensors = list(map(tensor_of, self._all))
        self._parameters = self._tensors[: len(variables)]
        self._arrays = {name: list(map(tensor_of, found)) for name, found in kept.items()}
        self.inner = torch_optimizer(owner.rule.function)(self._parameters)
        counted = ["step"] if owner.rule.counts else []
        self._numbers: dict[str, list[Tensor]] = {name: [] for name in (*self._lines.scalar_states, *counted)}
        for place, p in enumerate(self._parameters):
            for numbers in self._numbers.values():
                numbers.append(torch.zeros((), dtype=torch.float64))
            self.inner.state[p] = {name: found[place] for name, found in {**self._arrays, **self._numbers}.items()}
        self._is_new = [tensor_of(owner._is_new[index]) for index, _ in stepped] if owner._is_new else []
        self._steps = -1

    def fits(self) -> bool:
        """Whether the variables still hold the tensors that they held."""
        return all(map(is_, map(tensor_of, self._all), self._tensors))

    def step(self, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> None:
        """Step these variables along these gradients."""
        places = [self._place[id(variable)] for variable in variables]
        steps = int(self._owner.iterations)
        self._set_hyperparameters(float(learning_rate), steps)
        self._set_numbers(steps)
        starting = self._started_by(places, steps)
        for name, place in starting:
            del self.inner.state[self._parameters[place]][name]
        self._step_along(dict(zip(places, grads, strict=True)))
        for name, place in starting:
            self._keep_start(name, place)
        self._keep_numbers(steps, places)

    def _set_hyperparameters(self, learning_rate: float, steps: int) -> None:
        group, values = self.inner.param_groups[0], self._owner._hyperparameters(learning_rate)
        if any(map(has_schedule, values.values())):
            values = self._owner._hyperparameters(learning_rate, steps)
        if any(group[name] is not value for name, value in values.items()):
            group |= values

    def _set_numbers(self, steps: int) -> None:
        if "step" in self._numbers and steps != self._steps:
            for number in self._numbers["step"]:
                number.fill_(steps)
        for name, kept in zip(self._lines.scalar_states, self._owner._numbers, strict=True):
            for number in self._numbers[name]:
                number.copy_(tensor_of(kept))

    def _started_by(self, places: Sequence[int], steps: int) -> list[tuple[str, int]]:
        """The states that this step starts in the rule's own way, and of which parameters."""
        names = [name for name in self._lines.uninitialized if name not in self._owner.starts]
        new = [place for place in places if self._is_new[place]] if self._is_new else []  # asked: it may be loaded
        arrays = [(name, place) for name in names if name in self._arrays for place in new]
        numbers = [(name, place) for name in names if name in self._numbers for place in places if steps == 0]
        return arrays + numbers

    def _keep_start(self, name: str, place: int) -> None:
        """Take what the step made of a state into the variable that is kept."""
        state = self.inner.state[self._parameters[place]]
        kept = {**self._arrays, **self._numbers}[name][place]
        kept.copy_(state[name])
        state[name] = kept
        if name in self._arrays:
            self._is_new[place].fill_(0)

    def _step_along(self, grads: dict[int, Any]) -> None:
        """Step with these in place of the gradients that the parameters have, and give those back."""
        before = [p.grad for p in self._parameters]
        wanted = [grads.get(place) for place in range(len(before))]
        changed = [place for place, (old, new) in enumerate(zip(before, wanted, strict=True)) if new is not old]
        try:
            for place in changed:
                p, g = self._parameters[place], wanted[place]
                p.grad = g if g is None else torch.as_tensor(g).detach().to(p.dtype)
            self.inner._step()
        finally:
            for place in changed:
                self._parameters[place].grad = before[place]

    def _keep_numbers(self, steps: int, places: Sequence[int]) -> None:
        self._steps = steps + 1 if len(places) == len(self._parameters) else -1
        for name, kept in zip(self._lines.scalar_states, self._owner._numbers, strict=True):
            tensor_of(kept).fill_(self._numbers[name][places[0]])


@never_traced  # addresses cannot be traced
def step(owner: Any, grads: Sequence[Any], variables: Sequence[Any], learning_rate: Any) -> bool:
    """Step the variables of a Keras optimizer; False, and nothing is done, where they hold no tensors of their own."""
    if in_stateless_scope():
        return False
    fused = owner.__dict__.get("_fused")
    with torch.no_grad():
        if fused is None or fused._lines is not owner._lines() or not fused.fits():
            if not _have_tensors(variables_of(owner)):
                return False
            fused = Fused(owner)
            object.__setattr__(owner, "_fused", fused)  # Keras would wrap and track it
        fused.step(grads, variables, tensor_of(learning_rate))
    return True


def _have_tensors(variables: Iterable[Any]) -> bool:
    return all(isinstance(tensor_of(variable), Tensor) for variable in variables)
