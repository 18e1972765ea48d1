"""What a learning-rate range test suggests: between which rates to search, and with which to begin.

The rate of a run rises by the same factor at each step, so slopes are taken against its logarithm.  One curve is noise,
so what several seeds suggest is combined.  `lr_range` tries the suggested rates in short runs before it answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.rising import RisingCurve

WINDOW = 9
"""Steps over which a point of the smoothed curve is the mean."""
FALL_BEGINS = 0.1
"""The part of the whole fall, in logarithms of the loss, at which a rate counts as large enough to train."""
MOST_APART = 1.0
"""Decades between the rates at which the losses of two seeds begin to fall.  With more, single curves are noise: at
most 0.1 on most built-in problems, 5 where 50 steps teach nothing, and on `cartpole`, whose returns are noisy."""
CLEAR, ABOVE_NOISE = 7.0, 3.0
"""A fall is clear where it is so many standard deviations of a smoothed point, and begins where it is so many.  Of
curves that are noise alone, of 50 or 200 steps, fewer than one in a hundred falls so far."""
QUIET = 4
"""The first quarter of a curve is that of rates at which nothing happens yet: two of eight decades."""
NEARLY_BEST = 0.98
"""Of the best short run's improvement.  Rates that keep this much count as equally good, and their middle is used."""
DEFAULT_POSITION = 0.8
"""The position of the default between the low end and that middle, on the logarithmic scale: a short run likes a rate
that is too large for a whole one.  Chosen with `NEARLY_BEST` on `digits-mlp` and `text-lstm`, where 0.75 to 0.85 is
within a factor 3 of a sweep's best for SGD, momentum, RMSprop and Adam in at least 18 of 20; 0.67 is too little for SGD
on `text-lstm` (8 of 20), 1 too much for momentum on `digits-mlp`.  See benchmarks/range_rules.py."""

ShortRuns = Mapping[float, float | None]
"""The metric of short runs by their rate; None for a run that did not train."""


@dataclass(frozen=True)
class Bracket:
    """Rates between which to search.

    Args:
        low: Below it training is slow.
        high: Above it the loss no longer falls.
        default: The rate to begin with, between them.
    """

    low: float
    high: float
    default: float


@dataclass(frozen=True)
class OptimizerRange:
    """What a range test found for one optimizer.

    Args:
        candidate: The optimizer.
        curves: Its runs with a rising rate.
        suggested: What they suggest; None where no loss ever fell.
        tried: (rate, metric) of the short runs; None for a metric that was not finite or worse than at first.
        bracket: The suggested one, lengthened where the short runs asked for it; its default is on the way from its low
            end to the middle of the rates that are nearly as good as the best.
    """

    candidate: Candidate
    curves: list[RisingCurve]
    suggested: Bracket | None
    tried: list[tuple[float, float | None]] = field(default_factory=list)
    bracket: Bracket | None = None

    def call(self) -> str:
        """The line to paste."""
        rate = f"{self.bracket.default:g}" if self.bracket else "..."
        return self.candidate.call().replace("RATE", rate)


def bracket(curves: Sequence[RisingCurve]) -> Bracket | None:
    """What runs of several seeds with a rising rate suggest; None where the loss of none ever fell.

    low: where the loss has fallen by a tenth of its whole fall.  high: where it is lowest.  default: where it falls
    fastest, on both logarithmic scales, but within the bracket.  Each is the median over the seeds.
    """
    found = [one for one in map(_of_one, curves) if one is not None]
    if not found:
        return None
    low, high, default = (10 ** float(np.median([math.log10(one[place]) for one in found])) for place in range(3))
    low = min(low, high)
    return Bracket(_rounded(low), _rounded(high), _rounded(min(max(default, low), high)))


def of_search(curves: Sequence[RisingCurve]) -> Bracket | None:
    """The bracket for a search, where a wrong one is worse than none; None where what falls is not above the noise.

    Where the seeds do not agree, their mean is asked, in which there is less noise: the returns of a policy, say, rise
    clearly in the mean of three seeds alone.
    """
    return bracket(curves) if agree(curves) else _of_mean(curves)


def agree(curves: Sequence[RisingCurve]) -> bool:
    """Whether the losses of most seeds fall, and begin to fall at about the same rate."""
    begins = [math.log10(one[0]) for one in map(_of_one, curves) if one is not None]
    return 2 * len(begins) > len(curves) and max(begins) - min(begins) <= MOST_APART


def _of_one(run: RisingCurve) -> tuple[float, float, float] | None:
    losses = smoothed(run.losses)
    if len(losses) < 2 * WINDOW:
        return None
    rates = np.log10(run.rates[: len(losses)])
    lowest = int(np.argmin(losses))
    fall = losses[0] - losses[lowest]
    if lowest == 0 or fall <= CLEAR * _noise(_scaled(run.losses)):
        return None
    begins = int(np.argmax(losses <= losses[0] - FALL_BEGINS * fall))
    slopes = np.gradient(losses, rates)[: lowest + 1]
    steepest = int(np.argmin(slopes))
    return 10 ** rates[begins], 10 ** rates[lowest], 10 ** rates[steepest]


