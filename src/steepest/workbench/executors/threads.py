"""Runs that train in processes of their own, as scripts do: a thread of this process waits for each of them."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from steepest.workbench.executors.executor import Supervisor
from steepest.workbench.model.job import AtStep, Evaluated, Job, StopRequested

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome

_LOOKS = 0.2
"""Seconds between two questions whether to stop."""


class Trains(Protocol):
    """A trainer, as far as this executor needs it."""

    def train(self, job: Job, stop: StopRequested, at_step: AtStep, evaluated: Evaluated) -> Outcome:
        """The outcome of a run."""
        ...


@dataclass
class _Message:
    """What a thread says: an event of its run, or how it ended.  `answer` is put where it waits for one."""

    place: int
    kind: str
    content: tuple[Any, ...] = ()
    answer: queue.SimpleQueue[bool] | None = None


class Threads:
    """Makes as many runs at a time as there are threads.  What they say is heard in the thread of the study alone.

    Args:
        count: The number of threads.
    """

    def __init__(self, count: int) -> None:
        self.count, self.trainer = count, None
        self._inbox: queue.SimpleQueue[_Message] = queue.SimpleQueue()
        self._stop = threading.Event()
        self._jobs: dict[int, Job] = {}
        self._threads: dict[int, threading.Thread] = {}
        self._failure: BaseException | None = None

    def prepare(self, trainer: Trains) -> None:
        """Take the trainer."""
        self.trainer: Trains | None = trainer

    def run(self, jobs: Iterator[Job | None], supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        """As `Executor` says."""
        while True:
            self._give_jobs(jobs, supervisor)
            if not self._jobs:
                break
            try:
                message = self._inbox.get(timeout=_LOOKS)
            except queue.Empty:
                continue
            yield from self._receive(message, supervisor)
        if self._failure is not None:
            raise self._failure

    def _give_jobs(self, jobs: Iterator[Job | None], supervisor: Supervisor) -> None:
        if supervisor.stop_requested() or self._failure is not None:
            self._stop.set()
            return
        for place in range(self.count):
            if place not in self._jobs and (job := next(jobs, None)) is not None:
                supervisor.started(job, place)
                self._begin(job, place)

    def _begin(self, job: Job, place: int) -> None:
        self._jobs[place] = job
        thread = threading.Thread(target=self._make, args=(job, place), daemon=True)
        self._threads[place] = thread
        thread.start()

    def _make(self, job: Job, place: int) -> None:
        """In a thread: one run."""
        assert self.trainer is not None

        def at_step(step: int) -> None:
            self._inbox.put(_Message(place, "at step", (step,)))

        def evaluated(step: int, value: float) -> bool:
            answer = queue.SimpleQueue() if job.may_be_pruned else None
            self._inbox.put(_Message(place, "evaluated", (step, value), answer))
            return self._answer(answer) if answer is not None else False

        try:
            outcome = self.trainer.train(job, self._stop.is_set, at_step, evaluated)
        except BaseException as error:  # the study raises it
            self._inbox.put(_Message(place, "error", (error,)))
        else:
            self._inbox.put(_Message(place, "done", (outcome,)))

    def _answer(self, answer: queue.SimpleQueue[bool]) -> bool:
        while not self._stop.is_set():
            try:
                return answer.get(timeout=_LOOKS)
            except queue.Empty:
                continue
        return False

    def _receive(self, message: _Message, supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        place, job = message.place, self._jobs[message.place]
        if message.kind == "at step":
            supervisor.at_step(job, message.content[0], place)
        elif message.kind == "evaluated":
            step, value = message.content
            ends = supervisor.evaluated(job, step, value, place)
            if message.answer is not None:
                message.answer.put(ends)
        else:
            del self._jobs[place]
            if message.kind == "error":
                self._failure = self._failure or message.content[0]
            else:
                yield job, message.content[0]

    def close(self) -> None:
        """End every run; a second call does nothing."""
        self._stop.set()
        for thread in self._threads.values():
            thread.join()
