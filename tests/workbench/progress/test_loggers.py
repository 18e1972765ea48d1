"""Loggers, with one that only writes down what it is given; tests/frameworks/test_loggers_read_back.py has the real."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steepest.workbench import Comparison, Task, compare, tune
from steepest.workbench.errors import Interrupted, UsageError, WorkbenchError
from steepest.workbench.model.plan import Plan
from steepest.workbench.progress import loggers
from steepest.workbench.progress.loggers import background
from steepest.workbench.progress.loggers.logger import LoggedResult, LoggedRun, LoggedStudy, plain
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.store.past_runs import past_runs
from steepest.workbench.store.record import Record
from support.command import Done

Make = Callable[[int], Task]
SMALL: dict[str, Any] = {"optimizers": ["sgd"], "budget": "trials=2", "seeds": 1, "controls": False}


class StandIn:
    """Writes down what a logger is given.  `fails` says at which event it raises."""

    fails, given = "", list[tuple[str, Any]]()

    def __init__(self, where: str) -> None:
        self._note("made", where)

    def open(self, study: LoggedStudy) -> None:
        self._note("open", study)

    def run(self, run: LoggedRun) -> None:
        self._note("run", run)

    def result(self, result: LoggedResult) -> None:
        self._note("result", result)

    def close(self) -> None:
        self._note("close", None)

    def _note(self, event: str, content: Any) -> None:
        self.given.append((event, content))
        if event == self.fails:
            raise RuntimeError(f"the disk of {event} is full.\nat line 7")


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[StandIn]]:
    """`log_to="mlflow"` is this one."""
    monkeypatch.setattr(loggers, "_made", lambda name, where: StandIn(where))
    monkeypatch.setattr(loggers, "find_spec", lambda name: name)
    monkeypatch.setattr(StandIn, "given", [])
    yield StandIn
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("steepest-mlflow")]


def of(kind: str) -> list[Any]:
    return [content for event, content in StandIn.given if event == kind]


def names(runs: list[LoggedRun]) -> list[str]:
    return [run.name for run in runs]


def test_a_logger_is_given_the_study_its_runs_and_its_result(
    tiny: Make, tmp_path: Path, stand_in: type[StandIn]
) -> None:
    found = compare(tiny, **SMALL, out=tmp_path / "study", log_to="mlflow:there")
    assert [event for event, _ in StandIn.given][:2] == ["made", "open"]
    assert of("made") == ["there"]
    assert StandIn.given[-1][0] == "close"
    [study], [result], runs = of("open"), of("result"), of("run")
    assert study.parameters["optimizers"] == "sgd"
    assert study.parameters["metric"] == "val_loss"
    assert [(run.key.phase, run.key.rate, run.key.seed) for run in runs] == [
        (row["phase"], row["rate"], row["seed"]) for row in found.runs.iter_rows(named=True)
    ]
    assert [run.final for run in runs] == found.runs["final"].to_list()
    with Record(found.folder) as record:
        curves = record.curves().filter(record.curves()["run"] == found.runs.height)
    last = {(name, step): value for name, step, value, _ in runs[-1].points}
    assert last == {(row["name"], row["step"]): row["value"] for row in curves.iter_rows(named=True)}
    assert result.report.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert {file.name for file in result.files} >= {"manifest.json", "curves-steps.png"}
    assert result.verdict[0] in result.text
    assert result.rows[0][2] == found.numbers.rows[0].call
    assert runs[-1].points[0][3] == pytest.approx(runs[-1].ended, abs=60)


def test_tune_has_the_same_loggers(tiny: Make, tmp_path: Path, stand_in: type[StandIn], without_figures: None) -> None:
    tune(tiny, "sgd", "trials=4", 1, controls=False, out=tmp_path / "study", log_to=["mlflow", "mlflow"])
    assert of("made") == [""]
    assert {run.key.phase for run in of("run")} == {"range", "search", "finalists", "diagnosis"}


def test_what_was_made_before_is_logged_too_with_the_same_names_and_numbers(
    tiny: Make, tmp_path: Path, stand_in: type[StandIn], without_figures: None
) -> None:
    found = compare(tiny, **SMALL, out=tmp_path / "study", log_to="mlflow")
    first = of("run")
    StandIn.given.clear()
    compare(tiny, **SMALL, out=tmp_path / "study", log_to="mlflow")
    again = of("run")
    assert names(again) == names(first)
    assert len(set(names(again))) == found.runs.height
    assert [sorted(run.points) for run in again] == [
        sorted((name, step, value, pytest.approx(time, abs=2)) for name, step, value, time in run.points)
        for run in first
    ]  # the record has whole seconds of when a run ended
    assert [run.outcome.status for run in again] == [run.outcome.status for run in first]


def test_a_study_keeps_its_identity_until_it_is_started_over(
    tiny: Make, tmp_path: Path, stand_in: type[StandIn], without_figures: None
) -> None:
    for fresh in (False, False, True):
        compare(tiny, **SMALL, out=tmp_path / "study", log_to="mlflow", fresh=fresh)
    first, second, third = (study.identity for study in of("open"))
    assert first == second != third


@pytest.mark.parametrize("event", ["made", "open", "run", "result", "close"])
@pytest.mark.parametrize("asked", ["always", "error"])
def test_a_logger_that_fails_warns_once_and_ends_nothing(
    recorded: Comparison, stand_in: type[StandIn], event: str, asked: Any, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(StandIn, "fails", event)
    with Record(recorded.folder) as record:
        plan, past = Plan(**record.get("plan")), list(past_runs(record))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter(asked)
        [watcher] = loggers.loggers("mlflow")
        watcher.opened(plan, recorded.folder, "0123")
        for run in past:
            watcher.measured(*run)
        watcher.result(recorded.numbers, recorded.folder, ["Use sgd."], [])
        watcher.close()
    said = [str(warning.message) for warning in caught] + capsys.readouterr().err.splitlines()
    [line] = [one for one in said if "Logging" in one]
    assert line.startswith(f"Logging to mlflow stopped: RuntimeError: the disk of {event} is full.  The study goes on")
    assert StandIn.given[-1][0] == event
    assert len(of("run")) == {"made": 0, "open": 0, "run": 1}.get(event, len(past))


def test_a_study_goes_on_without_a_logger_that_fails(
    tiny: Make, tmp_path: Path, stand_in: type[StandIn], without_figures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(StandIn, "fails", "run")
    with pytest.warns(UserWarning, match="Logging to mlflow stopped") as warned:
        found = compare(tiny, **SMALL, out=tmp_path / "study", log_to="mlflow")
    assert found.numbers.finished
    assert len([one for one in warned if "Logging" in str(one.message)]) == 1


def test_a_logger_that_hangs_does_not_hold_the_study(
    tiny: Make, tmp_path: Path, stand_in: type[StandIn], without_figures: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(StandIn, "open", lambda self, study: released.wait(60))
    monkeypatch.setattr(background.InBackground.__init__, "__defaults__", (0.1,))
    with pytest.warns(UserWarning, match="it has not finished within 0.1 seconds"):
        found = compare(tiny, **SMALL, out=tmp_path / "study", log_to="mlflow")
    assert found.numbers.finished
    released.set()
    [thread] = [one for one in threading.enumerate() if one.name == "steepest-mlflow"]
    thread.join(60)


def test_a_study_that_is_stopped_is_closed_without_a_result_and_goes_on(
    tiny: Make, tmp_path: Path, stand_in: type[StandIn], without_figures: None
) -> None:
    class Stop(Watcher):
        def ended(self, *_: Any, **__: Any) -> None:
            raise Interrupted("enough")

    with pytest.raises(Interrupted):
        compare(tiny, **SMALL, out=tmp_path / "study", log_to="mlflow", watcher=Stop())
    assert not of("result")
    assert StandIn.given[-1][0] == "close"
    found = compare(tiny, **SMALL, out=tmp_path / "study", log_to="mlflow")
    assert len(set(names(of("run")))) == found.runs.height
    assert len(of("result")) == 1


def test_a_dry_run_logs_nothing(tiny: Make, tmp_path: Path, stand_in: type[StandIn]) -> None:
    compare(tiny, **SMALL, out=tmp_path / "study", log_to="mlflow", dry_run=True)
    assert StandIn.given == []


def test_an_unknown_logger_and_a_missing_package_are_said_before_anything_runs(
    steepest: Callable[..., Done], tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        UsageError, match=r"no logger 'mlfow' \(did you mean mlflow\?\); log to tensorboard, mlflow, wan"
    ):
        compare(tiny, log_to="mlfow:x", out=tmp_path / "study")
    monkeypatch.setattr(loggers, "find_spec", lambda name: None)
    with pytest.raises(
        WorkbenchError, match=r"needs tensorboardX, which is not .* pip install 'steepest\[tensorboard\]'"
    ):
        compare(tiny, log_to="tensorboard", out=tmp_path / "study")
    assert not (tmp_path / "study").exists()
    done = steepest("compare", "digits-mlp", "--log-to", "tensorbord")
    assert (done.code, done.out) == (2, "")
    assert "did you mean tensorboard?" in done.err


def test_plain_names() -> None:
    assert plain("<b>my task.py:task</b>/../é") == "b-my-task.py-task-b"
    assert plain("///") == "x"
    assert len(plain("a" * 1000)) == 80