def _of_mean(curves: Sequence[RisingCurve]) -> Bracket | None:
    """What the mean of the curves suggests, if its fall is clear.

    low: behind the last point that is as high as before, or no lower than noise would have it.  high: where half of the
    fall is reached.  The lowest point comes too late: a run goes on learning while its rate rises, and a policy that
    has learned keeps its return at rates with which it would not have.
    """
    parts = [_scaled(one.losses) for one in curves]
    if not parts or (end := min(map(len, parts))) < QUIET * WINDOW:
        return None
    mean = np.mean([part[:end] for part in parts], axis=0)
    losses, noise, before = _moving_mean(mean), _noise(mean), mean[: end // QUIET].mean()
    lowest = end // QUIET + int(np.argmin(losses[end // QUIET :]))
    fall = before - losses[lowest]
    if fall <= CLEAR * noise:
        return None
    is_high = losses[:lowest] > before - max(FALL_BEGINS * fall, ABOVE_NOISE * noise)
    begins = min(lowest, int(np.flatnonzero(is_high).max(initial=-1)) + 1)
    half = max(begins, int(np.argmax(losses <= before - fall / 2)))
    low, high = (_rounded(float(curves[0].rates[place])) for place in (begins, half))
    return Bracket(low, high, _rounded(math.sqrt(low * high)))


def smoothed(losses: Sequence[float]) -> np.ndarray:
    """The logarithm of the loss, or a loss that is not positive itself, each point the mean of its neighbours.

    Up to the first that is not finite.
    """
    return _moving_mean(_scaled(losses))


def smoothed_losses(losses: Sequence[float]) -> np.ndarray:
    """The same, as losses again."""
    return np.exp(smoothed(losses)) if _is_positive(losses) else smoothed(losses)


def _scaled(losses: Sequence[float]) -> np.ndarray:
    """Logarithms, where the loss is positive everywhere: minus a return, or a density's likelihood, is not."""
    finite = np.isfinite(losses)
    known = np.asarray(losses[: len(losses) if finite.all() else int(np.argmin(finite))], dtype=float)
    return np.log(known) if _is_positive(losses) else known


def _is_positive(losses: Sequence[float]) -> bool:
    return all(loss > 0 for loss in losses if math.isfinite(loss))


def _moving_mean(values: np.ndarray) -> np.ndarray:
    if len(values) < WINDOW:
        return values
    padded = np.pad(values, WINDOW // 2, mode="edge")
    return np.convolve(padded, np.ones(WINDOW) / WINDOW, mode="valid")


def _noise(values: np.ndarray) -> float:
    """The standard deviation of a smoothed point, by the steps from one value to the next in the first half.

    By their median, which a fall or a spike does not move.
    """
    steps = np.abs(np.diff(values[: max(2, len(values) // 2)]))
    return float(np.median(steps)) / (0.6745 * math.sqrt(2 * WINDOW)) if len(steps) else 0.0


def trial_rates(suggested: Bracket, count: int) -> list[float]:
    """Rates to try, evenly spaced on a logarithmic scale over the bracket; both ends are among them."""
    if count == 1 or suggested.low == suggested.high:
        return [suggested.default]
    return [_rounded(float(rate)) for rate in np.geomspace(suggested.low, suggested.high, count)]


def best_rate(tried: ShortRuns, sign: int) -> float | None:
    """The rate of the best short run; None where none trained.  Times `sign`, lower is better."""
    trained = [(sign * value, rate) for rate, value in tried.items() if value is not None]
    return min(trained)[1] if trained else None


def spacing(rates: Sequence[float]) -> float:
    """The mean ratio of neighbouring rates, at least a quarter of a decade; the rates are in rising order."""
    return max(10**0.25, (rates[-1] / rates[0]) ** (1 / max(1, len(rates) - 1)))


def next_rate_outside(tried: ShortRuns, sign: int, factor: float) -> float | None:
    """The rate by a factor beyond the best one, if that is the lowest or the highest; None if it is neither."""
    best = best_rate(tried, sign)
    ends = {min(tried): 1 / factor, max(tried): factor}
    return _rounded(best * ends[best]) if best in ends else None


def confirmed(suggested: Bracket, tried: ShortRuns, initial: float, sign: int) -> Bracket | None:
    """The bracket after short runs, with the default that is to be tried; None where none trained.

    Args:
        suggested: By the runs with a rising rate.
        tried: The short runs.
        initial: The metric before the first step.
        sign: Times the metric, lower is better.
    """
    best = best_rate(tried, sign)
    if best is None:
        return None
    low, high = min(suggested.low, best), max(suggested.high, best)
    near = _nearly_best(tried, initial, sign)
    middle = max(low, math.sqrt(min(near) * max(near)))
    return Bracket(low, high, _rounded(low * (middle / low) ** DEFAULT_POSITION))


def _nearly_best(tried: ShortRuns, initial: float, sign: int) -> list[float]:
    """The rates that keep nearly all of the best one's improvement."""
    values = {rate: sign * value for rate, value in tried.items() if value is not None}
    lowest = min(values.values())
    limit = lowest + (1 - NEARLY_BEST) * (sign * initial - lowest)
    return [rate for rate, value in values.items() if value <= limit]


def _rounded(rate: float) -> float:
    return float(f"{rate:.2g}")
