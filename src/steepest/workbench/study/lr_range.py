"""`lr_range`: between which learning rates to search, and with which to begin, for each optimizer on one task."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from steepest.workbench.errors import UsageError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.loading import Source, load
from steepest.workbench.model.optimizers import DEFAULT, choose
from steepest.workbench.task import TaskFunction
from steepest.workbench.training import rising_run as range_test
from steepest.workbench.training.rising_run import Bracket, Curve
from steepest.workbench.training.task_errors import Explaining

TRIALS = 5
"""Rates of the bracket that are tried in short runs."""
PART = 5
"""A short run is a fifth of a run."""
LEAST = 50
"""Steps of a short run, at least; of the whole run, where that has fewer."""
NEARLY = 0.98
"""Of the best short run's improvement: rates that keep as much are not told apart, and their middle counts."""
WAY = 0.8
"""How far, on the logarithmic scale, the default is from the low end to there: a short run likes a rate that is too
large for a whole one.  Chosen with `NEARLY` on `digits-mlp` and `text-lstm`, where 0.75 to 0.85 of the way is within a
factor 3 of a sweep's best for SGD, momentum, RMSprop and Adam in at least 18 of 20; two thirds is too little for SGD on
`text-lstm` (8 of 20), all the way too much for momentum on `digits-mlp`.  See benchmarks/range_rules.py."""
EXTENSIONS = 2
"""How often a bracket is lengthened at the end at which the best rate stands."""


@dataclass(frozen=True)
class Found:
    """What was found for one optimizer.

    Args:
        candidate: The optimizer.
        curves: Its rising runs.
        suggested: What they suggest; None where no loss ever fell.
        tried: (rate, metric) of the short runs; None for a metric that was not finite or worse than at first.
        bracket: What was suggested, lengthened where the short runs asked for it, with its default on the way from its
            low end to the middle of those that did nearly as well as the best.
    """

    candidate: Candidate
    curves: list[Curve]
    suggested: Bracket | None
    tried: list[tuple[float, float | None]] = field(default_factory=list)
    bracket: Bracket | None = None

    def call(self) -> str:
        """The line to paste."""
        rate = f"{self.bracket.default:g}" if self.bracket else "..."
        return self.candidate.call().replace("RATE", rate)


@dataclass(frozen=True)
class RangeTest:
    """The finished tests of several optimizers on one task.

    Args:
        task: Its name.
        metric: What the short runs were judged by.
        found: One for each optimizer.
    """

    task: str
    metric: str
    found: list[Found]

    def __getitem__(self, optimizer: str) -> Found:
        return next(one for one in self.found if one.candidate.name == optimizer)

    def summary(self) -> str:
        """The table, as text."""
        from steepest.workbench.report.range_figure import text

        return text(self)

    def save(self, path: str | Path) -> None:
        """Draw the curves of all optimizers into a PNG, SVG or HTML file."""
        from steepest.workbench.report.range_figure import save

        save(self, Path(path))


def lr_range(
    task: str | TaskFunction,
    optimizers: Sequence[str | Candidate | Callable[..., Any]] = DEFAULT,
    seeds: int = 3,
    *,
    steps: int | None = None,
    tell: Callable[[str], None] = lambda said: None,
) -> RangeTest:
    """Find between which rates each optimizer trains this task, and a rate to begin with.

    Three runs with a rising rate say where the loss begins to fall, falls fastest and is lowest; short runs at rates
    between confirm it.  Nothing of the caller's is changed: each run has a model, data order and random state of its
    own, and a model that the task hands out again is given back its values.

    Args:
        task: A built-in problem's name, `FILE.py:function`, or a function `task(seed)` that returns a `Task`.
        optimizers: Names, optimizer classes, or `Candidate`s.
        seeds: Rising runs of each optimizer.
        steps: Length of a whole run, of which the short ones are a fifth; the task's own if None.
        tell: Is told what begins.

    Raises:
        UsageError: An argument cannot be used.
        TaskError: The task raised.

    >>> tested = lr_range("digits-mlp", ["adam"], seeds=1)
    >>> 0.001 < tested["adam"].bracket.default < 0.1
    True
    """
    if seeds < 1:
        raise UsageError(f"seeds={seeds} leaves no run to learn from; give at least 1, better 3.")
    if steps is not None and steps < 1:
        raise UsageError(f"steps={steps} trains nothing; give at least 1, or leave it out for the task's own number.")
    source, found, metric = load(task), [], ""
    for candidate in choose(optimizers):
        tell(candidate.name)
        with Explaining(source.name, f"in the range test of {candidate.name}"):
            curves = [range_test.curve(source.make, candidate, seed) for seed in range(seeds)]
            suggested = range_test.bracket(curves)
            trials = _Trials(source, candidate, seeds, steps)
            tried = {} if suggested is None else trials.of(suggested)
            metric = trials.metric
            confirmed = _confirmed(suggested, tried, trials)
        found.append(Found(candidate, curves, suggested, sorted(tried.items()), confirmed))
    return RangeTest(source.name, metric, found)


