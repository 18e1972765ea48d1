"""What an actor of a Ray cluster does: it makes one run at a time, and says meanwhile how the run gets on."""

from __future__ import annotations

import importlib
import platform
import tempfile
import threading
from pathlib import Path
from typing import Any

from steepest.workbench.errors import WorkbenchError
from steepest.workbench.executors.sent_sources import Sources
from steepest.workbench.executors.worker import DONE, READY, message_of
from steepest.workbench.model.job import Job
from steepest.workbench.scripts.recipe import ScriptRecipe
from steepest.workbench.scripts.trainer import ScriptTrainer
from steepest.workbench.training.recipe import Recipe
from steepest.workbench.training.trainer import Trainer

REFUSED = "refused"
"""What an actor answers where its machine is not like the others."""


class RunMaker:
    """Makes runs on one machine of a cluster.

    It is called by two threads: `make` trains, and `look` comes back while it does.
    """

    def __init__(self) -> None:
        self._trainer: Trainer | ScriptTrainer | None = None
        self._warm: set[str] = set()
        self._changed = threading.Condition()
        self._stopping = False
        self._begin(-1)

    def _begin(self, number: int) -> None:
        with self._changed:
            self._number, self._step = number, 0
            self._evaluations: list[tuple[int, float]] = []
            self._answer: bool | None = None
            self._waits = False

    def prepare(
        self, recipe: Recipe | ScriptRecipe, seed: int, threads: int, sources: Sources, place: int
    ) -> tuple[Any, ...]:
        """Make the trainer.  READY and the machine's id, or why no run can be made here."""
        machine = platform.node()
        if differs := sources.missing_on(machine):
            return REFUSED, differs
        self._threads = threads
        try:
            if isinstance(recipe, ScriptRecipe):
                self._trainer = ScriptTrainer(recipe, folder=Path(), seed=seed, first_slot=place)
            else:
                self._trainer = Trainer(recipe, seed)
            _ = self._trainer.first_task, self._trainer.candidates  # raises here what the task is not fit for
        except WorkbenchError as error:
            return (REFUSED, f"{machine}: {error}") if isinstance(recipe, ScriptRecipe) else message_of(error)
        return READY, self._node()

    def _node(self) -> str:
        return importlib.import_module("ray").get_runtime_context().get_node_id()

    def make(self, job: Job, number: int) -> tuple[Any, ...]:
        """The outcome of a run, all its evaluations, and the files that it left here, by name.

        Args:
            job: The run.
            number: By which `look` knows that it is this run.
        """
        self._begin(number)
        if isinstance(self._trainer, ScriptTrainer):
            return self._made_of_script(self._trainer, job)
        return self._made_of_task(job)

    def _made_of_script(self, trainer: ScriptTrainer, job: Job) -> tuple[Any, ...]:
        with tempfile.TemporaryDirectory(prefix="steepest-") as folder:
            trainer.folder = Path(folder)
            made = trainer.train(job, lambda: self._stopping, self._at_step, lambda *at: self._evaluated(job, *at))
            return DONE, made, self._evaluations, trainer.left_by(job.key)

    def _made_of_task(self, job: Job) -> tuple[Any, ...]:
        import torch

        trainer = self._trainer
        assert isinstance(trainer, Trainer)
        torch.set_num_threads(self._threads)  # of this thread: each of Ray's has a number of its own
        candidate = trainer.candidate(job.key.optimizer)
        try:
            if candidate.name not in self._warm:
                trainer.warm_up(candidate, job.key.seed)
                self._warm.add(candidate.name)
            made = trainer.train(job, lambda: self._stopping, self._at_step, lambda *at: self._evaluated(job, *at))
            return DONE, made, self._evaluations, {}
        except WorkbenchError as error:
            return message_of(error)

    def look(self, number: int, told: int, stop: bool, answer: bool | None, wait: float) -> tuple[Any, ...]:
        """How the run gets on: its number, its step, and its evaluations after those that were told.

        Args:
            number: Of the run that is meant.
            told: How many evaluations are known.
            stop: Whether to interrupt the run, and those that follow.
            answer: Whether the run ends where it waits for an answer.
            wait: Seconds after which it answers at the latest; at once where the run waits for an answer.
        """
        with self._changed:
            self._stopping = self._stopping or stop
            if answer is not None and number == self._number:
                self._answer = answer
                self._changed.notify_all()
            self._changed.wait_for(lambda: self._asks(number, told), wait)
            if number != self._number:  # it was asked of a run before this one, or of one that has not begun
                return (number, 0, [])
            return (number, self._step, self._evaluations[told:])

    def _asks(self, number: int, told: int) -> bool:
        return number == self._number and self._waits and len(self._evaluations) > told

    def _at_step(self, step: int) -> None:
        self._step = step

    def _evaluated(self, job: Job, step: int, value: float) -> bool:
        """Note the metric; wait for the answer only where the run may be pruned."""
        with self._changed:
            self._evaluations.append((step, value))
            if not job.may_be_pruned:
                return False
            self._waits, self._answer = True, None
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._answer is not None or self._stopping)
            self._waits = False
            return bool(self._answer)
