"""The Gaussian process against scikit-learn's: likelihood, its gradient, means, covariances."""

import math
import warnings
from typing import Any

import numpy as np
import pytest
from scipy.optimize import check_grad
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern, WhiteKernel

from steepest.workbench.search.gaussian_process import LENGTHS, NOISE, GaussianProcess


@pytest.fixture(params=[(8, 1), (25, 4)])
def made(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, GaussianProcess]:
    count, dimensions = request.param
    rng = np.random.default_rng(0)
    points = rng.random((count, dimensions))
    values = ((points - 0.4) ** 2) @ np.arange(1, dimensions + 1) + 0.05 * rng.normal(size=count)
    values = (values - values.mean()) / values.std()
    return points, values, GaussianProcess(points, values)


def test_the_likelihood_is_no_lower_than_theirs(made: tuple[np.ndarray, np.ndarray, GaussianProcess]) -> None:
    points, values, ours = made
    lengths: Any = np.full(points.shape[1], 0.6)  # their stubs know one length alone
    kernel = Matern(lengths, length_scale_bounds=LENGTHS, nu=2.5) + WhiteKernel(0.03, NOISE)
    theirs = GaussianProcessRegressor(kernel, n_restarts_optimizer=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a length at its bound is as it should be
        theirs.fit(points, values)
    unlikelihood = ours.unlikelihood(ours.parameters)[0] + len(values) / 2 * math.log(2 * math.pi)
    likelihood: Any = theirs.log_marginal_likelihood_value_
    assert unlikelihood <= -likelihood + 1e-4


def test_means_and_covariances_are_theirs(made: tuple[np.ndarray, np.ndarray, GaussianProcess]) -> None:
    points, values, ours = made
    lengths: Any = np.exp(ours.parameters[:-1])
    theirs: Any = GaussianProcessRegressor(Matern(lengths, nu=2.5) + WhiteKernel(ours.noise), optimizer=None)  # pyright: ignore[reportArgumentType]
    theirs.fit(points, values)
    asked = np.random.default_rng(1).random((6, points.shape[1]))
    means, covariance = theirs.predict(asked, return_cov=True)
    covariance = covariance - ours.noise * np.eye(6)  # theirs is of runs, ours of the function
    assert ours.means(asked) == pytest.approx(means, abs=1e-6)
    assert ours.covariance(asked) == pytest.approx(covariance, abs=1e-6)
    both = ours.means_and_deviations(asked)
    assert both[0] == pytest.approx(means, abs=1e-6)
    assert both[1] == pytest.approx(np.sqrt(np.diag(covariance)), abs=1e-6)


def test_the_gradient_is_that_of_differences(made: tuple[np.ndarray, np.ndarray, GaussianProcess]) -> None:
    ours = made[2]
    wrong = check_grad(lambda at: ours.unlikelihood(at)[0], lambda at: ours.unlikelihood(at)[1], ours.parameters + 0.1)
    assert wrong < 1e-4