class _Trials:
    """Short runs of one optimizer, with a seed that no rising run had."""

    def __init__(self, source: Source, candidate: Candidate, seed: int, steps: int | None) -> None:
        from steepest.workbench.training.contract import checked
        from steepest.workbench.training.isolation import own_randomness

        with own_randomness(seed):
            task = checked(source.make(seed))
        whole = steps or task.steps
        self.steps, self.metric, self.sign = (
            min(whole, max(LEAST, whole // PART)),
            task.metric,
            -1 if task.higher_is_better else 1,
        )
        self._model, self.initial = task.model, math.nan
        self._source, self._candidate, self._seed = source, candidate, seed

    def of(self, suggested: Bracket) -> dict[float, float | None]:
        """The metric at rates of the bracket, and beyond an end of it at which the best one stands."""
        rates = sorted({*range_test.trial_rates(suggested, TRIALS), suggested.default})
        tried = {rate: self.final(rate) for rate in rates}
        factor = max(10**0.25, (rates[-1] / rates[0]) ** (1 / max(1, len(rates) - 1)))
        for _ in range(EXTENSIONS):
            best = self.best(tried)
            ends = {min(tried): 1 / factor, max(tried): factor}
            if best not in ends:
                break
            further = float(f"{best * ends[best]:.2g}")
            tried[further] = self.final(further)
        return tried

    def best(self, tried: dict[float, float | None]) -> float | None:
        """The rate that ended best; None where none trained."""
        ended = [(self.sign * value, rate) for rate, value in tried.items() if value is not None]
        return min(ended)[1] if ended else None

    def nearly_best(self, tried: dict[float, float | None]) -> list[float]:
        """The rates that keep nearly all of the best one's improvement; only to be asked where one trained."""
        values = {rate: self.sign * value for rate, value in tried.items() if value is not None}
        lowest = min(values.values())
        limit = lowest + (1 - NEARLY) * (self.sign * self.initial - lowest)
        return [rate for rate, value in values.items() if value <= limit]

    def final(self, rate: float) -> float | None:
        """The metric at the end of a short run; None where it did not train."""
        from steepest.workbench.model.outcome import TRAINED
        from steepest.workbench.training.isolation import given_back
        from steepest.workbench.training.run import Run

        run = Run(self._source.make, self._candidate, rate, self._seed, steps=self.steps)
        with given_back(self._model):  # a task may hand out the same one again
            outcome = run.train()
        self.initial = outcome.trace.first(self.metric)
        final = outcome.final(self.metric)
        return final if outcome.status == TRAINED and final is not None and math.isfinite(final) else None


def _confirmed(suggested: Bracket | None, tried: dict[float, float | None], trials: _Trials) -> Bracket | None:
    best = trials.best(tried)
    if suggested is None or best is None:
        return None
    low, high = min(suggested.low, best), max(suggested.high, best)
    near = trials.nearly_best(tried)
    middle = max(low, math.sqrt(min(near) * max(near)))
    between = float(f"{low * (middle / low) ** WAY:.2g}")
    if between not in tried:
        tried[between] = trials.final(between)
    return Bracket(low, high, best if tried[between] is None else between)
