"""What results so far say of settings that were not tried: a Gaussian process over the unit cube.

Matern's covariance with a length for each dimension, as in Snoek, Larochelle, Adams, "Practical Bayesian optimization
of machine learning algorithms", 2012.  Results are noisy: a setting is judged by the model's mean, not by its luckiest
run.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from steepest.workbench.search.gaussian_process import GaussianProcess, on_one_thread

MOST = 128
"""Results that a model is made of: its cost grows with the cube of their number."""
_LEAST_SPREAD = 1e-9


class Surrogate:
    """The model of these results.

    Args:
        points: Of the unit cube, one a row.
        heights: Their results as `levelled` gives them, lower is better.
        known: The parameters of another model's process, where they are not to be found again.
        start: Those of a model of almost these results, near which they are found.
    """

    def __init__(
        self,
        points: Sequence[Any] | np.ndarray,
        heights: Sequence[float] | np.ndarray,
        known: np.ndarray | None = None,
        start: np.ndarray | None = None,
    ) -> None:
        self._points, found = np.asarray(points, float), np.asarray(heights, float)
        self._middle, self._unit = found.mean(), max(float(found.std()), _LEAST_SPREAD)
        with on_one_thread():
            self._process = GaussianProcess(self._points, (found - self._middle) / self._unit, known, start)

    @property
    def parameters(self) -> np.ndarray:
        """Of the process."""
        return self._process.parameters

    @property
    def noise(self) -> float:
        """The standard deviation of a run at one setting, in units of the results."""
        return self._unit * math.sqrt(self._process.noise)

    def means(self, points: Any) -> np.ndarray:
        """What the model expects there."""
        return self._middle + self._unit * self._process.means(np.atleast_2d(np.asarray(points, float)))

    def difference(self, first: Any, second: Any) -> tuple[float, float]:
        """How much higher the function is at the first point than at the second: its mean, its standard deviation."""
        both = np.array([first, second], float)
        means, covariance = self._process.means(both), self._process.covariance(both)
        variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1]
        return self._unit * float(means[0] - means[1]), self._unit * math.sqrt(max(float(variance), 0.0))

    def means_of_parts(self, points: Any, parts: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """What models of some of the results alone would expect there, with the lengths and the noise of this one.

        Each part has the places of the results that it knows.
        """
        with on_one_thread():
            yield from (
                self._middle + self._unit * means
                for means in self._process.means_of_parts(np.atleast_2d(np.asarray(points, float)), parts)
            )

    def best(self) -> np.ndarray:
        """The point among those tried with the best mean."""
        return self._points[np.argmin(self.means(self._points))]

    def most_promising(
        self, rng: np.random.Generator, bounds: Sequence[tuple[float, float]]
    ) -> tuple[np.ndarray, float]:
        """The point with the greatest expected improvement, among points everywhere and near the best.

        And that improvement, in standard deviations of the noise of a run.

        Args:
            rng: Draws the points.
            bounds: Of each coordinate.
        """
        lowest, highest = np.array(bounds, float).T
        tried = self._process.means(self._points)
        near = [self._points[place] for place in np.argsort(tried)[:3]]
        around = [one + rng.normal(0, far, (80, len(one))) for one in near for far in (0.05, 0.15)]
        clouds = [np.clip(one, lowest, highest) for one in around]
        candidates = np.concatenate([lowest + (highest - lowest) * rng.random((600, len(lowest))), *clouds])
        with on_one_thread():
            improvement = self._improvement(candidates, tried.min())
        place = int(np.argmax(improvement))
        return candidates[place], float(improvement[place]) / math.sqrt(self._process.noise)

    def _improvement(self, points: np.ndarray, best: float) -> np.ndarray:
        from scipy.special import ndtr

        means, deviations = self._process.means_and_deviations(points)
        deviation = np.maximum(deviations, _LEAST_SPREAD)
        u = (best - means) / deviation
        return deviation * (u * ndtr(u) + np.exp(-(u**2) / 2) / math.sqrt(2 * math.pi))


def levelled(values: Sequence[float]) -> np.ndarray:
    """Results on a scale that a smooth function can follow: logarithms where all are positive, no cliff of failures.

    A failure is slightly worse than the worst success; what is far worse than the median is as bad as that alone.
    """
    found = np.asarray(values, float)
    is_success = np.isfinite(found)
    if not is_success.any():
        return np.zeros(len(found))
    successes = found[is_success]
    if is_logarithmic(values):
        found, successes = np.log(np.where(is_success, found, 1.0)), np.log(successes)
    spread = max(successes.max() - successes.min(), _LEAST_SPREAD)
    found = np.where(is_success, found, successes.max() + 0.1 * spread)
    middle = float(np.median(found))
    return np.minimum(found, middle + 1.5 * max(middle - found.min(), _LEAST_SPREAD))


def is_logarithmic(values: Sequence[float]) -> bool:
    """Whether these results are modelled by their logarithms: all that trained are positive."""
    successes = [value for value in values if math.isfinite(value)]
    return bool(successes) and min(successes) > 0


def modelled(
    points: Sequence[Any] | np.ndarray,
    values: Sequence[float],
    known: np.ndarray | None = None,
    start: np.ndarray | None = None,
) -> Surrogate:
    """The model of results as they come, infinite where a run failed.

    Of more than MOST it takes the better half of MOST, and of the others as many, evenly by rank.
    """
    heights = levelled(values)
    if len(heights) > MOST:
        best, others = np.split(np.argsort(heights, kind="stable"), [MOST // 2])
        evenly = others[np.linspace(0, len(others) - 1, MOST - MOST // 2).astype(int)]
        chosen = np.sort(np.concatenate([best, evenly]))
        points, heights = np.asarray(points, float)[chosen], heights[chosen]
    return Surrogate(points, heights, known, start)
