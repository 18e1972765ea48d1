"""Ray as `executors.on_ray` uses it, in threads of this process; machines come, go and fall silent as a test says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent import futures
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

from steepest.workbench.executors.ray_worker import RunMaker
from steepest.workbench.executors.sent_sources import Sources
from steepest.workbench.model.job import Job

_ONE_RUN = threading.Lock()
"""Runs share the generators of a process, so these are made one after the other."""
_CALLS: list[threading.Thread] = []


def wait_for_lost_runs() -> None:
    """Until no actor that was lost or killed makes a run any more: it would draw what the next test draws."""
    while _CALLS:
        _CALLS.pop().join(60)


class RayError(Exception):
    """As Ray's."""


class RayTaskError(RayError):
    """As Ray's: what was called has raised."""


class ActorDiedError(RayError):
    """As Ray's."""


class ActorUnavailableError(RayError):
    """As Ray's: what was called may have run, and may still run."""


class Maker(RunMaker):
    """Makes runs, one at a time in the whole process."""

    node = ""

    def prepare(self, recipe: Any, seed: int, threads: int, sources: Sources, place: int) -> tuple[Any, ...]:
        with _ONE_RUN:
            return super().prepare(recipe, seed, threads, sources, place)

    def make(self, job: Job, number: int) -> tuple[Any, ...]:
        with _ONE_RUN:
            return super().make(job, number)

    def _node(self) -> str:
        return self.node


class Actor:
    """An actor of a machine; called as Ray's are, `actor.make.remote(...)`."""

    def __init__(self, node: str) -> None:
        self.maker, self.node = Maker(), node
        self.maker.node = node
        self.asked: list[tuple[str, Future[Any]]] = []
        self.made: list[Job] = []
        self.is_killed = False

    def __getattr__(self, name: str) -> Any:
        return SimpleNamespace(remote=lambda *arguments: self._call(name, arguments))

    def _call(self, name: str, arguments: tuple[Any, ...]) -> Future[Any]:
        answer: Future[Any] = Future()
        self.asked.append((name, answer))
        if name == "make":
            self.made.append(arguments[0])
        if name == "prepare":  # at once: it makes a task, and so does the study's process, from the same generators
            self._answer(name, arguments, answer)
            return answer
        _CALLS.append(threading.Thread(target=self._answer, args=(name, arguments, answer), daemon=True))
        _CALLS[-1].start()
        return answer

    def _answer(self, name: str, arguments: tuple[Any, ...], answer: Future[Any]) -> None:
        found = getattr(self.maker, name)(*arguments)
        if not answer.done():  # otherwise the result is late
            answer.set_result(found)

    def lose(self, error: RayError) -> None:
        """All that it was asked for fails; what it does goes on."""
        for _, answer in self.asked:
            if not answer.done():
                answer.set_exception(error)

    @property
    def is_busy(self) -> bool:
        """Whether it makes a run."""
        return any(name == "make" and not answer.done() for name, answer in self.asked)


class Ray:
    """The functions of the package that are used."""

    exceptions = SimpleNamespace(
        RayError=RayError,
        RayTaskError=RayTaskError,
        ActorDiedError=ActorDiedError,
        ActorUnavailableError=ActorUnavailableError,
    )

    @staticmethod
    def wait(answers: Sequence[Future[Any]], num_returns: int, timeout: float) -> tuple[list[Any], list[Any]]:
        """Those that have come, in the order in which they were asked for."""
        futures.wait(answers, timeout, return_when=futures.FIRST_COMPLETED)
        come = [one for one in answers if one.done()][:num_returns]
        return come, [one for one in answers if one not in come]

    @staticmethod
    def get(answer: Future[Any]) -> Any:
        """The answer, or the error that came in its place."""
        return answer.result()

    @staticmethod
    def kill(actor: Actor) -> None:
        """Its calls are not answered any more."""
        actor.is_killed = True


class Machines:
    """A connection to a cluster of machines with a processor each.

    Args:
        names: Of the machines.
    """

    ray = Ray

    def __init__(self, *names: str) -> None:
        self.alive, self.actors = list(names), []
        self.left = 0

    def room(self) -> int:
        return len(self.alive)

    def place(self, node: str) -> str:
        return node

    def is_alive(self, node: str) -> bool:
        return node in self.alive

    def described(self) -> str:
        return ", ".join(self.alive)

    def actor(self, cls: type) -> Actor:
        """An actor on the machine that has the fewest."""
        assert cls is RunMaker
        living = [one.node for one in self.actors if not one.is_killed]
        self.actors.append(Actor(min(self.alive, key=living.count)))
        return self.actors[-1]

    def leave(self) -> None:
        self.left += 1

    def as_connection(self) -> Callable[..., Any]:
        """What `OnRay` calls to connect."""
        return lambda cluster, most, folder: self
