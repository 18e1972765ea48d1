"""A study whose runs are trained at once has the runs, events and numbers of one that trains them one by one."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from steepest.workbench import Task, compare, tune
from steepest.workbench.errors import Interrupted
from steepest.workbench.model.diagnostics import RUNS_AT_ONCE
from steepest.workbench.model.key import DIAGNOSIS, FINALISTS, RANGE, SEARCH, Key
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.report.methods import methods
from steepest.workbench.store.record import Record
from support.study import FAST, KEY, results, small, write_task
from support.watching import Log

Make = Callable[[int], Task]
pytestmark = pytest.mark.usefixtures("without_figures")


class Remarks(Log):
    """Writes down the sentences too."""

    def __init__(self) -> None:
        super().__init__()
        self.sentences: list[str] = []

    def remark(self, sentence: str) -> None:
        """Keep it."""
        self.sentences.append(sentence)


def check_same(one: pl.DataFrame, other: pl.DataFrame) -> None:
    """The same runs and the same points of their curves, with numbers that differ by rounding."""
    named = [frame.filter(pl.col("name").ne_missing(RUNS_AT_ONCE)) for frame in (one, other)]
    texts = [*KEY, "status", "steps", "name", "step"]
    assert named[0].select(texts).equals(named[1].select(texts))
    for column in ("initial", "final", "value"):
        found, expected = (frame[column].fill_null(float("nan")).to_list() for frame in named)
        assert found == pytest.approx(expected, rel=1e-3, abs=1e-4, nan_ok=True)


def at_once(folder: Path) -> dict[str, int]:
    """How many runs of each phase were trained at once."""
    with Record(folder) as record:
        found = record.curves().filter(pl.col("name") == RUNS_AT_ONCE)
    return dict(found.group_by("phase").len().iter_rows())


def test_a_study_at_once_is_that_of_single_runs(tiny: Make, tmp_path: Path) -> None:
    logs = {stacked: Remarks() for stacked in (True, False)}
    for stacked, log in logs.items():
        made = small(tiny, tmp_path / f"{stacked}", budget="trials=6", seeds=5, stacked=stacked, watcher=log)
        assert ("trained together" in methods(made.numbers)) == stacked
    check_same(results(tmp_path / "True"), results(tmp_path / "False"))
    found = at_once(tmp_path / "True")
    assert found[SEARCH] == 12
    assert RANGE not in found
    assert not at_once(tmp_path / "False")
    assert logs[False].sentences == []
    assert "of one seed are trained at once" in logs[True].sentences[0], "dropout draws"
    for kind in ("started", "ended", "close"):
        assert [one[:1] for one in logs[True].of(kind)] == [one[:1] for one in logs[False].of(kind)]


def test_workers_train_groups(tmp_path: Path) -> None:
    task = f"{write_task(tmp_path, FAST.replace('nn.Dropout(0.1), ', ''))}:task"
    for workers, stacked in ((1, False), (2, True)):
        out = tmp_path / f"{workers}"
        compare(task, ["sgd", "adam"], "trials=6", 3, controls=False, workers=workers, out=out, stacked=stacked)
    check_same(results(tmp_path / "2"), results(tmp_path / "1"))
    found = at_once(tmp_path / "2")
    assert (found[SEARCH], found[FINALISTS]) == (12, 12)
    assert DIAGNOSIS not in found, "too few for a group"


def test_the_stages_of_a_tuned_search_are_trained_at_once_but_the_last(tiny: Make, tmp_path: Path) -> None:
    """Two optimizers with 9 trials: the defaults and six rates of each; then the model asks for two, one by one."""
    for stacked in (True, False):
        out = tmp_path / f"{stacked}"
        tune(tiny, ["sgd", "adam"], "trials=9", 2, controls=False, out=out, stacked=stacked)
    check_same(results(tmp_path / "True"), results(tmp_path / "False"))
    assert at_once(tmp_path / "True")[SEARCH] == 2 * (1 + 6)


class Stops(Watcher):
    """Presses Ctrl-C once, in the middle of the first group."""

    pressed = False

    def evaluated(self, key: Key, step: int, value: float, worker: int = 0) -> None:
        """The first of the group to come there."""
        if key.phase == SEARCH and step == 20 and not self.pressed:
            self.pressed = True
            os.kill(os.getpid(), signal.SIGINT)


def test_an_interrupted_group_is_saved_run_by_run_and_goes_on(tiny: Make, tmp_path: Path) -> None:
    given = {"budget": "trials=6", "seeds": 2, "stacked": True}
    with pytest.raises(Interrupted, match="adam at"):
        small(tiny, tmp_path / "study", watcher=Stops(), **given)
    with Record(tmp_path / "study") as record:
        assert not any(key.phase == SEARCH for key in record.done())
        assert record.connection.execute("SELECT count(*) FROM interrupted").fetchone() == (12,)
    small(tiny, tmp_path / "study", **given)
    small(tiny, tmp_path / "whole", **given)
    check_same(results(tmp_path / "study"), results(tmp_path / "whole"))


def test_a_short_study_is_not_worth_a_trial(tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Remarks()
    small(tiny, tmp_path / "short", watcher=log, stacked=None)
    assert log.sentences == []
    monkeypatch.setattr("steepest.workbench.study.together.WORTH", 0.0)
    small(tiny, tmp_path / "long", watcher=log, stacked=None)
    assert len(log.sentences) == 1
