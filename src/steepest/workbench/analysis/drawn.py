"""Which points of a large study are drawn: its report is one file that can be mailed, however many runs there are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

Point = TypeVar("Point")

MOST_RUNS, MOST_FAILED, MOST_OF_LINE = 1000, 100, 100
"""Runs in the figure of all runs, the failed ones along its top, and points of the line of each optimizer."""
MOST_TRIALS, MOST_COUNTS = 2400, 200
"""Trials in the figures of all dimensions together, and numbers of trials on the curve of the best of k.  A point takes
100 to 200 bytes of the page, which has room for 1.1 MB of them beside what draws them."""
BEST_PART = 4
"""A quarter of them are the best; the others are spread evenly over all that is left."""


def drawn(points: Sequence[Point], most: int, badness: Callable[[Point], float]) -> list[Point]:
    """At most so many points, in the order in which they come: the best ones, and an even sample of the others.

    Args:
        points: In the order along which the sample is even.
        most: How many are drawn.
        badness: Lower is better.
    """
    if len(points) <= most:
        return list(points)
    by_badness = sorted(range(len(points)), key=lambda place: badness(points[place]))
    best = set(by_badness[: most // BEST_PART])
    left = [place for place in range(len(points)) if place not in best]
    return [points[place] for place in sorted(best | {left[k] for k in evenly(len(left), most - len(best))})]


def evenly(count: int, most: int) -> list[int]:
    """At most so many of the places 0, 1, ..., evenly spread, with the first and the last."""
    if count <= most:
        return list(range(count))
    return sorted({round(k * (count - 1) / max(1, most - 1)) for k in range(most)})


def counts_drawn(count: int) -> list[int]:
    """Numbers of trials 1, 2, ..., at most `MOST_COUNTS` of them, denser where they are small."""
    if count <= MOST_COUNTS:
        return list(range(1, count + 1))
    return sorted({round(math.exp(math.log(count) * k / (MOST_COUNTS - 1))) for k in range(MOST_COUNTS)})
