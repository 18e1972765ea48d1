"""What a worker process does: it makes the runs that it is given, and says what became of them."""

from __future__ import annotations

import importlib
import os
import pickle
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from steepest.workbench.errors import TaskError, WorkbenchError
from steepest.workbench.training.recipe import Order
from steepest.workbench.training.trainer import Workshop

READY, TICK, DONE, ERROR, STOP = "ready", "tick", "done", "error", "stop"


TELLING = 0.1
"""Seconds between two words of how far a run is: as often as the terminal is drawn anew."""


def work(connection: Connection) -> None:
    """Make runs until the other end of the connection is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # they reach the driver, which says when to stop
    sys.stdout = sys.stderr  # what a task prints must not stand between the driver's events
    ears = _Ears(connection)
    importlib.import_module("steepest.workbench.training.run")  # ahead: torch takes seconds
    order, seed, workers = pickle.loads(ears.heard.get())
    _share_threads(workers)
    try:
        workshop = _workshop(order, seed)
    except WorkbenchError as error:
        connection.send(_said(error))
        return
    warm: set[str] = set()
    connection.send((READY,))
    while True:
        job = ears.heard.get()
        connection.send(_made(workshop, job, ears, connection, warm))


def _share_threads(workers: int) -> None:
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // workers))


def _workshop(order: Order, seed: int) -> Workshop:
    source = order.source()
    return Workshop(source, order.candidates(order.length(order.first(source, seed))))


def _made(workshop: Workshop, job: Any, ears: _Ears, connection: Connection, warm: set[str]) -> tuple[Any, ...]:
    candidate = workshop.candidates[job.key.optimizer]
    try:
        if candidate.name not in warm:
            workshop.warm_up(candidate, job.key.seed)
            warm.add(candidate.name)
        return DONE, workshop.make(job, ears.stopped.is_set, _telling(connection))
    except WorkbenchError as error:
        return _said(error)


def _said(error: WorkbenchError) -> tuple[Any, ...]:
    return (ERROR, error.args[0], error.details) if isinstance(error, TaskError) else (ERROR, str(error))


def _telling(connection: Connection) -> Callable[[int], None]:
    told = 0.0

    def tell(step: int) -> None:
        nonlocal told
        if (now := time.monotonic()) - told > TELLING:
            told = now
            connection.send((TICK, step))

    return tell


class _Ears(threading.Thread):
    """Listens while a run is made: asking the connection at every step would cost more than a small step."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(daemon=True)
        self.connection = connection
        self.heard: queue.Queue[Any] = queue.Queue()
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
                    self.heard.put(said)
        except (EOFError, OSError):
            os._exit(1)
