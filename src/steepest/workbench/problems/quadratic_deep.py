"""A noisy 100-dimensional quadratic, the `quadratic_deep` of DeepOBS; published results to compare with.

Loss 0.5 (theta - x)' Q (theta - x), averaged over a batch of x.  Q has 90 eigenvalues in (0, 1) and 10 in
(30, 60), rotated at random; x ~ N(0, 0.6^2 I); theta starts at 1.  Gradient descent is unstable above the
rate 2 / 53.13 = 0.0376.

`steepest compare quadratic-deep` repeats the published protocol: 36 rates from 1e-5 to 1e2, evenly spaced on a
logarithmic scale, and ten fresh seeds at the best ones.

Schneider, Balles, Hennig, "DeepOBS: a deep learning optimizer benchmark suite", 2019.
"""

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.task import Shuffled, Task

DIMENSIONS = 100
BATCH = 128
_SOURCE = "the default of DeepOBS"
COMPARISON = {
    "optimizers": [
        Candidate("sgd", "SGD", 1e-2, _SOURCE),
        Candidate("momentum", "SGD", 1e-2, _SOURCE, {"momentum": 0.99}),
        Candidate("adam", "Adam", 1e-3, _SOURCE),
    ],
    "rates": "1e-5:1e2:36",
    "seeds": 10,
}


def rotation(rng: np.random.RandomState, dimensions: int) -> np.ndarray:
    """A rotation drawn uniformly: the subgroup algorithm of Diaconis and Shahshahani, 1987.

    A uniform rotation of the plane is carried up one dimension at a time, each time followed by the
    reflection that takes the first axis to a uniform point of the sphere.
    """
    angle = 2 * np.pi * rng.uniform()
    turned = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    for size in range(3, dimensions + 1):
        point = rng.normal(size=size)
        axis = -point / np.linalg.norm(point)
        axis[0] += 1.0
        axis /= np.linalg.norm(axis)
        lifted = np.eye(size)
        lifted[1:, 1:] = turned
        turned = lifted - 2 * np.outer(axis, axis @ lifted)
    return -turned  # an even number of dimensions: the sign makes the determinant that of a rotation


@cache
def hessian() -> Tensor:
    """The matrix Q."""
    rng = np.random.RandomState(42)
    eigenvalues = np.concatenate([rng.uniform(0, 1, 90), rng.uniform(30, 60, 10)])
    turned = rotation(rng, DIMENSIONS)
    return torch.tensor(turned.T @ np.diag(eigenvalues) @ turned, dtype=torch.float32)


@cache
def points(seed: int) -> Tensor:
    """1000 draws of x; the seed is 42 for training and 43 for the test (7 batches of it, as published)."""
    return torch.tensor(np.random.RandomState(seed).normal(0, 0.6, (1000, DIMENSIONS)), dtype=torch.float32)


class Quadratic(nn.Module):
    """One vector, and the loss at each point of a batch."""

    def __init__(self) -> None:
        super().__init__()
        self.theta = nn.Parameter(torch.ones(DIMENSIONS))

    def forward(self, x: Tensor) -> Tensor:
        """0.5 (theta - x)' Q (theta - x), one number for each row of x."""
        distance = self.theta - x
        return 0.5 * (distance @ hessian() * distance).sum(1)


def task(seed: int) -> Task:
    """100 epochs of 7 batches.  The start is always the same; the seed decides the order of the data."""
    return Task(
        model=Quadratic(),
        loss=lambda model, batch: model(*batch).mean(),
        train=Shuffled(points(42), size=BATCH, seed=seed),
        evaluate=lambda model: {"test_loss": model(points(43)[: 7 * BATCH]).mean().item()},
        metric="test_loss",
        steps=700,
        target=87.70,
        evaluations=100,  # once an epoch, as published
    )
