"""Watchers: what one is told, and that several are told the same.  test_executor.py has those of worker processes."""

from collections.abc import Callable
from pathlib import Path

import pytest

from steepest.workbench import Task, compare
from steepest.workbench.progress.watcher import Watchers
from support.watching import Log

pytestmark = pytest.mark.usefixtures("without_figures")


def test_what_a_watcher_is_told(tiny: Callable[[int], Task], tmp_path: Path) -> None:
    first, second = Log(), Log()
    found = compare(
        tiny, ["sgd"], "trials=2", 1, controls=False, out=tmp_path / "study", watcher=Watchers([first, second])
    )
    assert first.events == second.events
    assert first.events[0] == ("begin", 1)
    assert first.events[-1] == ("close",)
    assert len(first.of("started")) == len(first.of("ended")) == found.runs.height
    measured = found.runs.filter(found.runs["phase"] != "range")  # no evaluation with a rising rate
    assert len(first.of("evaluated")) == 4 * measured.height
    ends = {key: value for key, step, value in first.of("evaluated") if step == 40}
    assert ends == {key: value for key, value in first.of("ended") if key.phase != "range"}
