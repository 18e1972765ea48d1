"""The line in the terminal: what it counts, what it names, one more line for each worker."""

import io
import math
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from steepest.workbench import Task, compare
from steepest.workbench.model.key import Key
from steepest.workbench.model.outcome import TRAINED, Outcome, Trace
from steepest.workbench.model.plan import Plan
from steepest.workbench.progress.terminal import ProgressLine

PLAN = Plan("a [red]task[/red]", [], "trials=2", 1, 100, "val_loss", False)


@pytest.fixture
def line() -> ProgressLine:
    return ProgressLine(Console(file=io.StringIO(), force_terminal=True, width=120))


def shown(line: ProgressLine) -> str:
    """The lines as they stand now."""
    line.progress.refresh()
    console = Console(file=io.StringIO(), width=120)
    console.print(line.progress.get_renderable())
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_it_counts_and_names_the_best(line: ProgressLine) -> None:
    line.begin(PLAN, 4, 0)
    line.started(Key("search", "adam", 0.01, 0), 100)
    assert "search: adam 0.01" in shown(line)
    line.ended(Key("search", "adam", 0.01, 0), "trained", 0.5, False)
    line.ended(Key("search", "sgd", 0.1, 0), "trained", 0.4, False)
    line.ended(Key("search", "sgd", 1.0, 0), "diverged", None, False)
    text = shown(line)
    assert "3/4" in text
    assert "best 0.4 (sgd)  1 failed" in text
    assert "a [red]task[/red]" in text
    line.close()


def test_higher_may_be_better(line: ProgressLine) -> None:
    line.begin(PLAN, 2, 0)
    line.ended(Key("search", "adam", 0.01, 0), "trained", 0.5, True)
    line.ended(Key("search", "sgd", 0.1, 0), "trained", 0.4, True)
    assert "best 0.5 (adam)" in shown(line)
    line.close()


def test_a_line_for_each_worker(line: ProgressLine) -> None:
    line.begin(PLAN, 4, 0, workers=2)
    line.started(Key("search", "adam", 0.01, 0), 100, worker=0)
    line.started(Key("search", "sgd", 0.1, 0), 100, worker=1)
    line.at_step(50, worker=1)
    first, second, third = shown(line).splitlines()
    assert "0/4" in first
    assert "worker 1" in second
    assert "adam 0.01" in second
    assert "worker 2" in third
    assert "sgd 0.1" in third
    assert line.progress.tasks[0].completed == 50
    line.close()


@pytest.mark.usefixtures("without_figures")
def test_a_study_tells_it_everything(tiny: Callable[[int], Task], tmp_path: Path, line: ProgressLine) -> None:
    found = compare(tiny, ["sgd"], "trials=2", 1, controls=False, out=tmp_path / "study", watcher=line)
    assert line.ended_runs == found.runs.height
    assert line.best is not None
    finals = [value for value in found.runs["final"].to_list() if value is not None and math.isfinite(value)]
    assert line.best[0] == min(finals)


def test_a_run_that_measured_nothing_has_no_final_value() -> None:
    """One with a rising rate; its NaN was the best of all."""
    assert Outcome(TRAINED, "", Trace(3, 0.1, [(1, 0.0, 2.0)])).final("val_loss") is None
