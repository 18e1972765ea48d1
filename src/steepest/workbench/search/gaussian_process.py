"""A Gaussian process with Matern's covariance, a length for each dimension, and noise: Rasmussen and Williams, 2006.

Lengths and noise are those of the greatest marginal likelihood (their algorithm 2.1, its gradient is equation 5.9).
Scikit-learn's gives the same numbers, which a test holds it to, in twice the time: a search fits one for each trial.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
        start: The same of a model of almost these values, from which the likelihood is climbed in place of `START`.
    """

    def __init__(
        self,
        points: np.ndarray,
        values: np.ndarray,
        known: np.ndarray | None = None,
        start: np.ndarray | None = None,
    ) -> None:
        self._points, self._values = points, values
        self.parameters = self._most_likely(start) if known is None else known
        self._factor = np.linalg.cholesky(self._with(points) + self.noise * np.eye(len(points)))
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

    def means_of_parts(self, points: np.ndarray, parts: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
        """The mean at each point after some of the values alone, around their own mean; the parameters stay.

        Each part has the places of the values that it knows.
        """
        covariance = self._with(self._points) + self.noise * np.eye(len(self._values))
        across = self._with(points)
        for part in parts:
            middle = self._values[part].mean()
            weights = np.linalg.solve(covariance[np.ix_(part, part)], self._values[part] - middle)
            yield middle + across[:, part] @ weights

    def covariance(self, points: np.ndarray) -> np.ndarray:
        """Of the function, without noise, at each two of the points."""
        half = self._reduced(self._with(points))
        return _covariance(points, points, self._lengths) - half.T @ half

    def means_and_deviations(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The mean and the standard deviation of the function, without noise, at each point."""
        across = self._with(points)
        half = self._reduced(across)
        return across @ self._weights, np.sqrt(np.maximum(1 - np.einsum("ij,ij->j", half, half), 0))

    def _with(self, points: np.ndarray) -> np.ndarray:
        return _covariance(points, self._points, self._lengths)

    def _reduced(self, across: np.ndarray) -> np.ndarray:
        from scipy.linalg import solve_triangular

        return solve_triangular(self._factor, across.T, lower=True, check_finite=False)

    @cached_property
    def _squares(self) -> np.ndarray:
        """Squares of differences: by dimension, by point, by point."""
        return (self._points.T[:, :, None] - self._points.T[:, None, :]) ** 2

    def _most_likely(self, start: np.ndarray | None) -> np.ndarray:
        from scipy.optimize import minimize

        bounds = np.log([LENGTHS] * self._points.shape[1] + [NOISE])
        starts = self._starts(bounds) if start is None else [start]
        found: list[Any] = [
            minimize(self.unlikelihood, one, jac=True, method="L-BFGS-B", bounds=bounds) for one in starts
        ]
        return min(found, key=lambda one: one.fun).x

    def _starts(self, bounds: np.ndarray) -> list[np.ndarray]:
        usual = np.log([START[0]] * self._points.shape[1] + [START[1]])
        return [usual, np.random.default_rng(0).uniform(bounds[:, 0], bounds[:, 1])]

    def unlikelihood(self, parameters: np.ndarray) -> tuple[float, np.ndarray]:
        """Minus the logarithm of the marginal likelihood without its constant; and its gradient.

        The derivative of the covariance by the logarithm of a length is `slope` times square / length ** 2.
        """
        lengths, noise = np.exp(parameters[:-1]), math.exp(parameters[-1])
        far = np.sqrt(5 * np.tensordot(1 / lengths**2, self._squares, 1))
        covariance, slope = _matern(far), 5 / 3 * (1 + far) * np.exp(-far)
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


def _covariance(first: np.ndarray, second: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Of each of the first points with each of the second.

    By a product of matrices: for 1080 points by 128 in a fifth of the time of all differences.  A square of a distance
    is then rounded by 1e-15 of the longest, which changes nothing, as the covariance is flat at 0.
    """
    a, b = first / lengths, second / lengths
    squares = (a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * (a @ b.T)
    return _matern(np.sqrt(5 * np.maximum(squares, 0)))


def _matern(far: np.ndarray) -> np.ndarray:
    """The covariance at sqrt(5) times the distance in units of the lengths."""
    return (1 + far + far**2 / 3) * np.exp(-far)


def _solved(factor: np.ndarray, right: np.ndarray) -> np.ndarray:
    from scipy.linalg import cho_solve

    return cho_solve((factor, True), right)
