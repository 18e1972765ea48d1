"""What the report says, as plain records."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import median
from typing import Any, NamedTuple

from steepest.workbench.analysis.near_optimal import Band
from steepest.workbench.analysis.statistics import Interval
from steepest.workbench.report import words


class Point(NamedTuple):
    """One run in the sensitivity figure.  `value` is None where it failed."""

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


class LinePoint(NamedTuple):
    """The metric that goes with a rate."""

    optimizer: str
    rate: float
    value: float


class TuningPoint(NamedTuple):
    """The best of so many trials: what is to be expected, and the band of its median."""

    trials: int
    expected: float
    low: float
    high: float


class GaugePoint(NamedTuple):
    """The norm of the whole gradient, or update over weight of one layer, at a step."""

    step: int
    layer: str
    is_gradient: bool
    value: float | None


@dataclass(frozen=True)
class Diagnosis:
    """One run that was looked at closely.

    Args:
        best: Whether it is the best setting; otherwise the first rate above it that failed.
        first_not_finite: The first step that was looked at with a gradient that was not finite.
        points: The measurements.
    """

    optimizer: str
    rate: float
    status: str
    reason: str
    best: bool
    first_not_finite: int | None
    points: list[GaugePoint]

    @property
    def gradient_first(self) -> float:
        """The norm of the gradient where it was first looked at."""
        return self._gradients()[0]

    @property
    def gradient_last(self) -> float:
        """And where it was last."""
        return self._gradients()[-1]

    @property
    def update(self) -> float:
        """Update over weight, the median over layers and steps."""
        values = [p.value for p in self.points if not p.is_gradient and p.value is not None]
        return median(values) if values else math.nan

    def _gradients(self) -> list[float]:
        return [math.nan if p.value is None else p.value for p in self.points if p.is_gradient] or [math.nan]


class Control(NamedTuple):
    """The run in which nothing was learned: what was made of it, its metric before and after."""

    status: str
    initial: float | None
    final: float | None


@dataclass(frozen=True)
class Row:
    """What is known of one optimizer.

    Args:
        name: Of the optimizer.
        call: The line to paste.
        rate: Recommended; the least bad of the search where none trained, NaN where nothing was searched.
        values: The metric for each fresh seed; infinitely bad where the run failed.
        mean: Of those that trained, with its interval.
        median: Of all, failures as worst.
        trained: How many of `values` are of runs that trained.
        share: The same as a proportion, with Wilson's interval.
        searched: Rates tried.
        searched_trained: And how many of them trained.
        band: The rates that are nearly as good as the best.
        edge: `lowest` or `highest` where the best rate is the outermost that was tried.
        falling: The part of the whole improvement that was made in the last tenth of the run.
        steps_to_target, seconds_to_target: Medians; infinite where missed, NaN where there is no target.
        step_seconds: Of one training step.
        schedule: Of its rate.
        default_rate: Its usual rate, untuned.
        default, default_trained, default_seeds: Mean with interval at that rate; how many trained, of how many.
        state_bytes, parameter_bytes: Of the optimizer's state and of the model; None where they were not measured.
        tuning_cost: Steps and seconds of training before the fresh seeds.
        tuning: The best of k trials.
        line: The metric against the rate, in the search.
    """

    name: str
    call: str
    rate: float
    settings: dict[str, float]
    values: list[float]
    mean: Interval
    median: float
    trained: int
    share: Interval
    searched: int
    searched_trained: int
    band: Band
    edge: str
    falling: float
    steps_to_target: float
    seconds_to_target: float
    step_seconds: float
    schedule: str
    default_rate: float
    default: Interval
    default_trained: int
    default_seeds: int
    state_bytes: int | None
    parameter_bytes: int | None
    tuning_cost: tuple[int, float]
    tuning: list[TuningPoint]
    line: list[LinePoint]

    def rate_at(self, step: int) -> float:
        """The rate of a step of the runs at the best rate."""
        from steepest import schedules

        known = self.schedule and not math.isnan(self.rate)
        return schedules.parse(self.schedule.replace("RATE", repr(self.rate)))(step) if known else self.rate


@dataclass(frozen=True)
class Pair:
    """Two optimizers, the one that stands first in the table against a later one."""

    a: str
    b: str
    difference: Interval
    p: float
    superiority: Interval
    decision: str

    @property
    def outcome(self) -> str:
        """The decision, with the optimizer that it favours."""
        favoured = self.b if self.decision in ("loss", "trailing") else self.a
        verb = {"win": "wins", "loss": "wins", "leaning": "is ahead, narrowly", "trailing": "is ahead, narrowly"}
        return f"{favoured} {verb[self.decision]}" if self.decision in verb else "tie"


@dataclass(frozen=True)
class Numbers:
    """Everything that the report says."""

    task: str
    metric: str
    higher_is_better: bool
    target: float | None
    seeds: int
    budget: str
    steps: int
    rows: list[Row]
    pairs: list[Pair]
    points: list[Point]
    curves: list[CurvePoint]
    diagnoses: list[Diagnosis]
    control: Control | None
    runs: int
    failed: int
    all_steps: int
    seconds: float
    finished: bool
    digests: list[str]
    manifest: dict[str, Any]

    @property
    def has_schedules(self) -> bool:
        """Whether any rate changes during a run."""
        return any(row.schedule for row in self.rows)

    @property
    def has_tuning(self) -> bool:
        """Whether there were trials enough to say what another one is worth; rates that were given are no trials."""
        return any(len(row.tuning) > 1 for row in self.rows) and not self.manifest.get("rates")

    @property
    def order(self) -> list[str]:
        """The optimizers as they were named; colours are given in this order."""
        return list(self.manifest["search_space"])

    @property
    def verdict(self) -> list[str]:
        """The verdict's sentences."""
        return words.verdict(self)

    @property
    def warnings(self) -> list[str]:
        """What a careful reader should know."""
        return words.warnings(self)
