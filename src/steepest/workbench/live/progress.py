"""How far a study is, as the bar at the top of the live page says it."""

from __future__ import annotations

import math
import time
from typing import Any

from steepest.workbench.model.key import FINALISTS, OF_OPTIMIZERS, RANGE, USUAL_RATE, Key
from steepest.workbench.model.outcome import has_failed
from steepest.workbench.model.plan import Plan
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.progress.words import about

PREPARING, RUNNING, FINISHED, STOPPED = "preparing", "running", "finished", "stopped"
PHASES = {RANGE: "range test", FINALISTS: "fresh seeds", USUAL_RATE: "usual rate"}
"""Where the word of the record says less."""


class Progress(Watcher):
    """Keeps what it is told.  Another thread reads it; each value is replaced as a whole, so it needs no lock."""

    def __init__(self, task: str) -> None:
        self.status, self.task, self.metric = PREPARING, task, ""
        self.runs = self.done = self.found = self.failed = 0
        self.changes = time.time_ns() // 1_000_000
        """Rises whenever the report would be another one; it begins above all that an earlier process had."""
        self.note = ""
        """What a reader should know of the page."""
        self.workers: dict[int, dict[str, Any]] = {}
        self.started_at = time.monotonic()

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """The study begins, or continues."""
        self.metric, self.runs, self.found = plan.metric, runs, done
        self.status, self.started_at = RUNNING, time.monotonic()

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        """A worker has a run."""
        self.workers[worker] = {"run": _named(key), "step": 0, "steps": steps, "value": ""}

    def at_step(self, step: int, worker: int = 0) -> None:
        """Where its run is."""
        if worker in self.workers:
            self.workers[worker] = self.workers[worker] | {"step": step}

    def evaluated(self, key: Key, step: int, value: float, worker: int = 0) -> None:
        """The last value of its metric."""
        said = f"{self.metric} {value:.4g}" if math.isfinite(value) else f"{self.metric} is not finite"
        self.workers[worker] = self.workers.get(worker, {}) | {"step": step, "value": said}

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """One more."""
        self.workers = {place: one for place, one in self.workers.items() if one.get("run") != _named(key)}
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
        return {
            "status": self.status,
            "runs": self.runs,
            "done": self.done,
            "failed": self.failed,
            "left": self._left(),
            "note": self.note,
            "workers": [self.workers[place] for place in sorted(self.workers)],
        }

    def _left(self) -> str:
        made = self.done - self.found
        if self.status != RUNNING or made <= 0 or self.runs <= self.done:
            return ""
        return about((time.monotonic() - self.started_at) / made * (self.runs - self.done))


def _named(key: Key) -> str:
    return f"{PHASES.get(key.phase, key.phase)}: {key}"
