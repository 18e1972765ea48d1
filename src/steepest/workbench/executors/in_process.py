"""Runs that are made in this process, one after the other or one group after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from steepest.workbench.errors import WorkbenchError
from steepest.workbench.executors.executor import Supervisor, one_by_one
from steepest.workbench.model.job import Job
from steepest.workbench.training.trainer import Trainer

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome


class InProcess:
    """Makes one run, or one group of runs, after the other in this process."""

    count = 1

    def __init__(self) -> None:
        self.trainer: Trainer | None = None

    def prepare(self, trainer: Trainer) -> None:
        """Take the trainer."""
        self.trainer = trainer

    def run(self, jobs: Iterator[Job | None], supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        """As `Executor` says."""
        return self.run_together(one_by_one(jobs), supervisor)

    def run_together(
        self, groups: Iterator[Sequence[Job] | None], supervisor: Supervisor
    ) -> Iterator[tuple[Job, Outcome]]:
        """As `GroupExecutor` says."""
        for jobs in groups:
            if supervisor.stop_requested():  # then the next group may wait for the run that was interrupted
                return
            assert jobs is not None, "no other run is under way, so none is waited for"
            for job in jobs:
                supervisor.started(job, 0)
            yield from self._made(jobs, supervisor)

    def _made(self, jobs: Sequence[Job], supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        """The outcomes of a group; those that came before an error too."""
        assert self.trainer is not None
        outcomes: list[tuple[Job, Outcome]] = []
        failure: WorkbenchError | None = None
        try:
            self.trainer.train_together(
                jobs,
                supervisor.stop_requested,
                lambda step: supervisor.at_step(jobs[0], step, 0),
                lambda place, step, value: supervisor.evaluated(jobs[place], step, value, 0),
                lambda place, outcome: outcomes.append((jobs[place], outcome)),
            )
        except WorkbenchError as error:
            failure = error
        yield from outcomes
        if failure is not None:
            raise failure

    def close(self) -> None:
        """There is no other process."""
