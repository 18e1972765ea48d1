"""Laws of the rule on tensors: the functional form, vmap, gradients through steps."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from steepest.testing.compare import Difference, Kept, near, same
from steepest.testing.law import law
from steepest.testing.subject import Gradients, Subject, after, bounds, by_optimizer, kept, problem
from steepest.torch import functional

STEPS = 4
MEMBERS = 5
SLOPES = ("slope by p", "slope by gradient")


@law(cause="the rule writes into an array that it was given (`x.add_(...)`, `x[...] = ...`): make a new one.")
def changes_nothing_given(subject: Subject) -> None:
    """A step of the functional form does not change the parameter, the gradient and the state that it is given."""
    form = subject.functional()
    start, gradients = problem(torch.float64, subject.shape, steps=2)
    p, state = form.update(start.clone(), gradients[0].clone(), form.init(start))
    given = {"p": p, "gradient": gradients[1], **_tensors(state)}
    before = {name: value.clone() for name, value in given.items()}
    form.update(p, gradients[1], state)
    same(given, before, f"what step 2 was given, shape {subject.shape}, torch.float64")


@law(cause="the rule remembers something outside its state, or asks what kind of tensor it was given.")
def functional_equals_optimizer(subject: Subject) -> None:
    """The functional form and the optimizer give the same parameters and the same state."""
    start, gradients = problem(torch.float64, subject.shape, steps=STEPS)
    right = after(by_optimizer(subject, start, gradients))
    ours = _run(subject.functional(), start, gradients)
    allowed = bounds(subject, start, gradients, torch.float64)
    near(ours, right, allowed, f"functional form, {STEPS} steps, shape {subject.shape}, torch.float64")


@law(cause="the rule asks a Python question (`if`, `float()`, `.item()`) of elements, which vmap has many answers to.")
def works_under_vmap(subject: Subject) -> None:
    """Under torch.func.vmap each member of a population is stepped as if it were the only one."""
    form = subject.functional()
    population, gradients = problem(torch.float64, (MEMBERS, *subject.shape), steps=STEPS)
    p, state = population, vmap(form.init)(population) if subject.rule.counts else form.init(population)
    for g in gradients:
        p, state = vmap(form.update)(p, g, state)
    for member in range(MEMBERS):
        own = [g[member] for g in gradients]
        right = _run(form, population[member], own)
        ours = {"p": p[member], **{name: value[member] for name, value in _tensors(state).items() if value.dim()}}
        right = {name: right[name] for name in ours.keys() & right.keys()}
        allowed = bounds(subject, population[member], own, torch.float64)
        where = f"member {member} of {MEMBERS}, {STEPS} steps, shape {subject.shape}, torch.float64"
        near(ours, right, allowed, where)


@law(
    option="differentiable",
    cause="the rule leaves the graph (`detach`, `.numpy()`, `no_grad`), or asks whether a tensor requires a gradient.",
)
def gradients_flow_through_steps(subject: Subject) -> None:
    """With `differentiable=True` the values are the same, and gradients flow as through the functional form."""
    start, gradients = problem(torch.float64, subject.shape, steps=STEPS)
    right = after(by_optimizer(subject, start, gradients))
    where = f"differentiable=True, {STEPS} steps, shape {subject.shape}, torch.float64"

    def by_steps(p: Tensor, along: Gradients) -> Tensor:
        optimizer = subject.optimizer([p], {"differentiable": True})
        for g in along:
            p.grad = g
            optimizer.step()
        near(kept(p, optimizer), right, bounds(subject, start, gradients, torch.float64), where)
        return p

    ours = _slopes(by_steps, start, gradients)
    right_slopes = _slopes(lambda p, along: _run(subject.functional(), p, along)["p"], start, gradients)
    largest = max(value.abs().max().item() for value in right_slopes.values())
    if not largest > 0:
        raise Difference(f"{where}: no gradient flows to the parameter or the gradients before the steps.")
    near(ours, right_slopes, dict.fromkeys(ours, 1e-6 * largest), f"{where}, and backward through them")


def _slopes(steps: Callable[[Tensor, Gradients], Tensor], start: Tensor, gradients: Gradients) -> Kept:
    """Of the sum of the parameter after the steps, by the parameter before them and by what is added to gradients."""
    p, more = start.clone().requires_grad_(), torch.zeros_like(start).requires_grad_()
    after = steps(p.clone(), [g + more for g in gradients])
    if not after.requires_grad:
        return dict.fromkeys(SLOPES, torch.zeros_like(start))
    slopes = torch.autograd.grad(after.sum(), (p, more), materialize_grads=True)
    return dict(zip(SLOPES, slopes, strict=True))


def _run(form: functional, p: Tensor, gradients: Gradients) -> Kept:
    state = form.init(p)
    for g in gradients:
        p, state = form.update(p, g, state)
    return {"p": p, **_tensors(state)}


def _tensors(state: dict[str, Any]) -> dict[str, Tensor]:
    return {name: torch.as_tensor(value, dtype=torch.float64) for name, value in state.items()}
