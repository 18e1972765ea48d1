"""The statistics of a comparison: plain functions of numbers.

Where one value stands for one seed, lists are in the order of the seeds, and lower is better.  A run that failed is
infinity: worse than each run that did not fail, equal to each one that did.
"""

import functools
import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

PRIOR_SEEDS = 0.25  # of two equal optimizers; without them a share of 0 or 1 would have no spread
WIN_PROBABILITY = 0.75  # that a win needs at least (Bouthillier et al., 2021)
WIDENED, WIDER = (4, 5), 0.05  # numbers of seeds; the part of their distance
MAX_EXACT_PAIRS = 16  # up to here all 2^n sign flips are counted, 65 536 at most


class Interval(NamedTuple):
    """An estimate and its 95 % interval."""

    estimate: float
    low: float
    high: float


def mean_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The mean with Student's t interval; its bounds are infinite for one value, which says nothing about the spread.

    Student's t and not the percentile bootstrap, which covers 74, 82, 90 % at 3, 5, 10 values and claims 95 %.
    """
    count = len(values)
    if count == 0:
        return Interval(math.nan, math.nan, math.nan)
    mean = float(np.mean(values))
    if count == 1:
        return Interval(mean, -math.inf, math.inf)
    half = float(_student((1 + level) / 2, count - 1) * np.std(values, ddof=1) / math.sqrt(count))
    return Interval(mean, mean - half, mean + half)


def median_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """The median with an interval that needs no assumption about the runs; failures are the worst values.

    Its ends are order statistics, interpolated between two ranks (Hettmansperger and Sheather, 1986) so that it covers
    what it claims: 95 % where there are six values or more, and with fewer what `median_confidence` says, from the
    lowest value to the highest.  Student's t claims 95 % of the mean and covers down to 70 % where one run in sixteen
    ends badly, as it happens; see benchmarks/verdicts.py.
    """
    ordered, count = sorted(values), len(values)
    if count < 2:
        return Interval(median(ordered), -math.inf if count else math.nan, math.inf if count else math.nan)
    level = min(level, median_confidence(count))
    rank = max(r for r in range(1, count // 2 + 1) if _covers(count, r) >= level - 1e-12)
    outer, inner = _covers(count, rank), _covers(count, rank + 1) if rank < count // 2 else 0.0
    part = (outer - level) / (outer - inner)
    weight = (count - rank) * part / (rank + (count - 2 * rank) * part)
    ends = [_between(one[rank - 1], one[rank], weight) for one in (ordered, ordered[::-1])]
    return Interval(median(ordered), *ends)


def chosen_interval(values: Sequence[float], limits: tuple[float, float] = (-math.inf, math.inf)) -> Interval:
    """The same for a setting that was chosen, from two, by these values: a choice favours lucky ones.

    With four or five values the interval ends at the lowest and the highest, and reaches a twentieth of their distance
    beyond them, not beyond the limits of what is measured.  Without, it covered 92.5 to 94 % on recorded runs where it
    says 94 %; with it, 94 to 95.5 %.  From six values on it is within what it says; with fewer than four nothing is
    decided.
    """
    found, finite = median_interval(values), [value for value in values if math.isfinite(value)]
    if len(values) not in WIDENED or len(finite) < 2:
        return found
    further = WIDER * (max(finite) - min(finite))
    low, high = max(found.low - further, limits[0]), min(found.high + further, limits[1])
    return Interval(found.estimate, min(low, found.low), max(high, found.high))


def median_confidence(count: int, level: float = 0.95) -> float:
    """How often the interval of a median covers it: 50, 75, 88, 94 % with 2 to 5 values, then 95 %."""
    return min(level, _covers(count, 1)) if count > 1 else 0.0


def _covers(count: int, rank: int) -> float:
    """How often the median lies between the values at this rank from below and from above."""
    return 1 - 2 * sum(math.comb(count, below) for below in range(rank)) / 2**count


def _between(outer: float, inner: float, weight: float) -> float:
    """So far on the way from the outer value to the inner one; the outer one where either is of a failure."""
    return (1 - weight) * outer + weight * inner if math.isfinite(outer) and math.isfinite(inner) else outer


@functools.cache
def _student(share: float, freedom: int) -> float:
    """The quantile of Student's t; a study asks for the same few again and again."""
    from scipy.special import stdtrit  # scipy.stats, which has it as t.ppf, takes 2 s to import

    return float(stdtrit(freedom, share))


