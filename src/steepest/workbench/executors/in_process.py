"""Runs that are made one after the other in this process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from steepest.workbench.executors.executor import Supervisor
from steepest.workbench.model.job import Job
from steepest.workbench.training.trainer import Trainer

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome


class InProcess:
    """Makes one run after the other in this process."""

    count = 1

    def __init__(self) -> None:
        self.trainer: Trainer | None = None

    def prepare(self, trainer: Trainer) -> None:
        """Take the trainer."""
        self.trainer = trainer

    def run(self, jobs: Iterator[Job | None], supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        """As `Executor` says."""
        assert self.trainer is not None
        for job in jobs:
            assert job is not None, "no other run is under way, so none is waited for"
            if supervisor.stop_requested():
                return
            supervisor.started(job, 0)
            outcome = self.trainer.train(
                job,
                supervisor.stop_requested,
                lambda step, job=job: supervisor.at_step(job, step, 0),
                lambda step, value, job=job: supervisor.evaluated(job, step, value, 0),
            )
            yield job, outcome

    def close(self) -> None:
        """There is no other process."""
