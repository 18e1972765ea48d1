"""`lr_range`: between which learning rates to search, and with which to begin, for each optimizer on one task."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from steepest.workbench import executors
from steepest.workbench.analysis import range_test
from steepest.workbench.analysis.range_test import Bracket, OptimizerRange
from steepest.workbench.errors import UsageError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.machines import ray_cluster
from steepest.workbench.model.optimizers import DEFAULT_OPTIMIZERS, choose
from steepest.workbench.model.schedules import CONSTANT
from steepest.workbench.study.chosen import check_numbers
from steepest.workbench.study.range_runs import RangeRuns, RunsByExecutor, RunsHere
from steepest.workbench.task import TaskFunction
from steepest.workbench.training.recipe import OptimizerNames, Recipe
from steepest.workbench.training.task_errors import ReportsTaskErrors
from steepest.workbench.training.task_source import TaskSource, load_task
from steepest.workbench.training.trainer import Trainer

SHORT_RUNS = 5
"""Rates of the bracket that are tried in short runs."""
SHORT_PART = 5
"""A short run is a fifth of a run."""
SHORT_STEPS = 50
"""Of a short run, at least; the length of the whole run where that has fewer."""
EXTENSIONS = 2
"""How often a bracket is lengthened at the end at which the best rate stands."""


@dataclass(frozen=True)
class RangeTest:
    """The finished range tests of several optimizers on one task.

    Args:
        task: Its name.
        metric: By which the short runs were compared.
        found: One for each optimizer.
    """

    task: str
    metric: str
    found: list[OptimizerRange]

    def __getitem__(self, optimizer: str) -> OptimizerRange:
        return next(one for one in self.found if one.candidate.name == optimizer)

    def summary(self) -> str:
        """The table, as text."""
        from steepest.workbench.report.range_table import text

        return text(self.found, self.metric)

    def as_data(self) -> dict[str, Any]:
        """The same for a program; the rates of an optimizer are null where nothing trained."""
        return {
            "task": self.task,
            "metric": self.metric,
            "optimizers": [
                {
                    "optimizer": one.candidate.name,
                    **({"low": None, "high": None, "default": None} if one.bracket is None else vars(one.bracket)),
                    "tried": [list(pair) for pair in one.tried],
                    "call": None if one.bracket is None else one.call(),
                }
                for one in self.found
            ],
        }

    def save(self, path: str | Path) -> None:
        """Draw the curves of all optimizers into a PNG, SVG or HTML file."""
        from steepest.workbench.analysis.range_figure_data import range_figure_data
        from steepest.workbench.report.figures.range_test import save

        save(range_figure_data(self.task, self.found), Path(path))


def lr_range(
    task: str | TaskFunction,
    optimizers: Sequence[str | Candidate | Callable[..., Any]] = DEFAULT_OPTIMIZERS,
    seeds: int = 3,
    *,
    steps: int | None = None,
    tell: Callable[[str], None] = lambda said: None,
    workers: int | None = None,
    ray: str | None = None,
    cpus_per_run: int = 1,
    gpus_per_run: float = 0.0,
) -> RangeTest:
    """Find between which rates each optimizer trains this task, and a rate to begin with.

    Three runs with a rising rate say where the loss begins to fall, falls fastest and is lowest; short runs at rates
    between them confirm it.  Nothing of the caller's is changed: each run has a model, data order and random state of
    its own, and a model that the task returns again gets its values back.

    Args:
        task: A built-in problem's name, `FILE.py:function`, or a function `task(seed)` that returns a `Task`.
        optimizers: Names, optimizer classes, or `Candidate`s.
        seeds: Runs with a rising rate, for each optimizer.
        steps: Length of a whole run, of which the short ones are a fifth; the task's own if None.
        tell: Is told which optimizer begins.
        workers: As for `compare`.
        ray: As for `compare`.
        cpus_per_run: As for `compare`.
        gpus_per_run: As for `compare`.

    Raises:
        UsageError: An argument cannot be used.
        TaskError: The task raised.

    >>> tested = lr_range("digits-mlp", ["adam"], seeds=1)
    >>> 0.001 < tested["adam"].bracket.default < 0.1
    True
    """
    if seeds < 1:
        raise UsageError(f"seeds={seeds} leaves no run to learn from; give at least 1, better 3.")
    check_numbers(steps=steps, workers=workers)
    cluster = ray_cluster(ray, cpus_per_run, gpus_per_run)
    if cluster is None and workers in (None, 1):
        return _tested(task, optimizers, seeds, steps, tell, None)
    executor = executors.start(workers, cluster)
    try:
        executor.prepare(Trainer(Recipe(task, optimizers, CONSTANT, controls=False), seed=seeds))
        return _tested(task, optimizers, seeds, steps, tell, RunsByExecutor(executor))
    finally:
        executor.close()


def _tested(
    task: str | TaskFunction,
    optimizers: OptimizerNames,
    seeds: int,
    steps: int | None,
    tell: Callable[[str], None],
    elsewhere: RangeRuns | None,
) -> RangeTest:
    source, found, metric = load_task(task), [], ""
    for candidate in choose(optimizers):
        tell(candidate.name)
        with ReportsTaskErrors(source.name, f"in the range test of {candidate.name}"):
            short_runs = _ShortRuns(source, candidate, seeds, steps, elsewhere)
            curves = short_runs.runs.rising(candidate, seeds)
            suggested = range_test.bracket(curves)
            metric = short_runs.metric
            confirmed = None if suggested is None else short_runs.confirm(suggested)
        found.append(OptimizerRange(candidate, curves, suggested, sorted(short_runs.tried.items()), confirmed))
    return RangeTest(source.name, metric, found)


class _ShortRuns:
    """Short runs of one optimizer, with a seed that no run with a rising rate had."""

    def __init__(
        self, source: TaskSource, candidate: Candidate, seed: int, steps: int | None, elsewhere: RangeRuns | None
    ) -> None:
        from steepest.workbench.training.contract import checked
        from steepest.workbench.training.isolation import own_randomness

        with own_randomness(seed):
            task = checked(source.make(seed))
        whole = steps or task.steps
        self.steps, self.metric = min(whole, max(SHORT_STEPS, whole // SHORT_PART)), task.metric
        self.sign = -1 if task.higher_is_better else 1
        self.tried: dict[float, float | None] = {}
        self.runs = elsewhere or RunsHere(source, task.model)
        self._initial, self._candidate, self._seed = math.nan, candidate, seed

    def confirm(self, suggested: Bracket) -> Bracket | None:
        """The bracket after short runs at its rates, and beyond an end at which the best rate stands."""
        rates = sorted({*range_test.trial_rates(suggested, SHORT_RUNS), suggested.default})
        self._run(*rates)
        for _ in range(EXTENSIONS):
            further = range_test.next_rate_outside(self.tried, self.sign, range_test.spacing(rates))
            if further is None:
                break
            self._run(further)
        best = range_test.best_rate(self.tried, self.sign)
        found = range_test.confirmed(suggested, self.tried, self._initial, self.sign)
        if found is None or best is None:
            return None
        if found.default not in self.tried:
            self._run(found.default)
        return replace(found, default=best) if self.tried[found.default] is None else found

    def _run(self, *rates: float) -> None:
        from steepest.workbench.model.outcome import TRAINED

        for rate, outcome in zip(rates, self.runs.short(self._candidate, rates, self._seed, self.steps), strict=True):
            self._initial = outcome.trace.first(self.metric)
            final = outcome.final(self.metric)
            trained = outcome.status == TRAINED and final is not None and math.isfinite(final)
            self.tried[rate] = final if trained else None
