"""One actor of a Ray cluster, as the process of the study sees it: a slot in which one run at a time is made."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from steepest.workbench.executors.ray_connection import RayConnection
from steepest.workbench.executors.ray_worker import RunMaker
from steepest.workbench.model.job import Job

PREPARED, MADE, LOOKED = "prepared", "made", "looked"
"""What a slot was asked for."""


class RaySlot:
    """One actor, and the run that it makes.

    Args:
        connection: To the cluster.
        place: The slot's number.
        prepared: The arguments of `RunMaker.prepare` before the slot's number.
    """

    def __init__(self, connection: RayConnection, place: int, prepared: tuple[Any, ...]) -> None:
        self.connection, self.place = connection, place
        self.actor = connection.actor(RunMaker)
        self.is_ready, self.node = False, ""
        self.job: Job | None = None
        self.asked: dict[Any, str] = {}
        self.number = self.told = 0
        self._answer: bool | None = None
        self._ask(PREPARED, self.actor.prepare.remote(*prepared, place))

    def give(self, job: Job, number: int) -> None:
        """Have it make a run."""
        self.job, self.number, self.told, self._answer = job, number, 0, None
        self._ask(MADE, self.actor.make.remote(job, number))

    def look(self, stop: bool, wait: float) -> None:
        """Ask how its run gets on, unless it was asked and has not answered."""
        if self.job is not None and LOOKED not in self.asked.values():
            self._ask(LOOKED, self.actor.look.remote(self.number, self.told, stop, self._answer, wait))
            self._answer = None

    def answer(self, ends: bool) -> None:
        """Whether its run ends here, said with the next look."""
        self._answer = ends

    def _ask(self, what: str, answer: Any) -> None:
        self.asked[answer] = what

    def end(self) -> None:
        """Kill the actor; what it has asked for is no longer waited for, so a late result is dropped."""
        self.asked = {}
        with suppress(Exception):  # the connection may be gone
            self.connection.ray.kill(self.actor)
