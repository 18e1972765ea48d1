"""The interface of executors: an executor makes the runs of a study, in this process or elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

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


@runtime_checkable
class GroupExecutor(Executor, Protocol):
    """An executor that can also make several runs at once at each of its places."""

    def run_together(
        self, groups: Iterator[Sequence[Job] | None], supervisor: Supervisor
    ) -> Iterator[tuple[Job, Outcome]]:
        """The outcome of each job, as `run` gives them; the jobs of a group are trained at once.

        Where `groups` gives None there is none until another outcome has been taken, as for `run`.  The supervisor is
        told of each run, and of the steps of a group once.

        Raises:
            TaskError: The task raised, or broke its contract.
        """
        ...


def one_by_one(jobs: Iterator[Job | None]) -> Iterator[Sequence[Job] | None]:
    """Each job as a group of its own."""
    return (None if job is None else (job,) for job in jobs)
