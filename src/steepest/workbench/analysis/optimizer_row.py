"""What is known of one optimizer at the end of a study: one row of the tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from steepest.workbench.analysis.near_optimal import Band
from steepest.workbench.analysis.points import RatePoint, Spike, Tried, TuningPoint
from steepest.workbench.analysis.statistics import Interval
from steepest.workbench.model.stage_gain import Edge

MANY_FAILED = 1 / 3
"""Of the trials of a search: with more failures, most of the budget was spent outside the useful range."""
STILL_IMPROVING = 0.05
"""Of the whole improvement, in the last tenth of a run: with more, the run was too short to judge."""
SEEDS_OF_A_CLAIM = 10
UNEQUAL_SEARCHES = 1.5
"""The ratio of the numbers of trials from which two searches are not of equal size."""


RATE = "rate"
"""What tables call the learning rate, where a script has no name of its own for it."""


@dataclass(frozen=True)
class OptimizerResult:
    """What a comparison found for one optimizer.

    Args:
        name: Of the optimizer.
        call: The line to paste.
        rate: Recommended; the least bad of the search where none trained, NaN where nothing was searched.
        settings: The other hyperparameters that were searched, with the recommended values.
        values: The metric at the recommended setting for each fresh seed; infinitely bad where the run failed.
        cross_fitted: For each fresh seed the metric at the setting that the other seeds prefer.  They decide the pairs.
        other_finalists: The other settings that were tried with fresh seeds.
        median: Of `values`, with its interval; failures are the worst values.
        mean: Of those that trained, with Student's t interval.
        trained: How many of `values` are of runs that trained.
        share: The same as a proportion, with Wilson's interval.
        searched: The number of trials.
        searched_trained: The number of trials that trained.
        searched_pruned: The number of trials that a pruner ended.
        band: The rates that are nearly as good as the best.
        spikes: Late jumps of the metric in the runs at the recommended setting, one a run at most.
        ends: Values of the recommended setting at the end of what was searched.
        falling: The part of the whole improvement that was made in the last tenth of the run.
        steps_to_target, seconds_to_target: Medians; infinite where missed, NaN where there is no target.
        step_seconds: Of one training step.
        schedule: Of its rate.
        default_rate: Its usual rate, untuned.
        default, default_trained, default_seeds: Median with interval at that rate; how many trained, of how many.
        state_bytes, parameter_bytes: Of the optimizer's state and of the model; None where they were not measured.
        tuning_cost: Steps and seconds of training before the fresh seeds.
        tuning: The best of k trials.
        line: The metric against the rate, in the search.
        rate_name: What the rate is called; empty for a script in which no rate is searched.
    """

    name: str
    call: str
    rate: float
    settings: dict[str, Any]
    values: list[float]
    cross_fitted: list[float]
    other_finalists: list[Tried]
    median: Interval
    mean: Interval
    trained: int
    share: Interval
    searched: int
    searched_trained: int
    searched_pruned: int
    band: Band
    spikes: list[Spike]
    ends: list[Edge]
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
    line: list[RatePoint]
    rate_name: str = RATE

    def rate_at(self, step: int) -> float:
        """The rate of a step of the runs at the best rate."""
        from steepest import schedules

        known = self.schedule and not math.isnan(self.rate)
        return schedules.parse(self.schedule.replace("RATE", repr(self.rate)))(step) if known else self.rate

    @property
    def many_trials_failed(self) -> bool:
        """Whether most of its budget was spent outside its useful range."""
        return self.searched_failed > MANY_FAILED * self.searched

    @property
    def searched_failed(self) -> int:
        """The number of trials that failed."""
        return self.searched - self.searched_trained - self.searched_pruned

    @property
    def seeds_failed(self) -> int:
        """How many of the runs with fresh seeds failed."""
        return len(self.values) - self.trained

    @property
    def is_still_improving(self) -> bool:
        """Whether its runs were too short to judge it."""
        return self.falling >= STILL_IMPROVING
