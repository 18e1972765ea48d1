"""Runs that are made in several processes of this machine at the same time."""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from collections.abc import Iterator
from multiprocessing.connection import wait
from typing import TYPE_CHECKING

from steepest.workbench.errors import TaskError, UsageError, WorkbenchError
from steepest.workbench.executors.executor import Supervisor
from steepest.workbench.executors.worker import AT_STEP, DONE, ERROR, EVALUATED, READY, STOP
from steepest.workbench.executors.worker_handle import GONE, WorkerHandle
from steepest.workbench.model.job import Job
from steepest.workbench.training.trainer import Trainer

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome

ATTEMPTS = 3
"""How often a run is begun whose worker is killed: after that, the run is what kills workers."""


class WorkerProcesses:
    """Makes as many runs at a time as there are processes.  The run of a process that was killed is made again.

    The processes start at once, before the recipe is known: importing torch takes seconds.

    Args:
        count: The number of processes.

    Raises:
        UsageError: This process may not start others.
    """

    def __init__(self, count: int) -> None:
        _check_may_start_processes(count)
        self.count = count
        context = multiprocessing.get_context("spawn")
        self.workers = [WorkerHandle(context, place) for place in range(count)]
        self.killed: dict[Job, int] = {}
        self.failure: WorkbenchError | None = None
        self.stop_sent = False

    def prepare(self, trainer: Trainer) -> None:
        """Send each process the recipe and the seed from which it makes its own trainer.

        Raises:
            UsageError: The recipe cannot be sent to other processes.
        """
        try:
            recipe = pickle.dumps((trainer.recipe, trainer.seed, self.count))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UsageError(
                f"workers={self.count} needs a task and optimizers that other processes can import, and this is not "
                f"({error}); write them into a file and give FILE.py:NAME, or use one worker."
            ) from None
        for worker in self.workers:
            worker.prepare(recipe)

    def run(self, jobs: Iterator[Job | None], supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        """As `Executor` says."""
        while True:
            self._give_jobs(jobs, supervisor)
            busy = {worker.connection: worker for worker in self.workers if worker.job is not None}
            if not busy:
                break
            for connection in wait(list(busy), timeout=0.2):
                yield from self._receive(busy[connection], supervisor)  # type: ignore[index]
        if self.failure is not None:
            raise self.failure

    def _give_jobs(self, jobs: Iterator[Job | None], supervisor: Supervisor) -> None:
        if supervisor.stop_requested() or self.failure is not None:
            self._send_stop()
            return
        for worker in self.workers:
            if worker.job is None and (job := next(jobs, None)) is not None:
                supervisor.started(job, worker.place)
                worker.give(job)

    def _send_stop(self) -> None:
        if not self.stop_sent:
            self.stop_sent = True
            for worker in self.workers:
                worker.send(STOP)

    def _receive(self, worker: WorkerHandle, supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        job = worker.job
        assert job is not None
        kind, *content = worker.receive()
        if kind == GONE:
            self._replace(worker, job, supervisor)
        elif kind == READY:
            worker.ready = True
        elif kind == AT_STEP:
            supervisor.at_step(job, content[0], worker.place)
        elif kind == EVALUATED:
            ends = supervisor.evaluated(job, content[0], content[1], worker.place)
            if job.may_be_pruned:
                worker.send(ends)
        elif kind == ERROR:
            worker.job = None
            self.failure = self.failure or TaskError(*content)
        elif kind == DONE:
            worker.job = None
            yield job, content[0]

    def _replace(self, worker: WorkerHandle, job: Job, supervisor: Supervisor) -> None:
        """Start another process in the place of one that is gone; it makes the run from the start."""
        worker.end()
        if supervisor.stop_requested():  # Ctrl-C reaches a process that does not ignore it yet
            worker.job = None
            return
        if not worker.ready:
            raise WorkbenchError(
                "A worker ended before it could begin: the task and the optimizers must be importable by another "
                "process.  In a script, call compare() under `if __name__ == '__main__':`; in a notebook, write them "
                "into a file and give FILE.py:NAME."
            )
        self.killed[job] = self.killed.get(job, 0) + 1
        if self.killed[job] >= ATTEMPTS:
            raise WorkbenchError(
                f"{ATTEMPTS} workers were killed while they trained {job.key}, perhaps for memory; the runs before are "
                "kept. Use fewer workers, or a smaller batch."
            )
        worker.begin()
        worker.give(job)

    def close(self) -> None:
        """End every process, also in the middle of a run; a second call does nothing."""
        for worker in self.workers:
            worker.end()


def _check_may_start_processes(count: int) -> None:
    if multiprocessing.current_process().daemon:
        raise UsageError(f"workers={count} cannot be started by a daemonic process; use one worker there.")
    main = sys.modules.get("__mp_main__")  # as which a new process runs the script, before it knows its parent
    if main is not None and main.__name__ == "__mp_main__" and multiprocessing.parent_process() is None:
        raise SystemExit(  # a traceback of each worker would hide the sentence
            "A worker imported the script that began the study, and the script begins another; call compare() under "
            "`if __name__ == '__main__':`."
        )
