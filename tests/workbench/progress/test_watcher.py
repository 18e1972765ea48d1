"""Watchers: what one is told, in whichever process the runs are made, and that several are told the same."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from steepest.workbench import compare
from steepest.workbench.model.key import Key
from steepest.workbench.model.plan import Plan
from steepest.workbench.progress.watcher import Watcher, Watchers
from support.study import FAST, write_task

pytestmark = pytest.mark.usefixtures("without_figures")


class Log(Watcher):
    """Writes down every event."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        self.events.append(("begin", workers))

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        self.events.append(("started", key))

    def evaluated(self, key: Key, step: int, value: float, worker: int = 0) -> None:
        self.events.append(("evaluated", (key, step, value)))

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        self.events.append(("ended", (key, value)))

    def close(self) -> None:
        self.events.append(("close", None))


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_watcher_is_told(tmp_path: Path, workers: int) -> None:
    first, second = Log(), Log()
    task = f"{write_task(tmp_path, FAST)}:task"
    watchers = Watchers([first, second])
    compare(task, ["sgd"], "trials=2", 1, controls=False, workers=workers, out=tmp_path / "study", watcher=watchers)
    assert first.events == second.events
    assert first.events[0] == ("begin", workers)
    assert first.events[-1] == ("close", None)
    counts = Counter(kind for kind, _ in first.events)
    assert counts["started"] == counts["ended"] == 3 + 2 + 2 + 1  # range test, search, fresh seed, diagnosis
    assert counts["evaluated"] == 4 * (2 + 2 + 1)  # no evaluation with a rising rate
    finals = {key: value for kind, (key, value) in _pairs(first) if kind == "ended"}
    last = {key: value for kind, (key, step, value) in _triples(first) if step == 40}
    assert all(finals[key] == value for key, value in last.items())


def _pairs(log: Log) -> list[tuple[str, tuple[Key, float | None]]]:
    return [(kind, content) for kind, content in log.events if kind == "ended"]


def _triples(log: Log) -> list[tuple[str, tuple[Key, int, float]]]:
    return [(kind, content) for kind, content in log.events if kind == "evaluated"]
