"""The range of rates in which an optimizer is nearly as good as at its best rate."""

import math
from collections.abc import Sequence
from typing import NamedTuple

KEPT_IMPROVEMENT = 0.95  # of the improvement from before the first step to the best result


class Band(NamedTuple):
    """The rates around the best that keep 95 % of its improvement.

    Args:
        low, high: Its ends; NaN where nothing trained.
        open: Whether it reaches an end of the range that was searched: then it may be wider.
    """

    low: float
    high: float
    open: bool

    @property
    def decades(self) -> float:
        """Its width on a log scale."""
        return math.log10(self.high / self.low)


def near_optimal(rates: Sequence[float], values: Sequence[float], initial: float) -> Band:
    """The band around the best of `values` (lower is better, failed is infinite), at rates in rising order.

    Between two rates, an end is interpolated linearly over the logarithm of the rate.  Beside a rate that failed, the
    band ends at the last rate that trained.
    """
    if not any(math.isfinite(value) for value in values):
        return Band(math.nan, math.nan, False)
    best = min(range(len(values)), key=lambda position: values[position])
    limit = initial - KEPT_IMPROVEMENT * (initial - values[best])
    low, low_open = _end(rates[best::-1], values[best::-1], limit)
    high, high_open = _end(rates[best:], values[best:], limit)
    return Band(low, high, low_open or high_open)


def _end(rates: Sequence[float], values: Sequence[float], limit: float) -> tuple[float, bool]:
    """The rate at which the value crosses the limit, seen from the best rate, which comes first; whether none does."""
    for inside in range(len(rates) - 1):
        here, there = values[inside], values[inside + 1]
        if there > limit:
            share = (limit - here) / (there - here) if math.isfinite(there) else 0.0
            return rates[inside] * (rates[inside + 1] / rates[inside]) ** share, False
    return rates[-1], True
