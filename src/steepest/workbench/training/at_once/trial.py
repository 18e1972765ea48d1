"""A few steps, at once and one by one: whether the numbers agree, and which is faster."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.diagnostics import RUNS_AT_ONCE
from steepest.workbench.model.job import LEAST_AT_ONCE
from steepest.workbench.model.outcome import Outcome, Trace
from steepest.workbench.task import Task, TaskFunction
from steepest.workbench.training.at_once.possible import AtOnce, most_of, reason_against
from steepest.workbench.training.at_once.runs import NotAtOnce, RunsAtOnce
from steepest.workbench.training.at_once.shared import TasksOfSeeds
from steepest.workbench.training.contract import checked
from steepest.workbench.training.generators import generator_states
from steepest.workbench.training.isolation import own_randomness, same_states
from steepest.workbench.training.run import Run

STEPS, RUNS, ROUNDS = 8, 8, 3
"""Of the trial.  It trains eight runs at once, and three of them alone too, the rounds in turns."""
ALONE = (0, 1, RUNS - 1)
"""Which: two of one seed, and one of the other seed where there are two."""
FASTER = 1.2
"""Times as fast as one by one, at least, with so few runs; with more it is more."""
AGREES, AGREES_IN_HALF = 1e-4, 2e-2
"""Relative difference of losses and metrics, at most.  One step differs by about 1e-6: products of matrices and of many
such products are rounded in different orders."""
MOST_SECONDS = 600.0
"""Of the runs of one group: what a killed process loses at most."""


def tried(make: TaskFunction, candidate: Candidate, seed: int, steps: int, measured: bool = True) -> AtOnce:
    """Whether runs of so many steps can be trained at once, and how many.

    Args:
        make: The function `task(seed)`.
        candidate: The optimizer of the trial.
        seed: One of two.
        steps: Of a run.
        measured: Whether they must be faster than one by one.
    """
    with own_randomness(seed):
        task = checked(make(seed))
    if why := reason_against(task):
        return AtOnce(why=why)
    why = ""
    for one_seed in (False, True):
        try:
            return _tried(make, candidate, [seed, seed if one_seed else seed + 1], steps, measured)
        except NotAtOnce as error:
            why = str(error)
    return AtOnce(why=why)


def _tried(make: TaskFunction, candidate: Candidate, seeds: list[int], steps: int, measured: bool) -> AtOnce:
    trials = [_Trial(make, candidate, seeds, min(STEPS, steps), evaluates=not number) for number in range(ROUNDS)]
    for one in trials:
        one.make()
    first = trials[0]
    for place, alone in first.alone.items():
        if said := _difference(alone.trace, first.at_once[place].trace, first.tolerance):
            raise NotAtOnce(f"{said} of a run differs from that of the same run alone")
    alone = min(one.seconds_alone() for one in trials)
    at_once = min(one.seconds_at_once() for one in trials)
    times = alone / max(at_once, 1e-9)
    if measured and times < FASTER:
        return AtOnce(times=times, why=f"{RUNS} at once were not faster ({times:.2g} times) in a trial")
    most = max(LEAST_AT_ONCE, min(most_of(first.model), int(MOST_SECONDS / (at_once * steps))))
    return AtOnce(most, seeds[0] == seeds[1], times, at_once)


class _Trial:
    """The same short runs at once and alone."""

    def __init__(
        self, make: TaskFunction, candidate: Candidate, seeds: list[int], steps: int, *, evaluates: bool
    ) -> None:
        self.candidate, self.steps, self.evaluates = candidate, steps, evaluates
        self.source, self.seeds = make, [seeds[2 * place // RUNS] for place in range(RUNS)]
        self.at_once: dict[int, Outcome] = {}
        self.alone: dict[int, Outcome] = {}

    def make(self) -> None:
        """Train."""
        for place in ALONE:
            run = self._run(self._short, place)
            self.alone[place] = run.train()
            if self.evaluates and place == 0 and not same_states(*self._own_generators(run)):
                raise NotAtOnce("the task draws from a generator of its own")
        shared = TasksOfSeeds(self._short)
        runs = [self._run(shared, place) for place in range(RUNS)]
        RunsAtOnce(runs, self.at_once.__setitem__).train(lambda: False, lambda step: None, lambda *_: False)
        self.model = runs[0].model
        self.tolerance = AGREES if runs[0].task.autocast is None else AGREES_IN_HALF

    def seconds_alone(self) -> float:
        """Of a step."""
        return sum(one.trace.seconds for one in self.alone.values()) / len(ALONE) / self.steps

    def seconds_at_once(self) -> float:
        """Of a step of one of them."""
        return sum(one.trace.seconds for one in self.at_once.values()) / RUNS / self.steps

    def _run(self, make: TaskFunction, place: int) -> Run:
        rate = self.candidate.centre * 0.5 ** (place % 4)
        return Run(make, self.candidate, rate, self.seeds[place], steps=self.steps)

    def _short(self, seed: int) -> Task:
        task = replace(self.source(seed), evaluations=1, patience=None)
        return task if self.evaluates else replace(task, evaluate=lambda model: {task.metric: 0.0})

    def _own_generators(self, run: Run) -> tuple[Any, Any]:
        """The states of the task's generators before and after the run, without those of the batches."""
        with own_randomness(run.seed):
            before = generator_states(checked(self._short(run.seed)))
        now = generator_states(run.task)
        kept = [name for name in before if not name.startswith("train")]
        return [before[name] for name in kept], [now.get(name) for name in kept]


def _difference(alone: Trace, at_once: Trace, tolerance: float) -> str:
    """What differs; empty where nothing does."""
    losses = zip(alone.curve, at_once.curve, strict=False)
    if len(alone.curve) != len(at_once.curve) or not all(_same(a[2], b[2], tolerance) for a, b in losses):
        return "the loss"
    found = {(step, name): value for step, _, name, value in at_once.metrics if name != RUNS_AT_ONCE}
    for step, _, name, value in alone.metrics:
        if not _same(value, found.get((step, name), math.nan), 10 * tolerance):
            return name
    return ""


def _same(one: float, other: float, tolerance: float) -> bool:
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance) or (math.isnan(one) and math.isnan(other))
