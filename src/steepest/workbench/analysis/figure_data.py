"""What each figure of a report draws, as plain records; the figures only draw."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from steepest.workbench.analysis.dimensions import DimensionData, dimensions
from steepest.workbench.analysis.drawn import MOST_FAILED, MOST_OF_LINE, MOST_RUNS, drawn, evenly
from steepest.workbench.analysis.points import CurvePoint, RatePoint, RunPoint, TuningPoint
from steepest.workbench.analysis.results import Results

SCHEDULE_POINTS = 200
LOWEST_OF_SCHEDULE = 100
"""Rates down to a hundredth of the highest are drawn: on a logarithmic scale, a fall to zero has no end."""
BEST, FAILING = "best", "failing"
"""The runs of a diagnosis."""


@dataclass(frozen=True)
class SensitivityData:
    """The final metric against the rate.

    Args:
        metric: Its name.
        trained, failed: The runs that are drawn.
        runs: How many there are in all.
        failing: The optimizers with failed runs.
        medians: The points of the lines.
        untuned: Where Adam ends at its usual rate; None where that is not known.
        has_others: Whether other hyperparameters were searched too.
    """

    metric: str
    trained: list[RunPoint]
    failed: list[RunPoint]
    runs: int
    failing: list[str]
    medians: list[RatePoint]
    has_others: bool
    untuned: float | None

    @property
    def drawn(self) -> int:
        """How many runs are drawn."""
        return len(self.trained) + len(self.failed)


@dataclass(frozen=True)
class CurvesData:
    """The loss and the metric along the runs at the best settings."""

    metric: str
    points: list[CurvePoint]

    @property
    def losses(self) -> list[CurvePoint]:
        """The training losses alone."""
        return [point for point in self.points if point.name == "train_loss"]


class StepRate(NamedTuple):
    """The rate of an optimizer at a step."""

    optimizer: str
    step: int
    rate: float


class SeedValue(NamedTuple):
    """The metric of a fresh seed."""

    optimizer: str
    value: float
    seed: int


class SeedMedian(NamedTuple):
    """The median over the fresh seeds, and its interval; an end that is None is of a failed run."""

    optimizer: str
    median: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class FinalistsData:
    """The fresh seeds at each best setting, the best optimizer first; and where Adam untuned ends."""

    metric: str
    optimizers: list[str]
    values: list[SeedValue]
    medians: list[SeedMedian]
    untuned: float | None


@dataclass(frozen=True)
class TrialsData:
    """The expected best of k trials, of each optimizer."""

    metric: str
    higher_is_better: bool
    points: list[tuple[str, TuningPoint]]


class StepValue(NamedTuple):
    """A measurement at a step of a diagnosis run; `run` is best or failing."""

    optimizer: str
    run: str
    step: int
    layer: str
    value: float


@dataclass(frozen=True)
class DiagnosisData:
    """What steps did to the model, at the best setting and at the lowest rate above it that failed."""

    optimizers: list[str]
    updates: list[StepValue]
    gradients: list[StepValue]


@dataclass(frozen=True)
class FigureData:
    """All that the figures of a report draw.  None where there is no such figure."""

    order: list[str]
    sensitivity: SensitivityData
    curves: CurvesData
    finalists: FinalistsData
    rates: list[StepRate] | None
    trials: TrialsData | None
    diagnosis: DiagnosisData | None
    searched: list[DimensionData]


def figure_data(results: Results) -> FigureData:
    """What the figures of a report draw."""
    return FigureData(
        order=results.order,
        sensitivity=_sensitivity(results),
        curves=CurvesData(results.metric, results.curves),
        finalists=_finalists(results),
        rates=_rates(results) if results.has_schedules else None,
        trials=_trials(results) if results.has_tuning else None,
        diagnosis=_diagnosis(results) if results.diagnoses else None,
        searched=dimensions(results),
    )


def _sensitivity(results: Results) -> SensitivityData:
    trained = [point for point in results.points if point.value is not None]
    failed = [point for point in results.points if point.value is None]
    sign = -1 if results.higher_is_better else 1
    return SensitivityData(
        metric=results.metric,
        trained=drawn(trained, MOST_RUNS, lambda point: sign * (point.value or 0.0)),
        failed=drawn(failed, MOST_FAILED, lambda point: 0.0),
        runs=len(results.points),
        failing=[name for name in results.order if any(point.optimizer == name for point in failed)],
        medians=_medians(results, trained),
        has_others=any(point.settings for point in results.points),
        untuned=_untuned(results),
    )


def _medians(results: Results, trained: Sequence[RunPoint]) -> list[RatePoint]:
    """Medians at each rate; where other hyperparameters vary too, over neighbouring rates."""
    varied = {point.optimizer for point in results.points if point.settings}
    smooth = [row for row in results.rows if row.settings or row.name in varied]
    names = {row.name for row in smooth}
    exact = _medians_by_rate([point for point in trained if point.optimizer not in names])
    return exact + [row.line[k] for row in smooth for k in evenly(len(row.line), MOST_OF_LINE)]


def _medians_by_rate(trained: Sequence[RunPoint]) -> list[RatePoint]:
    groups: dict[tuple[str, float], list[float]] = {}
    for point in trained:
        if point.value is not None:
            groups.setdefault((point.optimizer, point.rate), []).append(point.value)
    return [RatePoint(name, rate, median(values)) for (name, rate), values in groups.items()]


def _rates(results: Results) -> list[StepRate]:
    steps = sorted({round(results.steps * point / SCHEDULE_POINTS) for point in range(SCHEDULE_POINTS + 1)})
    points = [StepRate(row.name, step, row.rate_at(step)) for row in results.rows for step in steps]
    lowest = {row.name: row.rate / LOWEST_OF_SCHEDULE for row in results.rows}
    return [point for point in points if point.rate > lowest[point.optimizer]]


def _finalists(results: Results) -> FinalistsData:
    return FinalistsData(
        metric=results.metric,
        optimizers=[row.name for row in results.rows],
        values=[
            SeedValue(row.name, value, seed)
            for row in results.rows
            for seed, value in enumerate(row.values, 1)
            if math.isfinite(value)
        ],
        medians=[
            SeedMedian(row.name, row.median.estimate, *(end if math.isfinite(end) else None for end in row.median[1:]))
            for row in results.rows
            if math.isfinite(row.median.estimate) and row.trained > 1
        ],
        untuned=_untuned(results),
    )


def _untuned(results: Results) -> float | None:
    """Where Adam ends at its usual rate; None where it did not run, or failed."""
    middle = results.yardstick.median.estimate if results.yardstick else math.nan
    return middle if math.isfinite(middle) else None


def _trials(results: Results) -> TrialsData:
    points = [(row.name, point) for row in results.rows for point in row.tuning]
    return TrialsData(results.metric, results.higher_is_better, points)


def _diagnosis(results: Results) -> DiagnosisData:
    values = [
        (
            point.is_gradient,
            StepValue(one.optimizer, BEST if one.best else FAILING, point.step, point.layer, point.value),
        )
        for one in results.diagnoses
        for point in one.points
        if point.value is not None and 0 < point.value < 1e30  # has a place on a logarithmic axis
    ]
    return DiagnosisData(
        optimizers=list(dict.fromkeys(one.optimizer for one in results.diagnoses)),
        updates=[value for is_gradient, value in values if not is_gradient],
        gradients=[value for is_gradient, value in values if is_gradient],
    )
