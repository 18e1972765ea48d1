"""Who makes the runs of a study: this process alone, or workers of their own beside it.

Either is given jobs and gives back outcomes; neither knows the record, which has one writer.
"""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, Protocol

from steepest.workbench.asking.order import Order
from steepest.workbench.conducting.watcher import Watcher
from steepest.workbench.conducting.worker import DONE, ERROR, READY, STOP, TICK, work
from steepest.workbench.errors import TaskError, UsageError, WorkbenchError
from steepest.workbench.training.jobs import Job, Stop, Workshop

if TYPE_CHECKING:
    from steepest.workbench.training.trace import Outcome

DEATHS = 3
"""Of workers over one run, after which it is not tried again: it is the run that kills them."""


class Crew(Protocol):
    """Makes runs."""

    def make(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Outcome]]:
        """The outcome of each job.  The next job is asked for when the outcomes before have been taken."""
        ...

    def close(self) -> None:
        """Leave nobody behind."""


class Alone:
    """Makes one run after the other in this process."""

    def __init__(self, workshop: Workshop, stop: Stop, watcher: Watcher) -> None:
        self.workshop, self.stop, self.watcher = workshop, stop, watcher

    def make(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Outcome]]:
        """As `Crew` says."""
        for job in jobs:
            if self.stop():
                return
            self.watcher.run(job.key, job.steps)
            yield job, self.workshop.make(job, self.stop, self.watcher.tick)

    def close(self) -> None:
        """There is nobody."""


class Workers:
    """Makes as many runs at a time as there are processes; the run of one that was killed is made again.

    Args:
        order: From which each process makes the task and the optimizers itself.
        count: How many processes.
        kept: What has become of the runs before, said where one raises.
        stop: Whether to end early.
        watcher: Is told what happens.

    Raises:
        UsageError: The order cannot be handed to another process.
    """

    def __init__(self, order: Order, count: int, kept: str, stop: Stop, watcher: Watcher) -> None:
        self.stop, self.watcher = stop, watcher
        try:
            self.order = pickle.dumps((order, kept, _threads_each(count)))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UsageError(
                f"workers={count} needs a task and optimizers that other processes can import, and this is not "
                f"({error}); write them into a file and give FILE.py:NAME, or use one worker."
            ) from None
        self.context = multiprocessing.get_context("spawn")
        self.hands = [_Hand(self.context, self.order, place) for place in range(count)]
        self.deaths: dict[Job, int] = {}
        self.failure: WorkbenchError | None = None
        self.told = False

    def make(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, Outcome]]:
        """As `Crew` says."""
        while True:
            self._hand_out(jobs)
            busy = {hand.connection: hand for hand in self.hands if hand.job is not None}
            if not busy:
                break
            for connection in wait(list(busy), timeout=0.2):
                yield from self._hear(busy[connection])  # type: ignore[index]
        if self.failure is not None:
            raise self.failure

    def _hand_out(self, jobs: Iterator[Job]) -> None:
        if self.stop() or self.failure is not None:
            self._tell_to_stop()
            return
        for hand in self.hands:
            if hand.job is None and (job := next(jobs, None)) is not None:
                self.watcher.run(job.key, job.steps, hand.place)
                hand.give(job)

    def _tell_to_stop(self) -> None:
        if not self.told:
            self.told = True
            for hand in self.hands:
                hand.tell(STOP)

    def _hear(self, hand: _Hand) -> Iterator[tuple[Job, Outcome]]:
        try:
            kind, *said = hand.connection.recv()
        except (EOFError, OSError):  # gone between two messages, or in the middle of one
            self._replace(hand)
            return
        if kind == READY:
            hand.ready = True
        elif kind == TICK:
            self.watcher.tick(said[0], hand.place)
        elif kind == ERROR and self.failure is None:
            self.failure = TaskError(*said)
        if kind in (DONE, ERROR):
            job, hand.job = hand.job, None
            if kind == DONE and job is not None:
                yield job, said[0]

    def _replace(self, hand: _Hand) -> None:
        """A worker is gone: another makes its run, from the start."""
        job = hand.job
        hand.end()
        assert job is not None
        if self.stop():  # Ctrl-C reaches a process that has not begun to ignore it
            hand.job = None
            return
        if not hand.ready:
            raise WorkbenchError(
                "A worker ended before it could begin: the task and the optimizers must be importable by another "
                "process.  In a script, call compare() under `if __name__ == '__main__':`; in a notebook, write them "
                "into a file and give FILE.py:NAME."
            )
        self.deaths[job] = self.deaths.get(job, 0) + 1
        if self.deaths[job] >= DEATHS:
            raise WorkbenchError(
                f"{DEATHS} workers were killed while they trained {job.key}, perhaps for memory; the runs before are "
                "kept. Use fewer workers, or a smaller batch."
            )
        hand.begin()
        hand.give(job)

    def close(self) -> None:
        """End every process, whatever it does."""
        for hand in self.hands:
            hand.end()


class _Hand:
    """One worker process, and the run that it has."""

    def __init__(self, context: Any, order: bytes, place: int) -> None:
        self.context, self.order, self.place = context, order, place
        self.ready = False  # stays true: a process that has begun once can begin again
        self.begin()

    def begin(self) -> None:
        """Start the process."""
        self.connection: Connection
        self.connection, theirs = self.context.Pipe()
        # No daemon: these may have no children, and a DataLoader with workers has some.  `end` kills it all the same,
        # and it ends by itself where the driver is gone.
        self.process: BaseProcess = self.context.Process(target=work, args=(theirs, self.order))
        self.process.start()
        theirs.close()
        self.job: Job | None = None

    def give(self, job: Job) -> None:
        """Hand it a run."""
        self.job = job
        self.tell(job)

    def tell(self, what: Any) -> None:
        """Send it something; one that is gone is noticed where it is listened to."""
        with suppress(OSError):
            self.connection.send(what)

    def end(self) -> None:
        """Kill it; a worker keeps nothing that the record does not have."""
        self.process.kill()
        self.process.join()
        self.connection.close()


def _threads_each(workers: int) -> int:
    import torch

    return max(1, torch.get_num_threads() // workers)
