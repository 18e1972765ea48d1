"""The sampler of comparisons: points that are evenly spread, however many are taken."""

from __future__ import annotations

from collections.abc import Iterator

from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.spread import Spread

LEAST_DIMENSIONS = 4
"""Of the sequence, as it was from the start; the first coordinates do not depend on how many follow."""


class QuasiRandom(Spread):
    """Settings at the points of Halton's sequence; no setting comes twice.

    Every optimizer has the same points, each in its own range, so that no optimizer is luckier than another.
    """

    tries = 2000
    """A range of three decades has 2700 rates of three digits, which come again from about the 500th trial on."""

    def __init__(self, space: SearchSpace, seed: int, trials: int) -> None:
        super().__init__(space, halton_points(seed, max(LEAST_DIMENSIONS, 1 + len(space.dimensions))))


def halton_points(seed: int, dimensions: int = LEAST_DIMENSIONS) -> Iterator[list[float]]:
    """Points of the unit cube: Halton's sequence, scrambled by the seed."""
    from scipy.stats import qmc

    sequence = qmc.Halton(dimensions, scramble=True, rng=seed)
    while True:
        yield from sequence.random(16).tolist()
