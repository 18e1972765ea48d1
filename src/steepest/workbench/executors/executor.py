"""The interface of executors: an executor makes the runs of a study, in this process or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

from steepest.workbench.model.job import Job
from steepest.workbench.training.trainer import Trainer

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome


class Supervisor(Protocol):
    """The study, as an executor sees it: it is told what happens, and decides which runs end early."""

    def stop_requested(self) -> bool:
        """Whether all runs are to be interrupted."""
        ...

    def started(self, job: Job, worker: int) -> None:
        """A worker starts a run, or continues it."""
        ...

    def at_step(self, job: Job, step: int, worker: int) -> None:
        """The run of a worker has reached this step."""
        ...

    def evaluated(self, job: Job, step: int, value: float, worker: int) -> bool:
        """The run of a worker has been evaluated.  Whether the run ends here; False where it may not be pruned."""
        ...


class Executor(Protocol):
    """Makes runs, several at a time.  It does not know the record, which has one writer."""

    count: int
    """How many runs it makes at a time."""

    def prepare(self, trainer: Trainer) -> None:
        """Take the trainer; other processes make their own from its recipe and its seed.

        Raises:
            UsageError: The recipe cannot be sent to other processes.
        """
        ...

    def run(self, jobs: Iterator[Job | None], supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        """The outcome of each job.  The next job is taken when the outcomes before have been taken.

        Where `jobs` gives None there is no job until another outcome has been taken; it is asked again then.

        Raises:
            TaskError: The task raised, or broke its contract.
        """
        ...

    def close(self) -> None:
        """End every process that was started; a second call does nothing."""
        ...
