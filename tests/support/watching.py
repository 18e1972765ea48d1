"""A watcher that writes down what it is told."""

from typing import Any

from steepest.workbench.model.key import Key
from steepest.workbench.model.plan import Plan
from steepest.workbench.progress.watcher import Watcher


class Log(Watcher):
    """Writes down every event but the steps, whose number depends on the time."""

    def __init__(self) -> None:
        self.events: list[tuple[Any, ...]] = []

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """With the number of workers."""
        self.events.append(("begin", workers))

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        """With the run."""
        self.events.append(("started", key))

    def evaluated(self, key: Key, step: int, value: float, worker: int = 0) -> None:
        """With the run, the step and the metric."""
        self.events.append(("evaluated", key, step, value))

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """With the run and the metric."""
        self.events.append(("ended", key, value))

    def close(self) -> None:
        """Once."""
        self.events.append(("close",))

    def of(self, kind: str) -> list[tuple[Any, ...]]:
        """The events of a kind, in an order that does not depend on the executor."""
        return sorted(event[1:] for event in self.events if event[0] == kind)