def paired_difference(a: Sequence[float], b: Sequence[float]) -> Interval:
    """The mean of a - b over the seeds where both trained, with Student's t interval."""
    return mean_interval(_differences(a, b))


def is_better_in_the_mean(a: Sequence[float], b: Sequence[float]) -> bool:
    """Whether the mean of A is reliably below that of B, the values of a seed beside each other.

    Student's t interval of the differences, where both trained, excludes zero.  A failure makes a mean infinite, so A
    may not fail more often than B; that B fails once more is no proof, but where hardly a seed trained with both, it
    decides.
    """
    failures = [sum(not math.isfinite(value) for value in values) for values in (a, b)]
    if failures[0] > failures[1]:
        return False
    return failures[0] < failures[1] if len(_differences(a, b)) < 2 else paired_difference(a, b).high < 0


def sign_flip_p(a: Sequence[float], b: Sequence[float]) -> float:
    """The two-sided p of the paired sign-flip test: how often random signs give a mean difference as large.

    It is exact up to 16 pairs, and cannot be below 0.05 with fewer than 6.  NaN without a pair where both trained.
    """
    differences = np.array(_differences(a, b))
    count = len(differences)
    if count == 0:
        return math.nan
    observed = abs(differences.sum())
    slack = 1e-12 * np.abs(differences).sum()  # sums of the same numbers in another order count as equal
    if count <= MAX_EXACT_PAIRS:
        signs = 1 - 2 * ((np.arange(2**count)[:, None] >> np.arange(count)) & 1)
        return float(np.mean(np.abs(signs @ differences) >= observed - slack))
    signs = np.random.default_rng(0).choice([-1, 1], (100_000, count))
    return float((1 + np.sum(np.abs(signs @ differences) >= observed - slack)) / 100_001)


def least_p(count: int, tests: int = 1) -> float:
    """The least p that the sign-flip test can give for so many pairs, in one of so many tests that Holm adjusts."""
    return min(1.0, tests * 2.0 ** (1 - count))


def holm(p_values: Sequence[float]) -> list[float]:
    """The p values of several tests, adjusted by Holm's step-down method (1979), in their order; NaN stays NaN.

    The k-th smallest of m is multiplied by m - k + 1, is no smaller than the one before, and no larger than 1.  Calling
    a difference real where its adjusted p is under 0.05 errs in any of them at most 5 times in 100.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted, before = list(map(float, p_values)), 0.0
    for rank, (p, place) in enumerate(known):
        before = max(before, min(1.0, p * (len(known) - rank)))
        adjusted[place] = before
    return adjusted


def _differences(a: Sequence[float], b: Sequence[float]) -> list[float]:
    return [x - y for x, y in zip(a, b, strict=True) if math.isfinite(x) and math.isfinite(y)]


def wilson(successes: int, count: int, level: float = 0.95) -> Interval:
    """The share of successes with Wilson's interval, which stays within 0 and 1 and is accurate at both ends."""
    if count == 0:
        return Interval(math.nan, 0.0, 1.0)
    return _score(successes / count, count, NormalDist().inv_cdf((1 + level) / 2))


def _score(share: float, count: float, quantile: float) -> Interval:
    """The shares whose distance to the observed one is at most the quantile times their own standard error."""
    shrink = 1 + quantile**2 / count
    middle = (share + quantile**2 / (2 * count)) / shrink
    half = quantile * math.sqrt(share * (1 - share) / count + (quantile / (2 * count)) ** 2) / shrink
    return Interval(share, min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half)))


