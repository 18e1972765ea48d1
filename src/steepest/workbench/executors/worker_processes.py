"""Who makes the runs of a study: this process alone, or workers of their own beside it.

Either is given jobs and gives back outcomes; neither knows the record, which has one writer.
"""

from __future__ import annotations

import multiprocessing
import pickle
import sys
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import TYPE_CHECKING, Any, Protocol

from steepest.workbench.errors import TaskError, UsageError, WorkbenchError
from steepest.workbench.executors.worker import DONE, ERROR, READY, STOP, TICK, work
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.training.recipe import Order
from steepest.workbench.training.trainer import Job, Stop, Workshop

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome

GONE = "gone"
DEATHS = 3
"""Of workers over one run, after which it is not tried again: it is the run that kills them."""


class Crew(Protocol):
    """Makes runs, so many at a time."""

    count: int

    def make(self, jobs: Iterator[Job], stop: Stop, watcher: Watcher) -> Iterator[tuple[Job, Outcome]]:
        """The outcome of each job.  The next job is asked for when the outcomes before have been taken.

        Args:
            jobs: What to make.
            stop: Whether to end early.
            watcher: Is told what happens.
        """
        ...

    def close(self) -> None:
        """Leave nobody behind."""


class Alone:
    """Makes one run after the other in this process."""

    count = 1

    def __init__(self, workshop: Workshop) -> None:
        self.workshop = workshop

    def make(self, jobs: Iterator[Job], stop: Stop, watcher: Watcher) -> Iterator[tuple[Job, Outcome]]:
        """As `Crew` says."""
        for job in jobs:
            if stop():
                return
            watcher.run(job.key, job.steps)
            yield job, self.workshop.make(job, stop, watcher.tick)

    def close(self) -> None:
        """There is nobody."""


class Workers:
    """Makes as many runs at a time as there are processes; the run of one that was killed is made again.

    The processes start at once, whatever they will be told to do: importing torch takes seconds.

    Args:
        count: How many processes.

    Raises:
        UsageError: This process may have no children.
    """

    def __init__(self, count: int) -> None:
        _may_have_children(count)
        self.count = count
        self.stop: Stop = lambda: False
        self.watcher = Watcher()
        context = multiprocessing.get_context("spawn")
        self.hands = [_Hand(context, place) for place in range(count)]
        self.deaths: dict[Job, int] = {}
        self.failure: WorkbenchError | None = None
        self.told = False

    def brief(self, order: Order, seed: int) -> None:
        """Say from what each process makes the task and the optimizers itself, and with which seed it tries them.

        Raises:
            UsageError: The order cannot be handed to another process.
        """
        try:
            packed = pickle.dumps((order, seed, self.count))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise UsageError(
                f"workers={self.count} needs a task and optimizers that other processes can import, and this is not "
                f"({error}); write them into a file and give FILE.py:NAME, or use one worker."
            ) from None
        for hand in self.hands:
            hand.brief(packed)

    def make(self, jobs: Iterator[Job], stop: Stop, watcher: Watcher) -> Iterator[tuple[Job, Outcome]]:
        """As `Crew` says."""
        self.stop, self.watcher = stop, watcher
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
        kind, *said = hand.hear()
        if kind == GONE:
            self._replace(hand)
        elif kind == READY:
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
        """End every process, whatever it does; more than once does nothing."""
        for hand in self.hands:
            hand.end()


def _may_have_children(count: int) -> None:
    if multiprocessing.current_process().daemon:
        raise UsageError(f"workers={count} cannot be started by a daemonic process; use one worker there.")
    main = sys.modules.get("__mp_main__")  # as which a new process runs the script, before it knows its parent
    if main is not None and main.__name__ == "__mp_main__" and multiprocessing.parent_process() is None:
        raise SystemExit(  # a traceback of each worker would bury the sentence
            "A worker imported the script that began the study, and the script begins another; call compare() under "
            "`if __name__ == '__main__':`."
        )


class _Hand:
    """One worker process, and the run that it has."""

    def __init__(self, context: Any, place: int) -> None:
        self.context, self.place, self.order = context, place, b""
        self.ready = False  # stays true: a process that has begun once can begin again
        self.begin()

    def begin(self) -> None:
        """Start the process."""
        self.connection: Connection
        self.connection, theirs = self.context.Pipe()
        # No daemon: these may have no children, and a DataLoader with workers has some.  `end` kills it all the same,
        # and it ends by itself where the driver is gone.
        self.process: BaseProcess = self.context.Process(target=work, args=(theirs,))
        self.process.start()
        theirs.close()
        self.job: Job | None = None
        if self.order:  # it takes the place of one that was killed
            self.tell(self.order)

    def brief(self, order: bytes) -> None:
        """Hand it what it makes runs from."""
        self.order = order
        self.tell(order)

    def give(self, job: Job) -> None:
        """Hand it a run."""
        self.job = job
        self.tell(job)

    def tell(self, what: Any) -> None:
        """Send it something; one that is gone is noticed where it is listened to."""
        with suppress(OSError):
            self.connection.send(what)

    def hear(self) -> tuple[Any, ...]:
        """What it says."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):  # gone between two messages, or in the middle of one
            return (GONE,)

    def end(self) -> None:
        """Kill it; a worker keeps nothing that the record does not have."""
        self.process.kill()
        self.process.join()
        self.connection.close()
