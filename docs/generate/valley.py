"""Paths of the optimizers through Rosenbrock's valley, and the search for the rate of each.

The rate is 1, 2 or 5 times a power of ten: the one with the lowest end among those whose path never leaves the picture.
Every optimizer has the same start, the same number of steps and, except for the rate, its default arguments.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

import steepest

START = (-1.5, 1.5)
MINIMUM = (1.0, 1.0)
STEPS = 300
RATES = tuple(digit * 10.0**power for power in range(-4, 2) for digit in (1, 2, 5))
X, Y = (-2.0, 2.0), (-1.0, 3.0)
"""What the picture shows."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Path:
    """The path of an optimizer.

    points: from the start on, up to the first step that leaves the picture.
    """

    lr: float
    points: tuple[Point, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def stays(self) -> bool:
        """Whether every point is in the picture."""
        return is_in_picture(self.points[-1])

    @property
    def end(self) -> float:
        """The function at the last point."""
        return height(*self.points[-1])


def height(x: float, y: float) -> float:
    """Rosenbrock's function."""
    return (1 - x) ** 2 + 100 * (y - x * x) ** 2


def slope(x: float, y: float) -> Point:
    """Its gradient."""
    return -2 * (1 - x) - 400 * x * (y - x * x), 200 * (y - x * x)


def is_in_picture(point: Point) -> bool:
    """Whether a point is in the picture; NaN is not."""
    return X[0] <= point[0] <= X[1] and Y[0] <= point[1] <= Y[1]


def path(optimizer: Callable[..., Any], lr: float, options: Mapping[str, Any], walk: "Walk") -> Path:
    """The path of an optimizer in float64."""
    p = torch.tensor(START, dtype=torch.float64).reshape(walk.shape)
    stepper = optimizer([p], lr=lr, **options)
    points = [START]
    while len(points) <= walk.steps and is_in_picture(points[-1]):
        walk.step(stepper, p)
        x, y = p.flatten().tolist()
        points.append((x, y))
    return Path(lr, tuple(points), options)


def search(optimizer: Callable[..., Any], options: Mapping[str, Any], walk: "Walk") -> tuple[Path, list[Path]]:
    """The path at the best of the rates, and the paths at the next smaller and the next larger rate."""
    paths = [path(optimizer, lr, options, walk) for lr in RATES]
    best = min((found for found in paths if found.stays), key=lambda found: found.end)
    at = paths.index(best)
    return best, paths[max(0, at - 1) : at] + paths[at + 1 : at + 2]


@dataclass(frozen=True)
class Walk:
    """How the function is given to an optimizer.

    shape: of the parameter that holds x and y.
    step: steps an optimizer of this parameter once.
    """

    shape: tuple[int, ...]
    step: Callable[[Any, torch.Tensor], None]
    steps: int = STEPS


def gradient(p: torch.Tensor) -> torch.Tensor:
    """The gradient at a parameter of any shape."""
    x, y = p.flatten().tolist()
    return torch.tensor(slope(x, y), dtype=p.dtype).reshape(p.shape)


def _dense(optimizer: Any, p: torch.Tensor) -> None:
    p.grad = gradient(p)
    optimizer.step()


def _sparse(optimizer: Any, p: torch.Tensor) -> None:
    p.grad = gradient(p).to_sparse(1)
    optimizer.step()


def _closure(optimizer: Any, p: torch.Tensor) -> None:
    def evaluate() -> float:
        p.grad = gradient(p)
        return height(*p.flatten().tolist())

    optimizer.step(evaluate)


WALKS = {
    "SparseAdam": Walk((2, 1), _sparse),
    "Muon": Walk((1, 2), _dense),
    "LBFGS": Walk((2,), _closure, steps=40),
}
"""For the optimizers that do not accept a vector and its gradient."""


MORE: dict[str, tuple[dict[str, Any], ...]] = {"SGD": ({"momentum": 0.9},)}
"""Options whose path is drawn beside that of the defaults."""


def searched(name: str) -> tuple[tuple[Path, list[Path]], ...]:
    """The path of an optimizer of steepest at its best rate and at the two rates beside it, for each of its options."""
    walk = WALKS.get(name, Walk((2,), _dense))
    return tuple(search(getattr(steepest, name), options, walk) for options in ({}, *MORE.get(name, ())))
