"""The loop of a range test: a short run whose rate rises by the same factor at each step.

The loop of a whole run is `run.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.rising import STEPS, RisingCurve, rising_rates
from steepest.workbench.task import TaskFunction
from steepest.workbench.training import divergence
from steepest.workbench.training.continued import loaded, stored
from steepest.workbench.training.contract import checked
from steepest.workbench.training.generators import generator_states, set_generator_states
from steepest.workbench.training.isolation import (
    own_randomness,
    random_states,
    restored,
    set_random_states,
    threads_for,
)
from steepest.workbench.training.step import TrainingStep

ENDS_AT = 4.0
"""A loss this many times the first one ends the run: higher rates tell nothing more, and overflow is slow."""


def rising_run(
    make: TaskFunction,
    candidate: Candidate,
    seed: int,
    steps: int = STEPS,
    stop: Callable[[], bool] = lambda: False,
) -> RisingCurve:
    """Train with a rising rate.  The loss at a rate is that of the next batch, before the next step.

    If `stop()` is true, the run ends early and the curve is of no use.

    Raises:
        TaskError: The task raised, or broke its contract.
    """
    return continued_rising_run(make, candidate, seed, steps, stop)[0]


def continued_rising_run(
    make: TaskFunction,
    candidate: Candidate,
    seed: int,
    steps: int,
    stop: Callable[[], bool],
    saved: bytes | None = None,
) -> tuple[RisingCurve, bytes | None]:
    """The same, from what an interrupted run saved; and what this one saves, None where it came to its end.

    Raises:
        TaskError: The task raised, or broke its contract.
    """
    with own_randomness(seed):
        task = checked(make(seed))
        rates = rising_rates(candidate.centre, steps)
        constant = replace(candidate, schedule="")
        training = TrainingStep(task, lambda parameters: constant.build(parameters, rates[0]))
        with restored(task.model), threads_for(task.model.train()):
            losses = [training.take_at(1.0).item()] if saved is None else _restored_losses(training, saved)
            interrupted = _train(training, rates, losses, stop)
            left = _packed(training, losses) if interrupted else None
    return RisingCurve(seed, rates[: len(losses) - 1], losses[1:]), left


def _train(training: TrainingStep, rates: Sequence[float], losses: list[float], stop: Callable[[], bool]) -> bool:
    """Add the loss after the step at each rate; the first is that before any.  Whether the run was interrupted.

    A step says the loss before it, so there is one step more than there are rates.
    """
    limit = losses[0] + (ENDS_AT - 1) * max(abs(losses[0]), 1e-12)
    for following in [*rates[1:], rates[-1]][len(losses) - 1 :]:
        losses.append(_loss_at(training, following / rates[0]))
        if not losses[-1] < limit:  # also for NaN
            return False
        if stop():
            return len(losses) <= len(rates)
    return False


def _packed(training: TrainingStep, losses: list[float]) -> bytes:
    state = {
        "losses": losses,
        "model": training.task.model.state_dict(),
        **training.state(),
        "random": random_states(),
        "generators": generator_states(training.task),
    }
    return stored(state)


def _restored_losses(training: TrainingStep, saved: bytes) -> list[float]:
    """The losses so far, when everything is as it was after the last of them."""
    state = loaded(saved)
    training.restore(state, len(state["losses"]))
    training.task.model.load_state_dict(state["model"])
    set_random_states(state["random"])
    set_generator_states(training.task, state["generators"])
    return state["losses"]


def _loss_at(training: TrainingStep, factor: float) -> float:
    """The loss of the next step; NaN where the rate before made the task raise."""
    try:
        return training.take_at(factor).item()
    except Exception as error:
        if divergence.is_the_machines(error):
            raise
        if not divergence.what_is_not_finite(training.task, torch.zeros(()), training.latest):
            raise
        return math.nan
