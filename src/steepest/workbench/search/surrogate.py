"""What results so far say of settings that were not tried: a Gaussian process over the unit cube.

Matern's covariance with a length for each dimension, as in Snoek, Larochelle, Adams, "Practical Bayesian optimization
of machine learning algorithms", 2012.  Results are noisy: a setting is judged by the model's mean, not by its luckiest
run.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

LENGTHS, NOISE = (0.15, 4.0), (1e-3, 0.3)
"""Bounds of the lengths in units of the cube, and of the share of noise in the variance of the results."""
_LEAST_SPREAD = 1e-9


class Surrogate:
    """The model of these results.

    Args:
        points: Of the unit cube, one a row.
        heights: Their results as `levelled` gives them, lower is better.
    """

    def __init__(self, points: Sequence[Any], heights: Sequence[float] | np.ndarray) -> None:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor
        from sklearn.gaussian_process.kernels import Matern, WhiteKernel

        self._points = np.asarray(points, float)
        lengths: Any = np.full(self._points.shape[1], 0.6)
        kernel = Matern(lengths, length_scale_bounds=LENGTHS, nu=2.5) + WhiteKernel(0.03, NOISE)
        self._model: Any = GaussianProcessRegressor(kernel, n_restarts_optimizer=1, random_state=0)
        found = np.asarray(heights, float)
        self._middle, self._unit = found.mean(), max(float(found.std()), _LEAST_SPREAD)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound is as it should be
            self._model.fit(self._points, (found - self._middle) / self._unit)

    def means(self, points: Any) -> np.ndarray:
        """What the model expects there."""
        return self._middle + self._unit * self._model.predict(np.atleast_2d(points))

    def difference(self, first: Any, second: Any) -> tuple[float, float]:
        """How much higher the function is at the first point than at the second: its mean, its standard deviation."""
        means, covariance = self._model.predict(np.array([first, second], float), return_cov=True)
        variance = covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1] - 2 * self._noise  # of the function alone
        return self._unit * float(means[0] - means[1]), self._unit * math.sqrt(max(float(variance), 0.0))

    @property
    def noise(self) -> float:
        """The standard deviation of a run at one setting, in units of the results."""
        return self._unit * math.sqrt(self._noise)

    @property
    def _noise(self) -> float:
        """The variance of a run, not of the setting, in units of the model."""
        return float(self._model.kernel_.k2.noise_level)

    def best(self) -> np.ndarray:
        """The point among those tried with the best mean."""
        return self._points[np.argmin(self.means(self._points))]

    def most_promising(self, rng: np.random.Generator) -> tuple[np.ndarray, float]:
        """The point with the greatest expected improvement, among points everywhere and near the best.

        And that improvement, in standard deviations of the noise of a run.
        """
        tried = self._model.predict(self._points)
        near = [self._points[place] for place in np.argsort(tried)[:3]]
        clouds = [np.clip(one + rng.normal(0, far, (80, len(one))), 0, 1) for one in near for far in (0.05, 0.15)]
        candidates = np.concatenate([rng.random((600, self._points.shape[1])), *clouds])
        mean, deviation = self._model.predict(candidates, return_std=True)
        improvement = self._improvement(mean, deviation, tried.min())
        place = int(np.argmax(improvement))
        return candidates[place], float(improvement[place]) / math.sqrt(self._noise)

    def _improvement(self, mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
        from scipy.stats import norm

        deviation = np.sqrt(np.maximum(deviation**2 - self._noise, _LEAST_SPREAD))
        u = (best - mean) / deviation
        return deviation * (u * norm.cdf(u) + norm.pdf(u))


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
