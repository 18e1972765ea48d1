"""The median rule on curves whose fate can be told by hand; in studies, resumed and with several workers."""

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from steepest.workbench import tune
from steepest.workbench.errors import Interrupted, UsageError, WorkbenchError
from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import DIVERGED, PRUNED, TRAINED
from steepest.workbench.model.schedules import SCHEDULES, falls_to_the_end, with_schedules
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.search.median_rule import MedianRule
from steepest.workbench.search.pruner import Ended, Memory
from steepest.workbench.store.record import Record
from support.command import Done
from support.study import FAST, results, small, write_task

STEPS = 100


def key(number: int, optimizer: str = "adam") -> Key:
    return Key(SEARCH, optimizer, float(number), 0)


def whole(number: int, *values: float, optimizer: str = "adam") -> Ended:
    """A run that came to its end, with evaluations at 50 and 100 of 100 steps."""
    steps = (50, STEPS) if len(values) == 2 else (25, 50, 75, STEPS)
    return Ended(key(number, optimizer), TRAINED, values[-1], list(zip(steps, values, strict=True)))


def rule(one_checked_in: int = 0, exempt: tuple[str, ...] = ()) -> MedianRule:
    """A rule that was told of four runs: 1, 2, 3 and 4 at step 50, and a tenth of that at the end."""
    made = MedianRule(STEPS, exempt, one_checked_in)
    for number in (1, 2, 3, 4):
        made.tell(whole(number, number, number / 10))
    return made


@pytest.mark.parametrize(("value", "ends"), [(0.5, False), (2.5, False), (3.0, False), (3.5, True), (math.nan, True)])
def test_a_run_ends_where_more_than_half_were_better(value: float, ends: bool) -> None:
    assert rule().ends(key(5), 50, value) is ends


def test_nothing_ends_before_a_tenth_nor_at_the_last_step_nor_before_four_whole_runs() -> None:
    bad = [(step, 9.0) for step in (5, 10, STEPS)]
    told = MedianRule(STEPS, one_checked_in=0)
    for number in range(3):
        told.tell(Ended(key(number), TRAINED, 1.0, [(step, 1.0) for step, _ in bad]))
    told.tell(Ended(key(3), DIVERGED, math.inf, [(5, 1.0), (10, math.nan)]))
    assert not told.ends(key(9), 10, 9.0)
    told.tell(Ended(key(4), TRAINED, 1.0, [(step, 1.0) for step, _ in bad]))
    assert [told.ends(key(9), step, value) for step, value in bad] == [False, True, False]


def test_the_best_value_so_far_counts_so_that_one_bad_evaluation_ends_no_run() -> None:
    told = MedianRule(STEPS, one_checked_in=0)
    for number in range(4):
        told.tell(whole(number, 3.0, 2.0, 2.0, 2.0))
    assert not told.ends(key(5), 25, 1.0)
    assert not told.ends(key(5), 50, 50.0)
    assert told.ends(key(6), 50, 50.0)


def test_what_was_ended_or_diverged_stays_among_those_that_a_run_is_compared_with() -> None:
    """Four of eight were better: with the whole runs alone it would be four of four, and the bar would rise forever."""
    told = rule()
    for number in (5, 6):
        told.tell(Ended(key(number), PRUNED, math.inf, [(25, 5.0)]))
        told.tell(Ended(key(10 + number), DIVERGED, math.inf, [(25, math.nan)]))
    assert not told.ends(key(9), 50, 4.5)


def test_a_run_that_was_out_of_patience_keeps_its_best_value() -> None:
    told = MedianRule(STEPS, one_checked_in=0)
    for number in range(4):
        told.tell(Ended(key(number), TRAINED, 1.0, [(25, 1.0), (50, 2.0)]))
    assert told.ends(key(5), 75, 1.5)
    assert not told.ends(key(6), 75, 0.5)


def test_optimizers_are_not_compared_with_each_other_and_some_are_exempt() -> None:
    assert not rule().ends(key(5, "sgd"), 50, 9.0)
    assert not rule(exempt=("adam",)).ends(key(5), 50, 9.0)


def test_the_first_and_then_every_fifth_that_would_end_is_trained_to_its_end() -> None:
    told = rule(one_checked_in=5)
    ended = [told.ends(key(number), 50, 9.0) for number in range(10, 22)]
    assert [number for number, ends in enumerate(ended) if not ends] == [0, 5, 10]
    assert set(told.memory.checked) == {key(10), key(15), key(20)}
    assert not told.ends(key(15), 75, 9.0)  # decided once


def test_a_sampler_is_told_a_result_that_an_ended_run_could_have_had() -> None:
    """Whole runs fall to a tenth from step 50 to the end, and their median ends at 0.25."""
    told = rule()
    told.tell(Ended(key(5), PRUNED, math.inf, [(50, 8.0)]))
    assert told.result(key(5)) == pytest.approx(0.8)
    told.tell(Ended(key(6), PRUNED, math.inf, [(50, 2.0)]))
    assert told.result(key(6)) == pytest.approx(0.25)  # 0.2 would be better than half
    assert told.result(key(7)) == math.inf
    told.tell(Ended(key(8), PRUNED, math.inf, [(50, math.nan)]))
    assert told.result(key(8)) == math.inf


def test_where_higher_is_better_values_are_negative_and_changes_are_differences() -> None:
    told = MedianRule(STEPS, one_checked_in=0)
    for number in (1, 2, 3, 4):
        told.tell(whole(number, -0.1 * number, -0.1 * number - 0.5))
    told.tell(Ended(key(5), PRUNED, math.inf, [(50, 0.0)]))
    assert told.result(key(5)) == pytest.approx(-0.5)


