"""Which hyperparameters matter: the share of the spread of results that each explains alone, over its whole range.

A Gaussian process of the trials (that of the search) says what every setting would give; the variance of its mean over
the searched ranges is split as in Hutter, Hoos, Leyton-Brown, "An efficient approach for assessing hyperparameter
importance", 2014, by the method of Saltelli et al., "Variance based sensitivity analysis of model output", 2010.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from steepest.workbench.analysis.axes import axes_of, places
from steepest.workbench.analysis.drawn import evenly

if TYPE_CHECKING:
    from steepest.workbench.analysis.points import RunPoint

LEAST_TRIALS = 24
"""With 16 of recorded runs an interval covered the true share in every second case, with 32 in nine of ten."""
MOST_TRIALS = 400
"""Of more, so many are taken, evenly spread: the model takes their third power."""
POINTS = 512
HALVES = 100
"""Halves of the trials, drawn at random, by whose spread the interval is known."""
NOTHING = 1e-9


class Share(NamedTuple):
    """The share of the spread that a hyperparameter explains alone; low and high are an interval of about 90 %."""

    name: str
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Importance:
    """What matters in the search of one optimizer.

    Args:
        optimizer: Its name.
        shares: Of each hyperparameter, the greatest first.
        together: The share that none explains alone: what one is worth depends on another.
        trials: The number of trials that the model was made from.
    """

    optimizer: str
    shares: list[Share]
    together: float
    trials: int


def importance_of(
    optimizer: str, trials: Sequence[RunPoint], described: Sequence[Mapping[str, Any]], heights: Sequence[float]
) -> Importance | None:
    """What matters; None where there are too few trials, or less than two hyperparameters were searched.

    Args:
        optimizer: Its name.
        trials: Of its search.
        described: What the manifest says of its space.
        heights: The result of each trial, lower is better; infinite where it failed.
    """
    if len(trials) < LEAST_TRIALS or not any(np.isfinite(heights)):
        return None
    axes = axes_of(trials, described)
    if len(axes) < 2:
        return None
    kept = evenly(len(trials), MOST_TRIALS)
    points = np.array([places(trials[place], axes) for place in kept])
    estimates, deviations = shares([axis.name for axis in axes], points, [heights[place] for place in kept])
    found = [
        Share(axis.name, estimate, max(0.0, estimate - 2 * deviation), min(1.0, estimate + 2 * deviation))
        for axis, estimate, deviation in zip(axes, estimates, deviations, strict=True)
    ]
    together = max(0.0, 1 - sum(estimates))
    return Importance(optimizer, sorted(found, key=lambda one: -one.share), together, len(kept))


def shares(names: Sequence[str], points: np.ndarray, heights: Sequence[float]) -> tuple[list[float], list[float]]:
    """The share of each coordinate in the variance of the model, and its standard deviation over halves of the trials.

    Args:
        names: Of the coordinates.
        points: Of the unit cube, one a row.
        heights: Their results, lower is better; infinite where a run failed.
    """
    from steepest.workbench.search.surrogate import Surrogate, levelled

    rng, count = np.random.default_rng(0), len(points)
    model, at = Surrogate(list(points), levelled(heights)), _questions(len(names))
    all_of_them = _split(model.means(at), len(names))
    halves = [rng.choice(count, count // 2, replace=False) for _ in range(HALVES)]
    spread = np.std([_split(means, len(names)) for means in model.means_of_parts(at, halves)], axis=0)
    return np.clip(all_of_them, 0, 1).tolist(), spread.tolist()


def _questions(dimensions: int) -> np.ndarray:
    """Points a and b of the cube, and for each coordinate b with that coordinate of a."""
    from scipy.stats import qmc

    drawn = qmc.Sobol(2 * dimensions, scramble=True, rng=0).random(POINTS)
    a, b = drawn[:, :dimensions], drawn[:, dimensions:]
    mixed = [np.where(np.arange(dimensions) == place, a, b) for place in range(dimensions)]
    return np.concatenate([a, b, *mixed])


def _split(means: np.ndarray, dimensions: int) -> np.ndarray:
    """The covariance of f(a) and f(b with one coordinate of a), as a share of the variance."""
    a, b, *mixed = means.reshape(dimensions + 2, -1)
    variance = max(np.var([a, b]), NOTHING)
    return np.array([np.mean((a - a.mean()) * (one - b)) / variance for one in mixed])
