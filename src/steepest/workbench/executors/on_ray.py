"""Runs that are made on the machines of a Ray cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.workbench.errors import TaskError, UsageError, WorkbenchError
from steepest.workbench.executors.executor import Supervisor
from steepest.workbench.executors.ray_connection import RayConnection
from steepest.workbench.executors.ray_slot import LOOKED, PREPARED, RaySlot
from steepest.workbench.executors.ray_worker import REFUSED
from steepest.workbench.executors.sent_scripts import script_folder, script_within, sources_of_script
from steepest.workbench.executors.sent_sources import Sources, folder_to_send, recipe_within, sources_in
from steepest.workbench.executors.worker import ERROR
from steepest.workbench.model.job import Job
from steepest.workbench.model.machines import RayCluster
from steepest.workbench.model.user_code import in_one_line
from steepest.workbench.scripts.recipe import ScriptRecipe
from steepest.workbench.scripts.trainer import ScriptTrainer
from steepest.workbench.training.recipe import Recipe
from steepest.workbench.training.trainer import Trainer

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome

ATTEMPTS = 3
"""How often a run is begun whose worker dies on a machine that lives: after that, the run is what kills workers."""
ROOM_EVERY = 2.0
"""Seconds between two looks at the machines of the cluster."""
LOOK_FOR, LOOKS_A_SECOND = 0.5, 400
"""A look at a run takes half a second, and longer where there are many runs: a call of an actor takes 1 to 7 ms."""


class OnRay:
    """Makes as many runs at a time as the machines of a cluster have room for; machines come and go.

    A run whose actor is lost is made again by another.

    Args:
        cluster: Where.
        most: Runs at a time; as many as there is room for if None.
        connect: Makes the connection; of a test.
    """

    def __init__(
        self, cluster: RayCluster, most: int | None, connect: Callable[..., RayConnection] = RayConnection
    ) -> None:
        self.cluster, self.most, self.connect = cluster, most, connect
        self.connection: RayConnection | None = None
        self.count = most or 1
        self.slots: list[RaySlot] = []
        self.killed: dict[Job, int] = {}
        self.failed_starts = 0
        self.again: list[Job] = []  # whose actor was lost
        self.failure: WorkbenchError | None = None
        self.numbers, self.looked_for_room = count(), -ROOM_EVERY

    def prepare(self, trainer: Trainer | ScriptTrainer) -> None:
        """Join the cluster, and have an actor made for each run that it has room for.

        Raises:
            TaskError: The task raised, or broke its contract.
            UsageError: The code cannot be sent, or no machine has room for a run.
            WorkbenchError: The cluster cannot be joined.
        """
        self.trainer = trainer
        folder, recipe, sources = self._sent()
        self.prepared = (recipe, trainer.seed, self.cluster.cpus_per_run, sources)
        self.connection = self.connect(self.cluster, self.most, folder)
        if not self.connection.room():
            raise UsageError(
                f"No machine of the cluster has room for a run of {self.cluster.cpus_per_run} CPUs and "
                f"{self.cluster.gpus_per_run:g} GPUs (machines: {self.connection.described()}); give less to a run, or "
                "say with --workers how many runs to wait for, where machines come when they are asked for."
            )
        self._follow_cluster()

    def _sent(self) -> tuple[Path | None, Recipe | ScriptRecipe, Sources]:
        """The folder that is sent, what runs are made from there, and the sources of that."""
        if isinstance(self.trainer, ScriptTrainer):
            folder = script_folder(self.trainer.command)
            within = script_within(folder, self.trainer.recipe_elsewhere())
            return folder, within, sources_of_script(within)
        _ = self.trainer.first_task  # imports whatever of the user's code is to be the same everywhere
        folder = folder_to_send(self.trainer)
        return folder, recipe_within(folder, self.trainer.recipe), sources_in(folder)

    def run(self, jobs: Iterator[Job | None], supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        """As `Executor` says."""
        while True:
            self._follow_cluster()
            self._give_jobs(jobs, supervisor)
            if not (any(slot.job for slot in self.slots) or self._has_more(jobs, supervisor)):
                break
            stop, wait = not self._goes_on(supervisor), max(LOOK_FOR, len(self.slots) / LOOKS_A_SECOND)
            for slot in self.slots:
                slot.look(stop, wait)
            for answer in self._answers():
                yield from self._receive(answer, supervisor)
        if self.failure is not None:
            raise self.failure

    def _has_more(self, jobs: Iterator[Job | None], supervisor: Supervisor) -> bool:
        """Whether a job waits for a slot that is ready."""
        if not self._goes_on(supervisor):
            return False
        if not self.again and (job := next(jobs, None)) is not None:
            self.again.append(job)
        return bool(self.again)

    def _goes_on(self, supervisor: Supervisor) -> bool:
        return self.failure is None and not supervisor.stop_requested()

    def _give_jobs(self, jobs: Iterator[Job | None], supervisor: Supervisor) -> None:
        if not self._goes_on(supervisor):
            return
        for slot in self.slots:
            if slot.is_ready and slot.job is None:
                job = self.again.pop(0) if self.again else next(jobs, None)
                if job is None:
                    return
                supervisor.started(job, slot.place)
                slot.give(job, next(self.numbers))

    def _answers(self) -> list[Any]:
        """The answers that have come, of those that the slots were asked for."""
        assert self.connection is not None
        asked = [answer for slot in self.slots for answer in slot.asked]
        if not asked:
            time.sleep(0.2)
            return []
        wait = self.connection.ray.wait
        first, rest = wait(asked, num_returns=1, timeout=0.2)
        return first + (wait(rest, num_returns=len(rest), timeout=0)[0] if first and rest else [])

    def _receive(self, answer: Any, supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        assert self.connection is not None
        slot = next((one for one in self.slots if answer in one.asked), None)
        if slot is None:  # it was given up after another answer of this round: a late result is dropped
            return
        what = slot.asked.pop(answer)
        try:
            content = self.connection.ray.get(answer)
        except self.connection.ray.exceptions.RayError as error:
            self._lose(slot, error)
            return
        if what == LOOKED:
            self._tell(slot, content, supervisor)
        elif content[0] in (ERROR, REFUSED):
            slot.job = None
            self.failure = self.failure or (WorkbenchError if content[0] == REFUSED else TaskError)(*content[1:])
        elif what == PREPARED:
            slot.is_ready, slot.node, self.failed_starts = True, content[1], 0
        else:
            yield self._made(slot, content, supervisor)

    def _made(self, slot: RaySlot, content: tuple[Any, ...], supervisor: Supervisor) -> tuple[Job, Outcome]:
        assert self.connection is not None
        _, outcome, evaluations, left = content
        self._tell(slot, (slot.number, outcome.trace.step, evaluations[slot.told :]), supervisor)
        job, slot.job = slot.job, None
        assert job is not None
        if isinstance(self.trainer, ScriptTrainer):
            self.trainer.keep(job.key, left)
        outcome.node = self.connection.place(slot.node)
        return job, outcome

    def _tell(self, slot: RaySlot, seen: tuple[int, int, list[tuple[int, float]]], supervisor: Supervisor) -> None:
        """Tell how a run gets on, and answer where it asks whether it ends."""
        number, step, evaluations = seen
        if slot.job is None or number != slot.number:  # the look came back after the outcome
            return
        for at, value in evaluations:
            ends = supervisor.evaluated(slot.job, at, value, slot.place)
            if slot.job.may_be_pruned:
                slot.answer(ends)
        slot.told += len(evaluations)
        supervisor.at_step(slot.job, step, slot.place)

    def _follow_cluster(self) -> None:
        """As many slots as there is room for now: machines may have come or gone."""
        assert self.connection is not None
        if time.monotonic() - self.looked_for_room < ROOM_EVERY:
            return
        room = self.connection.room()
        self.count = max(1, room)
        taken = {slot.place for slot in self.slots}
        for place in islice((place for place in count() if place not in taken), max(0, room - len(self.slots))):
            self.slots.append(RaySlot(self.connection, place, self.prepared))
        waiting = [slot for slot in reversed(self.slots) if not slot.is_ready]
        for slot in waiting[: max(0, len(self.slots) - room)]:
            self._give_up(slot)
        self.looked_for_room = time.monotonic()

    def _give_up(self, slot: RaySlot) -> None:
        slot.end()
        self.slots.remove(slot)

    def _lose(self, slot: RaySlot, error: Exception) -> None:
        """An actor does not answer, and may be dead: another makes its run."""
        self._give_up(slot)
        is_own = self._is_own(slot, error)
        if not slot.is_ready and is_own:
            self.failed_starts += 1
            if self.failed_starts >= ATTEMPTS:
                raise WorkbenchError(
                    f"Workers end before they can begin ({in_one_line(error)}): each machine of the cluster needs the "
                    "same Python packages as this one, steepest among them; see docs/many-machines.md."
                )
        if slot.job is None:
            return
        self.again.append(slot.job)
        self.killed[slot.job] = self.killed.get(slot.job, 0) + is_own
        if self.killed[slot.job] >= ATTEMPTS:
            raise WorkbenchError(
                f"{ATTEMPTS} workers died while they trained {slot.job.key}, perhaps for memory "
                f"({in_one_line(error)}); the runs before are kept. Give a run more CPUs or GPUs, "
                "so that fewer share a machine, or use a smaller batch."
            )

    def _is_own(self, slot: RaySlot, error: Exception) -> bool:
        """Whether a worker ended by what it did, and not because its machine was lost."""
        assert self.connection is not None
        errors = self.connection.ray.exceptions
        if isinstance(error, errors.RayTaskError):
            return True
        died = isinstance(error, errors.ActorDiedError) and "its node has died" not in str(error)
        return died and (not slot.node or self.connection.is_alive(slot.node))

    def close(self) -> None:
        """End the actors, also in the middle of a run, and leave the cluster; a second call does nothing."""
        for slot in list(self.slots):
            self._give_up(slot)
        if self.connection is not None:
            self.connection.leave()
            self.connection = None
