"""What figures and tables are made of, as plain records: points of runs, of curves and of searches, steps of layers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple


class RunPoint(NamedTuple):
    """One run in the figure of all runs.  `value` is None where it failed."""

    optimizer: str
    phase: str
    rate: float
    settings: str
    seed: int
    value: float | None
    status: str


class CurvePoint(NamedTuple):
    """Median and range over the seeds, of one quantity at one step."""

    optimizer: str
    name: str
    step: int
    seconds: float
    median: float
    low: float
    high: float


class RatePoint(NamedTuple):
    """The metric at a rate."""

    optimizer: str
    rate: float
    value: float


class Tried(NamedTuple):
    """A setting that was tried with the fresh seeds and is not recommended; a failed run is infinitely bad."""

    rate: float
    settings: dict[str, Any]
    values: list[float]

    @property
    def failed(self) -> int:
        """How many of its runs failed."""
        return sum(not math.isfinite(value) for value in self.values)


class Spike(NamedTuple):
    """A metric that jumped up late in a run, and fell again: at this step, from one value to another."""

    seed: int
    step: int
    before: float
    at: float


class TuningPoint(NamedTuple):
    """The best of so many trials: its expected value, and the band of its median."""

    trials: int
    expected: float
    low: float
    high: float


class StepPoint(NamedTuple):
    """The norm of the whole gradient, or update over weight of one layer, at a step."""

    step: int
    layer: str
    is_gradient: bool
    value: float | None


@dataclass(frozen=True)
class Diagnosis:
    """One run whose steps were measured.

    Args:
        settings: The other hyperparameters that were searched, with their values.
        best: Whether it is the best setting; otherwise it is the lowest rate above it that failed.
        first_not_finite: The first measured step with a gradient that was not finite.
        points: The measurements.
    """

    optimizer: str
    rate: float
    settings: dict[str, Any]
    status: str
    reason: str
    best: bool
    first_not_finite: int | None
    points: list[StepPoint]

    @property
    def gradient_first(self) -> float:
        """The norm of the gradient where it was measured first."""
        return self._gradients()[0]

    @property
    def gradient_last(self) -> float:
        """The norm of the gradient where it was measured last."""
        return self._gradients()[-1]

    @property
    def update(self) -> float:
        """Update over weight, the median over layers and steps."""
        values = [p.value for p in self.points if not p.is_gradient and p.value is not None]
        return median(values) if values else math.nan

    def _gradients(self) -> list[float]:
        return [math.nan if p.value is None else p.value for p in self.points if p.is_gradient] or [math.nan]
