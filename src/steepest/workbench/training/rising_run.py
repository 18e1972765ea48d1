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
from steepest.workbench.training.contract import checked
from steepest.workbench.training.isolation import own_randomness, restored, threads_for
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
    with own_randomness(seed):
        task = checked(make(seed))
        rates = rising_rates(candidate.centre, steps)
        constant = replace(candidate, schedule="")
        training = TrainingStep(task, lambda parameters: constant.build(parameters, rates[0]))
        with restored(task.model), threads_for(task.model.train()):
            losses = _losses(training, rates, stop)
    return RisingCurve(seed, rates[: len(losses)], losses)


def _losses(training: TrainingStep, rates: Sequence[float], stop: Callable[[], bool]) -> list[float]:
    """The loss after the step at each rate.  A step says the loss before it, so there is one step more."""
    losses: list[float] = []
    first = training.take_at(1.0).item()
    for following in [*rates[1:], rates[-1]]:
        losses.append(_loss_at(training, following / rates[0]))
        if not losses[-1] < first + (ENDS_AT - 1) * max(abs(first), 1e-12) or stop():  # also for NaN
            break
    return losses


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
