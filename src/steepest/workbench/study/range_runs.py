"""Where the runs of a range test are made: one after the other in this process, or by an executor."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol

from steepest.workbench.executors.executor import Executor
from steepest.workbench.model import rising
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.job import Job
from steepest.workbench.model.key import RANGE, SEARCH, Key
from steepest.workbench.model.rising import RisingCurve, rising_rates
from steepest.workbench.training.task_source import TaskSource

if TYPE_CHECKING:
    import torch

    from steepest.workbench.model.outcome import Outcome


class RangeRuns(Protocol):
    """Makes the runs of a range test."""

    def rising(self, candidate: Candidate, seeds: int) -> list[RisingCurve]:
        """Runs with a rising rate, with the seeds 0, 1, ..."""
        ...

    def short(self, candidate: Candidate, rates: Sequence[float], seed: int, steps: int) -> list[Outcome]:
        """Short runs, one at each rate."""
        ...


class RunsHere:
    """Makes the runs in this process.

    Args:
        source: The task.
        model: Of a task that was made before: a task may return the same model again, which gets its values back.
    """

    def __init__(self, source: TaskSource, model: torch.nn.Module) -> None:
        self._source, self._model = source, model

    def rising(self, candidate: Candidate, seeds: int) -> list[RisingCurve]:
        """As `RangeRuns` says."""
        from steepest.workbench.training.rising_run import rising_run

        return [rising_run(self._source.make, candidate, seed) for seed in range(seeds)]

    def short(self, candidate: Candidate, rates: Sequence[float], seed: int, steps: int) -> list[Outcome]:
        """As `RangeRuns` says."""
        from steepest.workbench.training.isolation import restored
        from steepest.workbench.training.run import Run

        found = []
        for rate in rates:
            run = Run(self._source.make, candidate, rate, seed, steps=steps)
            with restored(self._model):
                found.append(run.train())
        return found


class RunsByExecutor:
    """Has the runs made by an executor, several at a time.

    Args:
        executor: That has been prepared.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def rising(self, candidate: Candidate, seeds: int) -> list[RisingCurve]:
        """As `RangeRuns` says."""
        keys = [Key(RANGE, candidate.name, candidate.centre, seed) for seed in range(seeds)]
        rates, curves = rising_rates(candidate.centre, rising.STEPS), []
        for key, outcome in zip(keys, self._made(keys, rising.STEPS), strict=True):
            losses = [loss for _, _, loss in outcome.trace.curve]
            curves.append(RisingCurve(key.seed, rates[: len(losses)], losses))
        return curves

    def short(self, candidate: Candidate, rates: Sequence[float], seed: int, steps: int) -> list[Outcome]:
        """As `RangeRuns` says."""
        return self._made([Key(SEARCH, candidate.name, rate, seed) for rate in rates], steps)

    def _made(self, keys: Sequence[Key], steps: int) -> list[Outcome]:
        jobs: Iterator[Job] = (Job(key, steps) for key in keys)
        made = {job.key: outcome for job, outcome in self._executor.run(jobs, _NobodyWatches())}
        return [made[key] for key in keys]


class _NobodyWatches:
    """The supervisor of a range test, which nobody stops but by ending the process."""

    def stop_requested(self) -> bool:
        return False

    def started(self, job: Job, worker: int) -> None:
        pass

    def at_step(self, job: Job, step: int, worker: int) -> None:
        pass

    def evaluated(self, job: Job, step: int, value: float, worker: int) -> bool:
        return False
