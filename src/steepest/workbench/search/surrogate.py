"""What results so far say of settings that were not tried: a Gaussian process over the unit cube.

Matern's covariance with a length for each dimension, as in Snoek, Larochelle, Adams, "Practical Bayesian optimization
of machine learning algorithms", 2012.  Results are noisy: a setting is judged by the model's mean, not by its luckiest
run.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
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
        self._heights = (found - self._middle) / self._unit
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound is as it should be
            self._model.fit(self._points, self._heights)

    def means(self, points: Any) -> np.ndarray:
        """What the model expects there."""
        return self._middle + self._unit * self._model.predict(np.atleast_2d(points))

    def means_of_parts(self, points: Any, parts: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """What models of some of the results alone would expect there, with the lengths and the noise of this one.

        Each part has the places of the results that it knows.
        """
        kernel = self._model.kernel_
        covariances = kernel(self._points)
        across = kernel.k1(np.atleast_2d(points), self._points)
        for part in parts:
            known = self._heights[part]
            weights = np.linalg.solve(covariances[np.ix_(part, part)], known - known.mean())
            yield self._middle + self._unit * (known.mean() + across[:, part] @ weights)

    def best(self) -> np.ndarray:
        """The point among those tried with the best mean."""
        return self._points[np.argmin(self.means(self._points))]

    def most_promising(self, rng: np.random.Generator) -> np.ndarray:
        """The point with the greatest expected improvement, among points everywhere and near the best."""
        tried = self._model.predict(self._points)
        near = [self._points[place] for place in np.argsort(tried)[:3]]
        clouds = [np.clip(one + rng.normal(0, far, (80, len(one))), 0, 1) for one in near for far in (0.05, 0.15)]
        candidates = np.concatenate([rng.random((600, self._points.shape[1])), *clouds])
        mean, deviation = self._model.predict(candidates, return_std=True)
        return candidates[np.argmax(self._improvement(mean, deviation, tried.min()))]

    def _improvement(self, mean: np.ndarray, deviation: np.ndarray, best: float) -> np.ndarray:
        from scipy.stats import norm

        noise = self._model.kernel_.k2.noise_level  # of a run, not of the setting
        deviation = np.sqrt(np.maximum(deviation**2 - noise, _LEAST_SPREAD))
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
    if successes.min() > 0:
        found, successes = np.log(np.where(is_success, found, 1.0)), np.log(successes)
    spread = max(successes.max() - successes.min(), _LEAST_SPREAD)
    found = np.where(is_success, found, successes.max() + 0.1 * spread)
    middle = float(np.median(found))
    return np.minimum(found, middle + 1.5 * max(middle - found.min(), _LEAST_SPREAD))
