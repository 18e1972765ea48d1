"""What a comparison has found, as plain records; the report writes them out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.importance import Importance
from steepest.workbench.analysis.optimizer_row import OptimizerResult
from steepest.workbench.analysis.points import CurvePoint, Diagnosis, RunPoint
from steepest.workbench.analysis.pruning import Pruning
from steepest.workbench.analysis.statistics import Interval
from steepest.workbench.model.outcome import TRAINED

if TYPE_CHECKING:
    from steepest.workbench.analysis.tuning import Tuning

MANY_FAILED = 1 / 3
"""Of the trials of a search: with more failures, most of the budget was spent outside the useful range."""
STILL_IMPROVING = 0.05
"""Of the whole improvement, in the last tenth of a run: with more, the run was too short to judge."""
SEEDS_OF_A_CLAIM = 10
UNEQUAL_SEARCHES = 1.5
"""The ratio of the numbers of trials from which two searches are not of equal size."""


RATE = "rate"
"""What tables call the learning rate, where a script has no name of its own for it."""


class Control(NamedTuple):
    """The run of the optimizer that does nothing: its status, its metric before and after."""

    status: str
    initial: float | None
    final: float | None


@dataclass(frozen=True)
class Pair:
    """Two optimizers, by their cross-fitted values: `a` comes before `b` in the table.

    Args:
        difference: Of the metric, a minus b, the mean over seeds.
        p: Of the sign-flip test, adjusted for the pairs with the first optimizer; NaN for other pairs, and where no p
            could be small.
        superiority: The probability that a run of `a` is better.
        decision: win, leaning, tie, trailing, or loss.
    """

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
class Yardstick:
    """Adam at its usual rate, or a script as it is: what a user has without any tuning.

    Args:
        optimizer: The name under which the record has its runs.
        rate: Its usual rate.
        median: Over the fresh seeds, with its interval.
        against: The first of the table against it; None where they share no seed.
        name: What sentences call it.
    """

    optimizer: str
    rate: float
    median: Interval
    trained: int
    seeds: int
    against: Pair | None
    name: str = "Adam untuned"


@dataclass(frozen=True)
class Failures:
    """The runs of one optimizer that ended in one way without having trained.

    Args:
        optimizer: Its name.
        status: How they ended.
        failed, runs: How many there are, of how many.
        rates, steps: The lowest and the highest.
        reason: Of the first of them.
        last_lines: What a script printed last in that run.
    """

    optimizer: str
    status: str
    failed: int
    runs: int
    rates: tuple[float, float]
    steps: tuple[int, int]
    reason: str
    last_lines: str = ""


@dataclass(frozen=True)
class AtOnceRuns:
    """Runs that were trained together with others.

    Args:
        runs: How many of all runs.
        most: How many at once, at most.
        phases: Of which phases of the study.
    """

    runs: int = 0
    most: int = 0
    phases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Results:
    """Everything that a report says.

    Args:
        rows: One for each optimizer, the best first.
        pairs: Each two of them.
        points, curves, diagnoses: What the figures draw.
        control: The run of the optimizer that does nothing; None where there was none.
        yardstick: Adam untuned; None where it did not run.
        failures: By optimizer and by how the runs ended.
        runs: The number of runs.
        runs_with_curves: How many have their curves in `curves.parquet`: all, but of a very large study.
        counted, failed: How many say something of an optimizer (search, fresh seeds, usual rates); how many failed.
        all_steps, seconds: What the study cost.
        finished: Whether no run is left to make.
        digests: Of the task's file, more than one where it was edited.
        manifest: What a reader needs to know to repeat the study.
        card: What was trained, each line by its title; empty for a record of an older release.
        pruning: What ending runs early saved and cost.
        importances: Which hyperparameters matter, of each optimizer whose search says it.
        judged_by_best: Whether a run is judged by the best value of its metric, not by the last.
        tuning: What each search in stages has found; empty where there was none.
        at_once: Runs that were trained together.
        around_usual: The optimizers whose range test told nothing, so that their usual rate was searched around.
    """

    task: str
    metric: str
    higher_is_better: bool
    target: float | None
    seeds: int
    budget: str
    steps: int
    rows: list[OptimizerResult]
    pairs: list[Pair]
    points: list[RunPoint]
    curves: list[CurvePoint]
    diagnoses: list[Diagnosis]
    control: Control | None
    yardstick: Yardstick | None
    failures: list[Failures]
    runs: int
    runs_with_curves: int
    counted: int
    failed: int
    all_steps: int
    seconds: float
    finished: bool
    digests: list[str]
    manifest: dict[str, Any]
    card: dict[str, str]
    pruning: Pruning
    importances: list[Importance]
    judged_by_best: bool
    tuning: list[Tuning]
    at_once: AtOnceRuns = AtOnceRuns()
    around_usual: tuple[str, ...] = ()

    @property
    def script(self) -> dict[str, Any] | None:
        """What was run, where it was a script: its command, what is set from outside, the place of its rate."""
        return self.manifest.get("script")

    @property
    def has_rates(self) -> bool:
        """Whether a rate was searched; every optimizer has one, and a script need not."""
        return any(row.rate_name for row in self.rows)

    @property
    def rate_name(self) -> str:
        """What the rate is called: by a script as its argument is."""
        return self.rows[0].rate_name or RATE

    @property
    def confidence(self) -> float:
        """How often the interval of a median over the fresh seeds covers it."""
        return statistics.median_confidence(self.seeds)

    @property
    def shows_p(self) -> bool:
        """Whether there are seeds enough for any p to be small."""
        return any(not math.isnan(pair.p) for pair in self.pairs)

    @property
    def has_schedules(self) -> bool:
        """Whether any rate changes during a run."""
        return any(row.schedule for row in self.rows)

    @property
    def has_tuning(self) -> bool:
        """Whether there were trials enough to say what one more is worth.  Rates that the user gave are no trials."""
        return any(len(row.tuning) > 1 for row in self.rows) and not self.manifest.get("rates")

    @property
    def order(self) -> list[str]:
        """The optimizers as the user named them; they get their colours in this order."""
        return list(self.manifest["search_space"])

    @property
    def nothing_was_searched(self) -> bool:
        """Whether only one setting of each optimizer was tried."""
        return all(row.searched == 1 for row in self.rows)

    @property
    def has_few_seeds(self) -> bool:
        """Whether there are too few seeds for a claim."""
        return self.seeds < SEEDS_OF_A_CLAIM

    @property
    def task_was_edited(self) -> bool:
        """Whether the file of the task was edited during the study."""
        return len(self.digests) > 1

    @property
    def nothing_trained(self) -> bool:
        """Whether every run failed."""
        return not any(row.searched_trained or row.trained or row.default_trained for row in self.rows)

    @property
    def control_trained(self) -> bool:
        """Whether the optimizer that does nothing improved the metric, so that no improvement is a sign of learning."""
        return self.control is not None and self.control.status == TRAINED and self.control.final is not None

    @property
    def searches_are_unequal(self) -> bool:
        """Whether the same budget of time gave some optimizers many more trials than others."""
        counts = [row.searched for row in self.rows]
        return max(counts) > UNEQUAL_SEARCHES * min(counts)