def test_memory_goes_through_the_record() -> None:
    memory = Memory({key(1): 50}, {key(2, "sgd"): {25: 0.5, 50: math.inf}})
    assert Memory.of(json.loads(json.dumps(memory.stored()))) == memory
    assert Memory.of(None) == Memory()


def test_a_run_whose_worker_was_killed_begins_again() -> None:
    """The values of its first life, at steps that are still to come, do not count."""
    told = MedianRule(STEPS, one_checked_in=0)
    for number in range(4):
        told.tell(whole(number, 3.0, 2.0, 2.0, 2.0))
    assert not told.ends(key(5), 50, 1.0)
    assert told.ends(key(5), 25, 9.0)


def test_schedules_that_fall_to_the_end() -> None:
    made = {one.name.removeprefix("sgd-"): one.schedule for one in with_schedules([KNOWN["sgd"]], SCHEDULES, 200)}
    falling = {name for name, schedule in made.items() if falls_to_the_end(schedule, 200)}
    assert falling == {"linear", "cosine", "warmup-cosine", "wsd", "one-cycle"}


def _searched(task: str, out: Path, **changes: object) -> pl.DataFrame:
    options: dict[str, Any] = {"strategy": "quasi-random", "prune": "median", "controls": False, **changes}
    runs = tune(task, "adam", "trials=12", 1, out=out, **options).runs
    return runs.filter(pl.col("phase") == SEARCH)


@pytest.mark.usefixtures("without_figures")
def test_a_study_ends_runs_and_its_record_says_so(tmp_path: Path) -> None:
    runs = _searched(f"{write_task(tmp_path, FAST)}:task", tmp_path / "study")
    ended = runs.filter(pl.col("status") == PRUNED)
    assert ended.height > 1
    assert ended["steps"].is_in([10, 20, 30]).all()
    assert runs.height == 12
    with Record(tmp_path / "study") as record:
        checked = Memory.of(record.get("pruning")).checked
        replayed = MedianRule(40)  # by hand: the record's own runs, told again
        for key, status, final, evaluations in record.evaluated("val_loss"):
            if key.phase == SEARCH:
                asked = [step for step, value in evaluations if replayed.ends(key, step, value)]
                assert bool(asked) == (status == PRUNED)
                replayed.tell(
                    Ended(key, status, final if final is not None and status == TRAINED else math.inf, evaluations)
                )
    assert replayed.memory.checked == checked
    assert len(checked) >= 1


@pytest.mark.usefixtures("without_figures")
def test_a_study_that_was_stopped_in_a_run_goes_on_to_the_same_decisions(tmp_path: Path) -> None:
    task = f"{write_task(tmp_path, FAST)}:task"
    _searched(task, tmp_path / "whole")
    out = tmp_path / "stopped"
    for trial in (6, 4):  # of those that are left
        with pytest.raises(Interrupted):
            _searched(task, out, watcher=StopsIn(trial))
    _searched(task, out)
    assert results(out).equals(results(tmp_path / "whole"))
    with Record(out) as stopped, Record(tmp_path / "whole") as undisturbed:
        assert stopped.get("pruning")["checked"] == undisturbed.get("pruning")["checked"]


class StopsIn(Watcher):
    """Sends SIGINT in the middle of a trial, or of the first after it that comes so far."""

    def __init__(self, trial: int) -> None:
        self.trial, self.trials = trial, 0

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        self.trials += key.phase == SEARCH

    def at_step(self, step: int, worker: int = 0) -> None:
        if self.trials >= self.trial and step == 15:
            self.trial = 1000
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.usefixtures("without_figures")
def test_several_workers_end_runs_and_the_finalists_came_to_their_end(tmp_path: Path) -> None:
    runs = _searched(f"{write_task(tmp_path, FAST)}:task", tmp_path / "study", workers=2)
    whole_runs = set(runs.filter(pl.col("status") == TRAINED)["rate"])
    assert runs.filter(pl.col("status") == PRUNED).height > 1
    with Record(tmp_path / "study") as record:
        assert {key.rate for key, *_ in record.ended("finalists", "adam")} <= whole_runs


@pytest.mark.usefixtures("without_figures")
def test_another_rule_is_another_study_and_an_unknown_one_an_error(tmp_path: Path) -> None:
    task = f"{write_task(tmp_path, FAST)}:task"
    small(task, tmp_path / "study")
    with pytest.raises(WorkbenchError, match="holds a comparison with prune=none, not prune=median"):
        small(task, tmp_path / "study", prune="median")
    with pytest.raises(UsageError, match="No rule 'medium' ends runs early"):
        small(task, tmp_path / "other", prune="medium")


@pytest.mark.usefixtures("without_figures")
def test_where_the_end_of_a_schedule_decides_nothing_ends_and_the_user_is_told(tmp_path: Path) -> None:
    task = f"{write_task(tmp_path, FAST)}:task"
    with pytest.warns(UserWarning, match="No run of adam-cosine is ended early"):
        runs = _searched(task, tmp_path / "study", schedules="cosine")
    assert set(runs["status"]) == {TRAINED}


@pytest.mark.usefixtures("without_figures")
def test_the_command_line_ends_runs(steepest: Callable[..., Done], tmp_path: Path) -> None:
    write_task(tmp_path, FAST)
    options = ["--budget", "trials=12", "--seeds", "1", "--strategy", "quasi-random", "--prune", "median"]
    done = steepest("tune", "slow.py:task", "--optimizer", "adam", *options, "--json", "--out", "study")
    assert done.code == 0
    assert '"status": "pruned", "value": null' in done.out
