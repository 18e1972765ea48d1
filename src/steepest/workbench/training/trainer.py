"""Trains the runs of a study, in whichever process they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from itertools import count
from typing import TYPE_CHECKING, Any

from steepest.workbench.errors import TaskError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.cost import Pace
from steepest.workbench.model.half_precision import with_eps_early
from steepest.workbench.model.job import AtStep, EndedOne, Evaluated, EvaluatedOne, Job, StopRequested
from steepest.workbench.model.key import CONTROL, DIAGNOSIS, RANGE, Key, settings_text
from steepest.workbench.model.optimizers import NOTHING, YARDSTICK
from steepest.workbench.model.user_code import in_one_line
from steepest.workbench.training.parameters import bytes_of, has_half_parameters, line_of_parameters, listed_shapes
from steepest.workbench.training.recipe import Recipe
from steepest.workbench.training.task_errors import ReportsTaskErrors
from steepest.workbench.training.verdict import judged_by

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome
    from steepest.workbench.task import Task, TaskFunction
    from steepest.workbench.training.at_once.possible import AtOnce
    from steepest.workbench.training.run import Run

TIMED_STEPS = 20
"""By which the cost of a study is estimated before it begins."""


class Trainer:
    """Trains runs of one task with the candidates of a recipe.

    Args:
        recipe: What the task and the candidates are made from.
        seed: For which the task is made first.

    Raises:
        UsageError: There is no such task.
    """

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.recipe, self.seed = recipe, seed
        self.source = recipe.source()
        self.shapes: dict[str, list[tuple[int, ...]]] = {}
        self.starts: dict[tuple[int, str], list[float]] = {}

    @cached_property
    def first_task(self) -> Task:
        """The task for the first seed, checked.

        Raises:
            TaskError: The task function raised, or returned something else.
            UsageError: The task has no such metric, or the direction of the metric is not known.
        """
        return self.recipe.first_task(self.source, self.seed)

    @property
    def steps(self) -> int:
        """The length of a run."""
        return self.recipe.steps or self.first_task.steps

    @property
    def controls(self) -> bool:
        """Whether usual rates and an optimizer that does nothing run too."""
        return self.recipe.controls

    @property
    def judged_by(self) -> str:
        """Which value of its metric a run is judged by."""
        return judged_by(self.first_task)

    @cached_property
    def candidates(self) -> list[Candidate]:
        """The optimizers, the reference among them."""
        written, found = line_of_parameters(self.first_task), self.recipe.candidates(self.steps)
        if has_half_parameters(self.first_task):
            found = with_eps_early(found)
        return [replace(one, parameters=written) if written else one for one in found]

    def candidate(self, name: str) -> Candidate:
        """The candidate of that name; the controls too."""
        return next(one for one in [*self.candidates, NOTHING, YARDSTICK] if one.name == name)

    def warm_up(self, candidate: Candidate, seed: int) -> Mapping[str, int]:
        """Take two steps, so that the time of no run includes compiling; the bytes of state and of parameters.

        Raises:
            TaskError: The task raised, or broke its contract.
        """
        from steepest.workbench.training.contract import check_first_values
        from steepest.workbench.training.run import Run

        with ReportsTaskErrors(self.source.name, f"in its first two steps with {candidate.name}"):
            run = Run(self.task, candidate, candidate.centre, seed, steps=2)
            trace = run.train().trace
            check_first_values(run.task, trace)
        return {
            "state": bytes_of([one.state_dict()["state"] for one in run.training.optimizers.values()]),
            "parameters": bytes_of(list(run.model.parameters())),
        }

    def card(self, seed: int) -> dict[str, str]:
        """What is trained, in a few words.

        Raises:
            TaskError: The task raised.
        """
        from steepest.workbench.training.card import card_of
        from steepest.workbench.training.isolation import own_randomness

        with ReportsTaskErrors(self.source.name, "while it was described"), own_randomness(seed):
            return card_of(self.task(seed))

    def pace(self, seed: int) -> Pace:
        """How fast the task trains: a few steps of the first candidate, after its warm-up.

        Raises:
            TaskError: The task raised, or broke its contract.
        """
        import time

        from steepest.workbench.training.run import Run

        steps, started = min(TIMED_STEPS, self.steps), time.perf_counter()
        with ReportsTaskErrors(self.source.name, "while its steps were timed"):
            trace = Run(self.task, self.candidates[0], self.candidates[0].centre, seed, steps=steps).train().trace
        return Pace(trace.seconds / max(1, trace.step), max(0.0, time.perf_counter() - started - trace.seconds))

    def task(self, seed: int, **numbers: Any) -> Task:
        """The task for a seed, and with numbers of its own.

        Raises:
            TaskError: The shapes of the model depend on the seed, or its values are not those of the time before.
        """
        from steepest.workbench.training.contract import checked

        made, kind = checked(self.source.make(seed, **numbers)), settings_text(numbers)
        shapes = [tuple(p.shape) for p in made.model.parameters()]
        if (before := self.shapes.setdefault(kind, shapes)) != shapes:
            raise TaskError(
                f"The model has parameters of shapes {listed_shapes(shapes)} for seed {seed} and had "
                f"{listed_shapes(before)} before, so the runs would be of different models; let the seed decide values "
                "and orders alone."
            )
        start = [float(p.detach().double().abs().sum()) for p in made.model.parameters()]
        if self.starts.setdefault((seed, kind), start) != start:
            raise TaskError(
                f"The model begins with other values for seed {seed} than the time before, so a run would go on from "
                "where another ended, or from a draw of its own; make the model inside the task function, after "
                "torch.manual_seed(seed)."
            )
        return made

    def train(self, job: Job, stop: StopRequested, at_step: AtStep, evaluated: Evaluated) -> Outcome:
        """The outcome of a run.

        Args:
            job: The run.
            stop: Whether to interrupt the run; asked after each step.
            at_step: Is told of progress.
            evaluated: Is told of each evaluation; whether to end the run there.

        Raises:
            TaskError: The task raised, or broke its contract.
        """
        with ReportsTaskErrors(self.source.name, f"with {job.key}"):
            if job.key.phase == RANGE:
                return self._rising(job, stop, at_step)
            return self._run(job).train(stop, at_step, evaluated)

    def train_together(
        self,
        jobs: Sequence[Job],
        stop: StopRequested,
        at_step: AtStep,
        evaluated: EvaluatedOne,
        ended: EndedOne,
    ) -> None:
        """Train runs of one length and one kind of task at once; one by one where that turns out not to work.

        Args:
            jobs: The runs.
            stop: Whether to interrupt them; asked after each step.
            at_step: Is told of progress.
            evaluated: Is told the place of a run in `jobs`, the step and the metric; whether to end that run there.
            ended: Is told the place of each run that has ended or was interrupted, and its outcome.

        Raises:
            TaskError: The task raised, or broke its contract.
        """
        left = dict(enumerate(jobs))

        def tell(place: int, outcome: Outcome) -> None:
            del left[place]
            ended(place, outcome)

        if len(jobs) > 1:
            self._train_at_once(jobs, stop, at_step, evaluated, tell)
        for place, job in list(left.items()):
            if stop():
                return
            tell(place, self.train(job, stop, at_step, partial(evaluated, place)))

    def _train_at_once(
        self, jobs: Sequence[Job], stop: StopRequested, at_step: AtStep, evaluated: EvaluatedOne, ended: EndedOne
    ) -> None:
        from steepest.workbench.training.at_once.runs import NotAtOnce, RunsAtOnce
        from steepest.workbench.training.at_once.shared import TasksOfSeeds

        make = TasksOfSeeds(partial(self.task, **self._numbers(jobs[0])))
        when = f"with {jobs[0].key} and {len(jobs) - 1} more runs"
        with ReportsTaskErrors(self.source.name, when), suppress(NotAtOnce):
            RunsAtOnce([self._run(job, make) for job in jobs], ended).train(stop, at_step, evaluated)

    def tried_at_once(self, job: Job, measured: bool = True) -> AtOnce:
        """Whether runs like this one can be trained at once, by a few steps.

        Args:
            job: The run.
            measured: Whether they must be faster than one by one.
        """
        from steepest.workbench.training.at_once.possible import AtOnce
        from steepest.workbench.training.at_once.trial import tried

        try:
            make = partial(self.task, **self._numbers(job))
            return tried(make, self.candidates[0], self.seed, job.steps, measured)
        except Exception as error:  # whatever it is, the runs may be made alone, which says what is wrong
            return AtOnce(why=in_one_line(error))

    def kind_of_task(self, job: Job) -> str:
        """What runs at once must have in common, beside their length: the numbers with which the task is made."""
        return settings_text(self._numbers(job))

    def _numbers(self, job: Job) -> dict[str, Any]:
        return self._candidate_of(job.key).task_values(job.key.values)

    def _candidate_of(self, key: Key) -> Candidate:
        return NOTHING if key.phase == CONTROL else self.candidate(key.optimizer)

    def _run(self, job: Job, make: TaskFunction | None = None) -> Run:
        from steepest.workbench.training.run import Run

        key = job.key
        candidate = self._candidate_of(key)
        return Run(
            make or partial(self.task, **self._numbers(job)),
            candidate,
            key.rate,
            key.seed,
            steps=job.steps,
            saved=job.saved,
            settings=key.values,
            measures_steps=key.phase == DIAGNOSIS,
        )

    def _rising(self, job: Job, stop: StopRequested, at_step: AtStep) -> Outcome:
        import time

        from steepest.workbench.model.outcome import INTERRUPTED, TRAINED, Outcome, Trace
        from steepest.workbench.training.rising_run import continued_rising_run

        started = time.perf_counter()
        taken = count(1)

        def stops() -> bool:
            at_step(next(taken))
            return stop()

        candidate = self.candidate(job.key.optimizer)
        found, saved = continued_rising_run(self.task, candidate, job.key.seed, job.steps, stops, job.saved)
        seconds = time.perf_counter() - started
        steps = len(found.losses)
        points = [(step, seconds * step / steps, loss) for step, loss in enumerate(found.losses, 1)]
        return Outcome(TRAINED if saved is None else INTERRUPTED, "", Trace(steps, seconds, points), saved)
