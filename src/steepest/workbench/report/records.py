"""What the report says, as plain records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from steepest.workbench.report import words
from steepest.workbench.report.band import Band
from steepest.workbench.statistics import Interval


class Point(NamedTuple):
    """One run in the sensitivity figure.  `value` is None where it failed."""

    optimizer: str
    phase: str
    rate: float
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


@dataclass(frozen=True)
class Row:
    """What is known of one optimizer.

    Args:
        name: Of the optimizer.
        call: The line to paste.
        rate: Recommended; NaN where none trained.
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
    """

    name: str
    call: str
    rate: float
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
    schedule: str = ""

    def rate_at(self, step: int) -> float:
        """The rate of a step of the runs at the best rate."""
        from steepest import schedules

        return schedules.parse(self.schedule.replace("RATE", repr(self.rate)))(step) if self.schedule else self.rate


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
        verb = {"win": "wins", "loss": "wins", "leaning": "leads, unproven", "trailing": "leads, unproven"}
        return f"{favoured} {verb[self.decision]}" if self.decision in verb else "tie"


@dataclass(frozen=True)
class Numbers:
    """Everything that the report says."""

    task: str
    metric: str
    higher_is_better: bool
    target: float | None
    seeds: int
    trials: int
    steps: int
    rows: list[Row]
    pairs: list[Pair]
    points: list[Point]
    curves: list[CurvePoint]
    runs: int
    failed: int
    seconds: float
    digests: list[str]
    manifest: dict[str, Any]

    @property
    def has_schedules(self) -> bool:
        """Whether any rate changes during a run."""
        return any(row.schedule for row in self.rows)

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
