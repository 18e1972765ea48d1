"""How far a study is, as the bar at the top of the live page says it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from steepest.workbench.model.key import FINALISTS, OF_OPTIMIZERS, RANGE, USUAL_RATE, Key
from steepest.workbench.model.outcome import has_failed
from steepest.workbench.model.plan import Plan
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.progress.words import about

PREPARING, RUNNING, FINISHED, STOPPED = "preparing", "running", "finished", "stopped"
PHASES = {RANGE: "range test", FINALISTS: "fresh seeds", USUAL_RATE: "usual rate"}
"""Where the word of the record says less."""
MOST_SHOWN = 60
"""Runs under way that are named: a cluster has a thousand, and the page asks every second."""


class UnderWay(NamedTuple):
    """A run that is made now, as the page says it."""

    key: Key
    steps: int
    step: int = 0
    value: str = ""

    @property
    def fraction(self) -> float:
        """How much of it is done."""
        return min(1.0, self.step / self.steps) if self.steps else 0.0

    def as_data(self) -> dict[str, Any]:
        """For the page."""
        return {"run": _named(self.key), "step": self.step, "steps": self.steps, "value": self.value}


class Progress(Watcher):
    """Keeps what it is told.  Another thread reads it; each value is replaced as a whole, so it needs no lock."""

    def __init__(self, task: str) -> None:
        self.status, self.task, self.metric = PREPARING, task, ""
        self.runs = self.done = self.found = self.failed = 0
        self.changes = time.time_ns() // 1_000_000
        """Rises whenever the report would be another one; it begins above all that an earlier process had."""
        self.note = ""
        """What a reader should know of the page."""
        self.workers: dict[int, tuple[UnderWay, ...]] = {}
        """The runs of each worker: one, or several that it trains at once."""
        self._places: dict[Key, int] = {}  # the worker of each run
        self.started_at = time.monotonic()

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """The study begins, or continues."""
        self.metric, self.runs, self.found = plan.metric, runs, done
        self.status, self.started_at = RUNNING, time.monotonic()

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        """A worker has a run.  Those that are trained at once start before the first step of them."""
        self._remove(key)  # its worker was lost, and it is made again
        others = self.workers.get(worker, ())
        if any(one.step for one in others):
            others = ()  # the worker was lost with them, and is another one
        self.workers[worker], self._places[key] = (*others, UnderWay(key, steps)), worker

    def at_step(self, step: int, worker: int = 0) -> None:
        """Where its runs are."""
        self._change(worker, lambda one: one._replace(step=step))

    def evaluated(self, key: Key, step: int, value: float, worker: int = 0) -> None:
        """The last value of its metric."""
        said = f"{self.metric} {value:.4g}" if math.isfinite(value) else f"{self.metric} is not finite"
        self._change(worker, lambda one: one._replace(step=step, value=said) if one.key == key else one)

    def _change(self, worker: int, new: Callable[[UnderWay], UnderWay]) -> None:
        if worker in self.workers:
            self.workers[worker] = tuple(map(new, self.workers[worker]))

    def _remove(self, key: Key) -> None:
        worker = self._places.pop(key, -1)
        left = tuple(one for one in self.workers.pop(worker, ()) if one.key != key)
        if left:
            self.workers[worker] = left

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """One more."""
        self._remove(key)
        self.done += 1
        self.runs = max(self.runs, self.done)
        self.failed += key.phase in OF_OPTIMIZERS and has_failed(status)
        self.changes += 1

    @property
    def is_over(self) -> bool:
        """Whether nothing changes any more."""
        return self.status in (FINISHED, STOPPED)

    def end(self, status: str) -> None:
        """Finished, or stopped."""
        self.status, self.workers = status, {}
        self.changes += 1

    def as_data(self) -> dict[str, Any]:
        """For the page."""
        workers = dict(self.workers)
        under_way = [one for worker in sorted(workers) for one in workers[worker]]
        return {
            "status": self.status,
            "runs": self.runs,
            "done": self.done,
            "failed": self.failed,
            "left": self._left(),
            "note": self.note,
            "under_way": len(under_way),
            "fraction": self._fraction(under_way),
            "now": [one.as_data() for one in under_way[:MOST_SHOWN]],
        }

    def _fraction(self, under_way: Sequence[UnderWay]) -> float:
        """How much of the study is done, with what is under way."""
        if self.status == FINISHED:
            return 1.0
        done = self.done + sum(one.fraction for one in under_way)
        return min(1.0, done / self.runs) if self.runs else 0.0

    def _left(self) -> str:
        made = self.done - self.found
        if self.status != RUNNING or made <= 0 or self.runs <= self.done:
            return ""
        return about((time.monotonic() - self.started_at) / made * (self.runs - self.done))


def _named(key: Key) -> str:
    return f"{PHASES.get(key.phase, key.phase)}: {key}"
