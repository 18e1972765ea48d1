"""A Gaussian process with Matern's covariance, a length for each dimension, and noise: Rasmussen and Williams, 2006.

Lengths and noise are those of the greatest marginal likelihood (their algorithm 2.1, its gradient is equation 5.9).
Scikit-learn's gives the same numbers, which a test holds it to, in twice the time: a search fits one for each trial.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from functools import cache, cached_property
from typing import Any

import numpy as np

LENGTHS, NOISE = (0.15, 4.0), (1e-3, 0.3)
"""Bounds of the lengths in units of the cube, and of the variance of the noise where that of the values is 1."""
START = (0.6, 0.03)
"""Length and noise from which the likelihood is climbed; and once more from a point by chance."""


class GaussianProcess:
    """The process after these values.

    Args:
        points: One a row.
        values: Of mean 0 and variance 1.
        known: Logarithms of the lengths and, last, of the noise; they are found where None is given.
    """

    def __init__(self, points: np.ndarray, values: np.ndarray, known: np.ndarray | None = None) -> None:
        self._points, self._values = points, values
        self.parameters = self._most_likely() if known is None else known
        covariance, _ = _matern(self._squares, self._lengths)
        self._factor = np.linalg.cholesky(covariance + self.noise * np.eye(len(points)))
        self._weights = _solved(self._factor, values)

    @property
    def noise(self) -> float:
        """The variance of the noise."""
        return float(math.exp(self.parameters[-1]))

    @property
    def _lengths(self) -> np.ndarray:
        return np.exp(self.parameters[:-1])

    def means(self, points: np.ndarray) -> np.ndarray:
        """The mean at each point."""
        return self._with(points) @ self._weights

    def covariance(self, points: np.ndarray) -> np.ndarray:
        """Of the function, without noise, at each two of the points."""
        half = self._reduced(points)
        return _matern(_squares(points, points), self._lengths)[0] - half.T @ half

    def deviations(self, points: np.ndarray) -> np.ndarray:
        """The standard deviation of the function, without noise, at each point."""
        return np.sqrt(np.maximum(1 - (self._reduced(points) ** 2).sum(0), 0))

    def _with(self, points: np.ndarray) -> np.ndarray:
        return _matern(_squares(points, self._points), self._lengths)[0]

    def _reduced(self, points: np.ndarray) -> np.ndarray:
        from scipy.linalg import solve_triangular

        return solve_triangular(self._factor, self._with(points).T, lower=True)

    @cached_property
    def _squares(self) -> np.ndarray:
        return _squares(self._points, self._points)

    def _most_likely(self) -> np.ndarray:
        from scipy.optimize import minimize

        dimensions = self._points.shape[1]
        bounds = np.log([LENGTHS] * dimensions + [NOISE])
        first = np.log([START[0]] * dimensions + [START[1]])
        second = np.random.default_rng(0).uniform(bounds[:, 0], bounds[:, 1])
        found: list[Any] = [
            minimize(self.unlikelihood, start, jac=True, method="L-BFGS-B", bounds=bounds) for start in (first, second)
        ]
        return min(found, key=lambda one: one.fun).x

    def unlikelihood(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the logarithm of the marginal likelihood without its constant; and its gradient."""
        lengths, noise = np.exp(parameters[:-1]), math.exp(parameters[-1])
        covariance, slope = _matern(self._squares, lengths)
        factor = np.linalg.cholesky(covariance + noise * np.eye(len(self._values)))
        inverse = _solved(factor, np.eye(len(self._values)))
        weights = inverse @ self._values
        curvature = inverse - np.outer(weights, weights)
        of_lengths = np.tensordot(self._squares, curvature * slope, 2) / lengths**2
        gradient = 0.5 * np.append(of_lengths, noise * np.trace(curvature))
        return float(0.5 * self._values @ weights + np.log(np.diag(factor)).sum()), gradient


def on_one_thread() -> AbstractContextManager[Any]:
    """Where linear algebra has one thread: for these small matrices, two take ten times the time of one."""
    return _controller().limit(limits=1)


@cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401  it has a linear algebra of its own beside NumPy's, and what is not loaded is missed
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _squares(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Squares of differences: by dimension, by point of the first, by point of the second."""
    return (first.T[:, :, None] - second.T[:, None, :]) ** 2


def _matern(squares: np.ndarray, lengths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The covariance; and what its derivative by the logarithm of a length has beside square / length ** 2."""
    far = np.sqrt(5 * np.tensordot(1 / lengths**2, squares, 1))
    falling = np.exp(-far)
    return (1 + far + far**2 / 3) * falling, 5 / 3 * (1 + far) * falling


def _solved(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    from scipy.linalg import cho_solve

    return cho_solve((factor, True), right)
