"""What a worker process does: it makes the runs that it is sent, and sends back what became of them."""

from __future__ import annotations

import importlib
import os
import pickle
import queue
import signal
import sys
import threading
import time
from multiprocessing.connection import Connection
from typing import Any

from steepest.workbench.errors import TaskError, WorkbenchError
from steepest.workbench.model.job import Job
from steepest.workbench.training.trainer import Trainer

READY, AT_STEP, EVALUATED, DONE, ERROR = "ready", "at step", "evaluated", "done", "error"
"""What a worker sends first in a message.  READY: it can begin.  AT_STEP, EVALUATED: how its run gets on.  DONE, ERROR:
how its run ended."""
STOP = "stop"
"""What it is sent beside runs and answers: interrupt the run."""
STEPS_EVERY = 0.1
"""Seconds between two messages of how far a run is: the terminal draws as often."""


def work(connection: Connection) -> None:
    """Make runs until the other end of the connection is closed."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the conducting process receives them too, and sends STOP
    sys.stdout = sys.stderr  # stdout is for the events of the conducting process alone
    inbox = _Inbox(connection)
    importlib.import_module("steepest.workbench.training.run")  # ahead of the recipe: torch takes seconds
    recipe, seed, workers = pickle.loads(inbox.messages.get())
    _share_threads(workers)
    try:
        trainer = Trainer(recipe, seed)
        _ = trainer.first_task, trainer.candidates  # raises here what the task is not fit for
    except WorkbenchError as error:
        connection.send(message_of(error))
        return
    connection.send((READY,))
    warm: set[str] = set()
    while True:
        job = inbox.messages.get()
        connection.send(_made(trainer, job, inbox, connection, warm))


def _share_threads(workers: int) -> None:
    import torch

    torch.set_num_threads(max(1, torch.get_num_threads() // workers))


def _made(trainer: Trainer, job: Job, inbox: _Inbox, connection: Connection, warm: set[str]) -> tuple[Any, ...]:
    candidate = trainer.candidate(job.key.optimizer)
    progress = _Progress(job, inbox, connection)
    try:
        if candidate.name not in warm:
            trainer.warm_up(candidate, job.key.seed)
            warm.add(candidate.name)
        return DONE, trainer.train(job, inbox.stop.is_set, progress.at_step, progress.evaluated)
    except WorkbenchError as error:
        return message_of(error)


def message_of(error: WorkbenchError) -> tuple[Any, ...]:
    """What is sent of an error: its text, and the traceback of the user's own code."""
    return (ERROR, error.args[0], error.details) if isinstance(error, TaskError) else (ERROR, str(error))


class _Progress:
    """Sends how a run gets on."""

    def __init__(self, job: Job, inbox: _Inbox, connection: Connection) -> None:
        self.job, self.inbox, self.connection = job, inbox, connection
        self.sent = 0.0

    def at_step(self, step: int) -> None:
        """Send the step, if the last message is old enough."""
        if (now := time.monotonic()) - self.sent > STEPS_EVERY:
            self.sent = now
            self.connection.send((AT_STEP, step))

    def evaluated(self, step: int, value: float) -> bool:
        """Send the metric; wait for the answer only where the run may be pruned."""
        self.connection.send((EVALUATED, step, value))
        return self.inbox.messages.get() if self.job.may_be_pruned else False


class _Inbox(threading.Thread):
    """Receives messages during a run: asking the connection at every step would cost more than a small step."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(daemon=True)
        self.connection = connection
        self.messages: queue.Queue[Any] = queue.Queue()
        self.stop = threading.Event()
        self.start()

    def run(self) -> None:
        """Receive until the conducting process is gone, and then end this process at once."""
        try:
            while True:
                message = self.connection.recv()
                if message == STOP:
                    self.stop.set()
                else:
                    self.messages.put(message)
        except (EOFError, OSError):
            os._exit(1)