def superiority(a: Sequence[float], b: Sequence[float], level: float = 0.95) -> Interval:
    """The probability that a run of A is better than a run of B: the share of all pairs of runs, a tie as half.

    The interval is Wilson's for as many independent comparisons as the pairs are worth, with Student's t of
    n² - 1 degrees of freedom.  On normal data of equal spread it covers 94 to 97 % at 5 and 10 seeds where A
    and B are independent, and more, up to 100 %, where a seed moves both alike.  The percentile bootstrap over
    seeds covers 50 to 97 %.  Three seeds never tell A from B: with two equal optimizers, one in ten draws is as
    extreme.
    See benchmarks/statistics_rows.py.
    """
    wins = _wins(np.asarray(a, float), np.asarray(b, float))
    count = len(wins)
    if count == 0:
        return Interval(math.nan, math.nan, math.nan)
    share = float(wins.mean())
    if count == 1:
        return Interval(share, 0.0, 1.0)
    return _score(share, _effective_comparisons(wins), _student((1 + level) / 2, count**2 - 1))


def _wins(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a[:, None] < b[None, :]) + 0.5 * (a[:, None] == b[None, :])


def _effective_comparisons(wins: np.ndarray) -> float:
    """How many independent comparisons the n² pairs are worth: the share's binomial variance over its own.

    Its own is that of the seeds' wins, each seed as A and as B (Munzel, 1999, for paired data), without an
    assumption about the spreads of A and B.  It is shrunk towards (2n + 1) / 12n², the variance of two equal
    optimizers (Mann and Whitney, 1947).
    """
    count, share = len(wins), float(wins.mean())
    variance = float(np.var(wins.mean(axis=0) + wins.mean(axis=1), ddof=1)) / count
    equal = (2 * count + 1) / (12 * count**2)
    weight = PRIOR_SEEDS / (count - 1)
    return (share * (1 - share) + weight / 4) / (variance + weight * equal)


@functools.cache
def can_tell(count: int) -> bool:
    """Whether so many seeds can tell A from B: whether even all wins exclude one half.  From four seeds on."""
    return count > 1 and superiority([0.0] * count, [1.0] * count).low > 0.5


def decision(probability: Interval) -> str:
    """`win`, `leaning` or `tie`, of A against B; `loss` and `trailing` where B is ahead.

    It is a tie if one half is within the interval, whatever the estimate is.  Otherwise a win needs a probability of
    0.75 (Bouthillier et al., 2021), and with less A is leaning.
    """
    estimate, low, high = probability
    if high < 0.5:
        return "loss" if estimate <= 1 - WIN_PROBABILITY else "trailing"
    if low > 0.5:
        return "win" if estimate >= WIN_PROBABILITY else "leaning"
    return "tie"


def median(values: Sequence[float]) -> float:
    """The median, where failures are the worst values; infinite where half or more failed."""
    if not values:
        return math.nan
    ordered = sorted(values)
    lower, upper = ordered[(len(ordered) - 1) // 2], ordered[len(ordered) // 2]
    return lower if lower == upper else (lower + upper) / 2  # equal infinities have no sum to halve


def left_out_choice(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Each seed's value at the one of two settings that the *other* seeds prefer.

    So no seed has a part in the choice of the setting for which its value counts.  If the others do not decide, it is
    the first setting.
    """
    chosen = []
    for seed, pair in enumerate(zip(first, second, strict=True)):
        others = [[*values[:seed], *values[seed + 1 :]] for values in (first, second)]
        chosen.append(pair[1] if prefers_second(*others) else pair[0])
    return chosen


def prefers_second(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether the second setting failed less often, or as often and with a better mean."""
    return _rank(second) < _rank(first)


def _rank(values: Sequence[float]) -> tuple[int, float]:
    trained = [value for value in values if math.isfinite(value)]
    return len(values) - len(trained), float(np.mean(trained)) if trained else 0.0
