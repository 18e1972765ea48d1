"""One worker process, as the conducting process sees it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from steepest.workbench.executors.worker import work
from steepest.workbench.model.job import Job

GONE = "gone"
"""The message of a worker that has ended."""


class WorkerHandle:
    """One worker process, and the runs that it makes, one or a group.

    Args:
        context: Of multiprocessing.
        place: The worker's number.
    """

    def __init__(self, context: Any, place: int) -> None:
        self.context, self.place, self.recipe = context, place, b""
        self.ready = False  # stays true: a process that could begin once can begin again
        self.begin()

    def begin(self) -> None:
        """Start the process, and send it the recipe that the one before had."""
        self.connection: Connection
        self.connection, workers_end = self.context.Pipe()
        # Not a daemon: daemons may have no children, and a DataLoader with workers has some.  `end` kills the process
        # all the same, and the process ends by itself when this one is gone.
        self.process: BaseProcess = self.context.Process(target=work, args=(workers_end,))
        self.process.start()
        workers_end.close()
        self.jobs: Sequence[Job] = ()
        self.left: set[int] = set()
        """The places of those in `jobs` that have not ended."""
        if self.recipe:
            self.send(self.recipe)

    def prepare(self, recipe: bytes) -> None:
        """Send what it makes its trainer from."""
        self.recipe = recipe
        self.send(recipe)

    def give(self, jobs: Sequence[Job]) -> None:
        """Send a run, or several that are trained at once."""
        self.jobs, self.left = jobs, set(range(len(jobs)))
        self.send(jobs)

    def is_free(self) -> None:
        """Its runs are over."""
        self.jobs, self.left = (), set()

    def send(self, message: Any) -> None:
        """Send a message.  That the process is gone shows where its messages are received."""
        with suppress(OSError):
            self.connection.send(message)

    def receive(self) -> tuple[Any, ...]:
        """Its next message."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):  # it ended between two messages, or in the middle of one
            return (GONE,)

    def end(self) -> None:
        """Kill it: a worker stores nothing that the record does not have."""
        self.process.kill()
        self.process.join()
        self.connection.close()
