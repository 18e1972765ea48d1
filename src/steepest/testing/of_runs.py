"""Laws of runs: saved, copied, in groups, uphill and downhill."""

import copy
import io
import pickle
import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from steepest.testing.compare import Difference, Kept, same
from steepest.testing.law import law
from steepest.testing.subject import STEPS, Subject, after, by_optimizer, kept, problem, step

HALF = STEPS // 2


@law(cause="the rule remembers something outside its state.")
def goes_on_after_saving(subject: Subject) -> None:
    """A run that is saved in the middle and loaded into a new optimizer continues without a difference."""
    p, optimizer, rest, right = _half_a_run(subject)
    p = Parameter(p.detach().clone())
    saved = _through_a_file(optimizer.state_dict())
    optimizer = subject.optimizer([p])
    optimizer.load_state_dict(saved)
    for g in rest:
        step(optimizer, p, g)
    same(kept(p, optimizer), right, f"saved after {HALF} of {STEPS} steps, shape {subject.shape}, torch.float32")


def _half_a_run(subject: Subject) -> tuple[Parameter, Any, Sequence[Tensor], Kept]:
    """Parameter and optimizer in the middle of a run, the gradients left, and where an undisturbed run ends."""
    start, gradients = problem(torch.float32, subject.shape)
    right = after(by_optimizer(subject, start, gradients))
    p = Parameter(start.clone())
    optimizer = subject.optimizer([p])
    for g in gradients[:HALF]:
        step(optimizer, p, g)
    return p, optimizer, gradients[HALF:], right


def _through_a_file(saved: Any) -> Any:
    file = io.BytesIO()
    torch.save(saved, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@law(cause="the rule remembers something outside its state.")
def copies_go_on_alone(subject: Subject) -> None:
    """A deep copy of an optimizer, or a pickled one, continues like the original, and neither changes the other."""
    for what, copied in _ways_to_copy(subject.function).items():
        p, optimizer, rest, right = _half_a_run(subject)
        another = copied(optimizer)
        q = another.param_groups[0]["params"][0]
        where = f"{what} after {HALF} of {STEPS} steps, shape {subject.shape}, torch.float32"
        ours: Kept = {}
        theirs: Kept = {}
        for g in rest:
            ours, theirs = step(optimizer, p, g), step(another, q, g)
        same(ours, right, f"the original of a {where}")
        same(theirs, right, where)


def _ways_to_copy(function: Callable[..., Any]) -> dict[str, Callable[[Any], Any]]:
    """A function that is not found by its name, such as one inside another, cannot be pickled by Python."""
    ways: dict[str, Callable[[Any], Any]] = {"deep copy": copy.deepcopy}
    if getattr(sys.modules.get(function.__module__), function.__name__, None) is function:
        ways["pickled copy"] = lambda optimizer: pickle.loads(pickle.dumps(optimizer))
    return ways


@law(option="maximize", cause="the rule remembers something outside its state, such as the last gradient.")
def maximize_negates_the_gradient(subject: Subject) -> None:
    """`maximize=True` is a step along minus the gradient, to the last bit."""
    start, gradients = problem(torch.float32, subject.shape)
    ours = after(by_optimizer(subject, start, gradients, {"maximize": True}))
    right = after(by_optimizer(subject, start, [-g for g in gradients]))
    same(ours, right, f"maximize=True, {STEPS} steps, shape {subject.shape}, torch.float32")


@law(cause="the rule remembers something outside its state, such as a hyperparameter of its first call.")
def groups_are_apart(subject: Subject) -> None:
    """Two parameter groups with different hyperparameters are stepped as by two optimizers."""
    other = subject.changed()
    problems = [problem(torch.float32, subject.shape, seed=seed) for seed in (0, 1)]
    p, q = (Parameter(start.clone()) for start, _ in problems)
    optimizer = subject.optimizer([{"params": [p]}, {"params": [q], **other}])
    for p.grad, q.grad in zip(*(gradients for _, gradients in problems), strict=True):
        optimizer.step()
    for which, (x, options) in enumerate([(p, {}), (q, other)]):
        right = after(by_optimizer(subject, *problems[which], options))
        where = f"group {which} of two, {options or 'unchanged'}, {STEPS} steps, shape {subject.shape}, torch.float32"
        same(kept(x, optimizer), right, where)


LARGE = 1e6
"""Times a usual gradient: its square is still far from the largest float32."""


@law(cause="something is divided by what can be zero: add an eps; or a power of the gradient is too large for float32.")
def stays_finite(subject: Subject) -> None:
    """A zero gradient or one a million times larger than before leaves neither infinity nor NaN."""
    start, usual = problem(torch.float32, subject.shape)
    zero = torch.zeros_like(start)
    for what, gradients in {
        "a zero gradient at the first step": [zero, *usual[:2]],
        "a zero gradient after usual ones": [*usual[:3], zero, zero, *usual[3:]],
        f"a gradient {LARGE:g} times larger than before": [*usual[:3], LARGE * usual[3], *usual[3:]],
    }.items():
        for count, found in enumerate(by_optimizer(subject, start, gradients), 1):
            _check_finite(found, f"{what}: after step {count}, shape {subject.shape}, torch.float32")


def _check_finite(found: Kept, where: str) -> None:
    for name, value in found.items():
        places = (~value.isfinite()).nonzero()
        if len(places):
            place = tuple(places[0].tolist())
            raise Difference(f"{where}: {name}{list(place) if place else ''} is {value[place].item()}.")


DOWNHILL_STEPS = 100


@law(cause="the sign of the step is wrong; if the rule is no descent, leave this law out: without=['goes down'].")
def goes_down(subject: Subject) -> None:
    """From some learning rate, 100 steps on the parabola p²/2 take the loss below half of what it was."""
    start, _ = problem(torch.float64, subject.shape)
    losses = {}
    for options in _rates(subject):
        losses[options.get("lr", "as given")] = loss = _loss_after(subject, start, options)
        if loss < 0.5 * _loss(start):
            return
    reached = ", ".join(f"{loss:.3g} with lr {rate:.3g}" if rate != "as given" else f"{loss:.3g}"
                        for rate, loss in losses.items())  # fmt: skip
    raise Difference(f"from {_loss(start):.3g} the loss came to {reached}; shape {subject.shape}, torch.float64.")


def _rates(subject: Subject) -> list[dict[str, float]]:
    """The learning rate as given, then higher and lower ones."""
    given = subject.hyperparameters.get("lr")
    if not given:
        return [{}]
    return [{"lr": given * 10.0**power} for power in (0, 1, -1, 2, -2, 3, -3, 4, -4)]


def _loss_after(subject: Subject, start: Tensor, options: dict[str, float]) -> float:
    p = Parameter(start.clone())
    optimizer = subject.optimizer([p], options)
    for _ in range(DOWNHILL_STEPS):
        p.grad = p.detach().clone()
        optimizer.step()
    return _loss(p)


def _loss(p: Tensor) -> float:
    return 0.5 * p.detach().square().sum().item()
