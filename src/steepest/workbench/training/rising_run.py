"""The loop of a range test: a short run whose rate rises by the same factor at each step.

The loop of a whole run is `run.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.rising import STEPS, RisingCurve, rising_rates
from steepest.workbench.task import TaskFunction
from steepest.workbench.training import divergence
from steepest.workbench.training.batches import Batches
from steepest.workbench.training.contract import checked, loss_of
from steepest.workbench.training.isolation import own_randomness, restored, threads_for

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
        batches, rates = Batches(task.train), rising_rates(candidate.centre, steps)
        optimizer = replace(candidate, schedule="").build(task.model.parameters(), rates[0])
        factors = [group["lr"] / rates[0] for group in optimizer.param_groups]
        losses: list[float] = []
        with restored(task.model), threads_for(task.model.train()):
            loss = loss_of(task, next(batches))
            first = loss.item()
            for rate in rates:
                batch = next(batches)
                try:
                    optimizer.zero_grad()
                    loss.backward()
                    for group, factor in zip(optimizer.param_groups, factors, strict=True):
                        group["lr"] = rate * factor
                    optimizer.step()
                    loss = loss_of(task, batch)
                    losses.append(loss.item())
                except Exception as error:
                    latest = lambda batch=batch: loss_of(task, batch)  # noqa: E731
                    if divergence.is_the_machines(error) or not divergence.what_is_not_finite(task, loss, latest):
                        raise
                    losses.append(math.nan)
                if not losses[-1] < ENDS_AT * max(first, 1e-12):  # also for NaN
                    break
                if stop():
                    break
    return RisingCurve(seed, rates[: len(losses)], losses)
