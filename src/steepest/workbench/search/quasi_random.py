"""The sampler of comparisons: points that are evenly spread, however many are taken."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice

from steepest.workbench.model.key import Setting
from steepest.workbench.search.sampler import by_result
from steepest.workbench.search.space import SearchSpace

TRIES = 2000
"""Points in a row without a new setting, after which there is none left: a range of three decades has 2700 rates."""
LEAST_DIMENSIONS = 4
"""Of the sequence, as it was from the start; the first coordinates do not depend on how many follow."""


class QuasiRandom:
    """Settings at the points of Halton's sequence; no setting comes twice.

    Every optimizer has the same points, each in its own range, so that no optimizer is luckier than another.
    """

    def __init__(self, space: SearchSpace, seed: int, trials: int) -> None:
        dimensions = max(LEAST_DIMENSIONS, 1 + len(space.dimensions))
        self.space, self.points = space, halton_points(seed, dimensions)
        self.asked: set[Setting] = set()  # rates of three digits come again from about the 500th trial on

    def knows(self, trial: int) -> int:
        """Nothing depends on results."""
        return 0

    def ask(self) -> Setting | None:
        """The setting at the next point that has a new one; None where there is none left."""
        new = (one for one in map(self.space.at, islice(self.points, TRIES)) if one not in self.asked)
        if (setting := next(new, None)) is not None:
            self.asked.add(setting)
        return setting

    def tell(self, setting: Setting, value: float) -> None:
        """Nothing depends on results, so that every optimizer has the same points."""

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """By their results alone."""
        return by_result(results)


def halton_points(seed: int, dimensions: int = LEAST_DIMENSIONS) -> Iterator[list[float]]:
    """Points of the unit cube: Halton's sequence, scrambled by the seed."""
    from scipy.stats import qmc

    sequence = qmc.Halton(dimensions, scramble=True, rng=seed)
    while True:
        yield from sequence.random(16).tolist()
