"""What a worker process does: it makes the runs that it is given, and says what became of them."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import sys
import threading
from multiprocessing.connection import Connection
from typing import Any

READY, TICK, DONE, ERROR, STOP = "ready", "tick", "done", "error", "stop"


def work(connection: Connection, packed: bytes) -> None:
    """Make runs until the other end of the connection is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they reach the driver, which says when to stop
    sys.stdout = sys.stderr  # what a task prints must not stand between the driver's events
    order, kept, threads = pickle.loads(packed)
    ears = _Ears(connection)
    import torch

    torch.set_num_threads(threads)
    workshop = order.workshop(kept)
    warm: set[str] = set()
    connection.send((READY,))
    while True:
        job = ears.jobs.get()
        connection.send(_made(workshop, job, ears, connection, warm))


def _made(workshop: Any, job: Any, ears: _Ears, connection: Connection, warm: set[str]) -> tuple[Any, ...]:
    from steepest.workbench.errors import TaskError, WorkbenchError

    candidate = workshop.candidates[job.key.optimizer]
    try:
        if candidate.name not in warm:
            workshop.warm_up(candidate, job.key.seed)
            warm.add(candidate.name)
        return DONE, workshop.make(job, ears.stopped.is_set, lambda step: connection.send((TICK, step)))
    except TaskError as error:
        return ERROR, error.args[0], error.details
    except WorkbenchError as error:
        return ERROR, str(error)


class _Ears(threading.Thread):
    """Listens while a run is made: asking the connection at every step would cost more than a small step."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(daemon=True)
        self.connection = connection
        self.jobs: queue.Queue[Any] = queue.Queue()
        self.stopped = threading.Event()
        self.start()

    def run(self) -> None:
        """Until the driver is gone, and then not a step longer."""
        try:
            while True:
                said = self.connection.recv()
                if said == STOP:
                    self.stopped.set()
                else:
                    self.jobs.put(said)
        except (EOFError, OSError):
            os._exit(1)
