"""The learning-rate range test: a short run whose rate rises from far too small to far too large.

The rate rises by the same factor at each step, so slopes are taken against its logarithm.  One curve is noise; three
seeds are put together point by point.  What the curves suggest is tried in short runs before it is answered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from steepest.workbench.model.candidate import Candidate

STEPS = 200
"""Of a rising run: 25 a decade."""
DECADES_BELOW, DECADES_ABOVE = 5.0, 3.0
"""Of the candidate's usual rate: wide enough for a model whose best rate is 300 times from it."""
SEEDS = (0, 1, 2)
WINDOW = 9
"""Steps that a point of the smoothed curve is the mean of."""
TOO_HIGH = 4.0
"""A loss this many times the first one ends a run: nothing beyond is of use, and overflow is slow."""
BEGINS = 0.1
"""The part of the whole fall, in logarithms of the loss, at which a rate counts as large enough to train."""
APART = 1.0
"""Decades between the rates at which the losses of two seeds begin to fall, from which on both are noise: at most 0.1
on the built-in problems, 5 where 50 steps teach a model nothing."""


@dataclass(frozen=True)
class Curve:
    """One rising run.

    Args:
        seed: Of the task.
        rates: One for each step that was taken.
        losses: The training loss after the step at that rate; the last may be infinite or no number.
    """

    seed: int
    rates: list[float]
    losses: list[float]


@dataclass(frozen=True)
class Bracket:
    """Rates between which to search.

    Args:
        low: Below it training is slow.
        high: Above it the loss no longer falls.
        default: Where to begin, between them.
    """

    low: float
    high: float
    default: float


def rising(centre: float, steps: int = STEPS) -> list[float]:
    """The rates of a run, evenly spaced on a logarithmic scale."""
    exponents = np.linspace(-DECADES_BELOW, DECADES_ABOVE, steps)
    return [float(centre * 10**exponent) for exponent in exponents]


def curve(
    make: Callable[[int], Any],
    candidate: Candidate,
    seed: int,
    steps: int = STEPS,
    stop: Callable[[], bool] = lambda: False,
) -> Curve:
    """Train with a rising rate; the loss at a rate is that of the next batch, before the next step.

    Where `stop()` is true it ends early, and what it has is of no use.
    """
    from steepest.workbench.training.batches import Batches
    from steepest.workbench.training.contract import checked, loss_of
    from steepest.workbench.training.isolation import given_back, own_randomness, threads_for

    with own_randomness(seed):
        task = checked(make(seed))
        batches, rates = Batches(task.train), rising(candidate.centre, steps)
        optimizer = replace(candidate, schedule="").build(task.model.parameters(), rates[0])
        factors = [group["lr"] / rates[0] for group in optimizer.param_groups]
        losses: list[float] = []
        with given_back(task.model), threads_for(task.model.train()):
            loss = loss_of(task, next(batches))
            first = loss.item()
            for rate in rates:
                optimizer.zero_grad()
                loss.backward()
                for group, factor in zip(optimizer.param_groups, factors, strict=True):
                    group["lr"] = rate * factor
                optimizer.step()
                loss = loss_of(task, next(batches))
                losses.append(loss.item())
                if not losses[-1] < TOO_HIGH * max(first, 1e-12):  # also where it is no number
                    break
                if stop():
                    break
    return Curve(seed, rates[: len(losses)], losses)


def bracket(curves: Sequence[Curve]) -> Bracket | None:
    """What rising runs of several seeds suggest; None where the loss of none ever fell.

    low: where the loss has fallen by a tenth of its whole fall.  high: where it is lowest.  default: where it falls
    fastest, on both logarithmic scales, but within the bracket.  Each is the median over the seeds.
    """
    found = [one for one in map(_of_one, curves) if one is not None]
    if not found:
        return None
    low, high, default = (10 ** float(np.median([math.log10(one[place]) for one in found])) for place in range(3))
    low = min(low, high)
    return Bracket(_rounded(low), _rounded(high), _rounded(min(max(default, low), high)))


def agree(curves: Sequence[Curve]) -> bool:
    """Whether the losses of most seeds fall, and begin to at about the same rate."""
    begins = [math.log10(one[0]) for one in map(_of_one, curves) if one is not None]
    return 2 * len(begins) > len(curves) and max(begins) - min(begins) <= APART


def _of_one(run: Curve) -> tuple[float, float, float] | None:
    losses = smoothed(run.losses)
    if len(losses) < 2 * WINDOW:
        return None
    rates = np.log10(run.rates[: len(losses)])
    lowest = int(np.argmin(losses))
    fall = losses[0] - losses[lowest]
    if lowest == 0 or fall <= 0:
        return None
    begins = int(np.argmax(losses <= losses[0] - BEGINS * fall))
    slopes = np.gradient(losses, rates)[: lowest + 1]
    steepest = int(np.argmin(slopes))
    return 10 ** rates[begins], 10 ** rates[lowest], 10 ** rates[steepest]


def smoothed(losses: Sequence[float]) -> np.ndarray:
    """The logarithm of the loss, each point the mean of its neighbours; up to the first that is no finite number."""
    finite = np.isfinite(losses)
    end = len(losses) if finite.all() else int(np.argmin(finite))
    known = np.log(np.maximum(np.asarray(losses[:end], dtype=float), 1e-12))
    if len(known) < WINDOW:
        return known
    padded = np.pad(known, WINDOW // 2, mode="edge")
    return np.convolve(padded, np.ones(WINDOW) / WINDOW, mode="valid")


def trial_rates(found: Bracket, count: int) -> list[float]:
    """Rates to try, evenly spaced on a logarithmic scale over the bracket, both ends among them."""
    if count == 1 or found.low == found.high:
        return [found.default]
    return [_rounded(float(rate)) for rate in np.geomspace(found.low, found.high, count)]


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")
