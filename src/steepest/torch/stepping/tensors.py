"""A step of a rule on whole tensors: as a function of them, and written back into those that an optimizer holds."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.branches import deciding, scalar_states
from steepest.compiler.host import used
from steepest.compiler.program import program
from steepest.compiler.rule import Rule
from steepest.compiler.values import conversion, truth
from steepest.kernels import reference
from steepest.torch.internals import are_operations_replaced
from steepest.torch.layout import PLAIN
from steepest.torch.state.arrays import State, new_number, outlasting
from steepest.torch.state.hyperparameters import item


def step(
    rule: Rule, p: Tensor, g: Tensor, state: State, hyperparameters: Mapping[str, Any], *, maximize: bool = False
) -> tuple[Tensor, State]:
    """One step of a rule on tensors, in float32 at least: the new parameter and state, in the dtypes of the old.

    A complex tensor is stepped as twice as many real ones.  A new array of state has its parameter's dtype.  Step count
    and states of one number may be given as numbers, then they come back as such.
    """
    if p.is_complex():
        real = {name: _as_real(value) for name, value in state.items()}
        new_p, new_state = step(rule, _as_real(p), _as_real(g), real, hyperparameters, maximize=maximize)
        arrays = set(rule.state) - scalar_states(rule)
        return torch.view_as_complex(new_p), {
            name: torch.view_as_complex(value) if name in arrays else value for name, value in new_state.items()
        }
    real = torch.promote_types(p.dtype, torch.float32)
    count = state["step"] + 1 if rule.counts else 1.0
    given = {name: _at_least(real, value) for name, value in state.items() if name in rule.state}
    new_p, new_state = reference.step(
        rule,
        p.to(real),
        g.to(real),
        given,
        hyperparameters,
        step=_at_least(torch.float64, count),
        maximize=maximize,
        choosing=_choosing(rule, hyperparameters),
    )
    kept = {name: _stored(value, state.get(name), p) for name, value in new_state.items()}
    counted = {"step": count} if rule.counts else {}
    return new_p.to(p.dtype), {**counted, **kept}


def _choosing(rule: Rule, hyperparameters: Mapping[str, Any]) -> dict[str, Any] | None:
    """What the `if`s of a rule see where a hyperparameter is a tensor, which has no truth under `torch.func.vmap`.

    An `if momentum:` is entered, so that gradients flow to a momentum of zero too; any other question is refused
    (TypeError).
    """
    if not rule.elementwise or not any(isinstance(value, Tensor) for value in hyperparameters.values()):
        return None
    for name, look in deciding(rule):
        if look is not truth and isinstance(hyperparameters[name], Tensor):
            raise TypeError(
                f"{name} chooses between lines of the rule {rule.name} by its value, so it cannot be a tensor: "
                "give it as a number."
            )
    return {name: True if isinstance(value, Tensor) else value for name, value in hyperparameters.items()}


def _as_real(value: Any) -> Any:
    if not isinstance(value, Tensor) or not value.is_complex():
        return value
    return torch.view_as_real(value.resolve_conj())


def _at_least(dtype: torch.dtype, value: Any) -> Any:
    """A tensor in this dtype or a wider one; a number as it is."""
    if not isinstance(value, Tensor):
        return value
    return value.to(torch.float64 if value.dim() == 0 else torch.promote_types(dtype, value.dtype))


def _stored(value: Any, before: Any, p: Tensor) -> Any:
    """A new value of state in the dtype of the old, or of the parameter."""
    if not isinstance(value, Tensor):
        return value
    return value.to(before.dtype if isinstance(before, Tensor) else p.dtype)


def step_in_place(
    rule: Rule, p: Tensor, g: Tensor, state: State, given: Mapping[str, Any], group: Mapping[str, Any]
) -> None:
    """Step one parameter.

    state: all that is kept for it, written to.  given: the part of it that exists before this step.
    group: hyperparameters, `maximize`, and `differentiable`, which keeps the graph of the new state.
    """
    one_number, graph = scalar_states(rule), bool(group.get("differentiable", False))
    is_recorded = are_operations_replaced()
    read: Callable[[Any], Any] = _recorded if is_recorded else float
    as_number = _scalar if graph else read
    before = {name: as_number(value) if name in one_number else value for name, value in given.items()}
    counted = {"step": read(state["step"])} if rule.counts else {}
    hyperparameters = as_scalars(rule, group) if graph or is_recorded else _as_a_kernel_reads(rule, group)
    start = p.clone() if graph else p  # what the graph keeps must not be the tensor that is written to
    maximize = bool(group.get("maximize", False))
    with _its_mode(p):
        new_p, after = step(rule, start, g, {**before, **counted}, hyperparameters, maximize=maximize)
    for name, value in after.items():
        _keep(state, name, value, (start, g), graph=graph)
    p.copy_(new_p)


def _its_mode(p: Tensor) -> Any:
    """The mode in which a FakeTensor was made: torch.where(condition, fake, 1.0) finds a real tensor outside of it."""
    return getattr(p, "fake_mode", nullcontext()) if type(p) not in PLAIN else nullcontext()


def _scalar(value: Any) -> Any:
    """A tensor of one element without dimensions, as numbers have none; anything else as it is."""
    return value.reshape(()) if isinstance(value, Tensor) and value.numel() == 1 else value


def _recorded(value: Tensor) -> Tensor:
    """A number where operations are recorded: one that was read would be in the record as it is now."""
    return _scalar(value).double()


def plain(rule: Rule, group: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters of a rule as numbers."""
    return _each(rule, group, item)


