"""Samplers for those who want them: settings by chance, and on a grid.  Neither depends on results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod

import numpy as np

from steepest.workbench.model.key import Setting
from steepest.workbench.search.sampler import by_result
from steepest.workbench.search.space import SearchSpace

TRIES = 30
"""Of finding a setting that was not tried: whole numbers and choices come again."""


class Spread:
    """Settings at given points of the unit cube, none twice.

    Args:
        space: What is searched.
        points: Of the unit cube.
    """

    tries = TRIES
    """Points in a row without a new setting, after which there is none left."""

    def __init__(self, space: SearchSpace, points: Iterator[list[float]]) -> None:
        self.space, self.points = space, points
        self.asked: set[Setting] = set()

    def knows(self, trial: int) -> int:
        """Nothing depends on results."""
        return 0

    def ask(self) -> Setting | None:
        """The setting at the next point that has a new one; None where none is left."""
        for _, point in zip(range(self.tries), self.points, strict=False):
            setting = self.space.at(point)
            if setting not in self.asked:
                self.asked.add(setting)
                return setting
        return None

    def tell(self, setting: Setting, value: float) -> None:
        """Nothing depends on results."""

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """By their results alone."""
        return by_result(results)


def by_chance(space: SearchSpace, seed: int, trials: int) -> Spread:
    """Independent points, evenly distributed."""
    return Spread(space, _uniform(1 + len(space.dimensions), seed))


def _uniform(dimensions: int, seed: int) -> Iterator[list[float]]:
    rng = np.random.default_rng(seed)
    while True:
        yield rng.random(dimensions).tolist()


def on_a_grid(space: SearchSpace, seed: int, trials: int) -> Spread:
    """All combinations of a few values of each dimension, as many as the trials allow, in an order by the seed."""
    counts = _levels(space, trials)
    cells = list(product(*(range(count) for count in counts)))
    order = np.random.default_rng(seed).permutation(len(cells))
    return Spread(space, ([(cell + 0.5) / n for cell, n in zip(cells[one], counts, strict=True)] for one in order))


def _levels(space: SearchSpace, trials: int) -> list[int]:
    """How many values of each dimension: one more for each in turn, the rate first, while the trials pay for it."""
    most = [trials, *(len(one.choices) or trials for one in space.dimensions)]
    counts, grows = [1] * len(most), True
    while grows:
        grows = False
        for place, count in enumerate(counts):
            if count < most[place] and prod(counts) // count * (count + 1) <= trials:
                counts[place], grows = count + 1, True
    return counts