def as_scalars(rule: Rule, group: Mapping[str, Any]) -> dict[str, Any]:
    """The hyperparameters of a rule; tensors of one element stay tensors."""
    return _each(rule, group, _scalar)


def _as_a_kernel_reads(rule: Rule, group: Mapping[str, Any]) -> dict[str, Any]:
    """The same, with the words of a kernel for what is no number; what it does not use may be anything."""
    if not rule.elementwise:
        return plain(rule, group)
    read = {name: conversion(default)(group[name]) for name, default in used(program(rule, group)).items()}
    return {name: read[name] if name in read else _number(group[name]) for name in rule.hyperparameters}


def _number(value: Any) -> Any:
    return item(value) if isinstance(value, Tensor) and value.numel() == 1 else value


def _each(rule: Rule, group: Mapping[str, Any], change: Callable[[Tensor], Any]) -> dict[str, Any]:
    def changed(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(changed, value))
        return change(value) if isinstance(value, Tensor) else value

    return {name: changed(group[name]) for name in rule.hyperparameters}


def _keep(state: State, name: str, value: Any, others: tuple[Tensor, ...], *, graph: bool) -> None:
    """Write a new value of state; where it lies in the memory of the parameter or the gradient, a copy of it."""
    ours = state.get(name)
    if isinstance(value, Tensor) and graph:
        state[name] = value.clone() if any(_share(value, other) for other in others) else value
    elif isinstance(value, Tensor) and ours is None:
        state[name] = _copied(value) if value.is_inference() or any(_share(value, o) for o in others) else value
    elif not isinstance(ours, Tensor) or ours.is_inference():
        state[name] = _copied(value) if isinstance(value, Tensor) else new_number(value)
    elif graph and name != "step":  # an earlier step's graph has it
        state[name] = torch.full_like(ours, float(value), requires_grad=False)
    else:
        ours.fill_(value) if not isinstance(value, Tensor) else ours.copy_(value)


def _copied(value: Tensor) -> Tensor:
    with outlasting():
        return value.clone()


def _share(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors lie in one memory; nobody knows where the numbers of a wrapper are."""
    if type(one) not in PLAIN or type(other) not in PLAIN:
        return True
    return one is other or one.untyped_storage().data_ptr() == other.untyped_storage().data_ptr()
