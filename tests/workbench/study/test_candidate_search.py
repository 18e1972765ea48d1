"""The search of one optimizer with several runs at a time: its points do not depend on which run ends first."""

import random
from pathlib import Path

import pytest

from steepest.workbench import tune
from steepest.workbench.model.key import SEARCH, Key, values_of
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import DIVERGED, TRAINED, Outcome, Trace
from steepest.workbench.model.plan import Plan
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.staged import Staged
from steepest.workbench.store.record import Record
from steepest.workbench.study.candidate_search import CandidateSearch, ahead_of
from support.study import FAST, results, write_task

ADAMW = KNOWN["adamw"]
PLAN = Plan("hand", [ADAMW.described()], "trials=14", 1, 10, "val_loss", False)
TRIALS = 14


def search(record: Record, ahead: list[tuple[int, int]]) -> CandidateSearch:
    space = SearchSpace(ADAMW, 1e-3, ADAMW.space[:2])
    return CandidateSearch("adamw", Staged(space, 0, TRIALS), PLAN, record, ahead)


def ended(key: Key) -> Outcome:
    """A run whose loss depends on its setting alone; high rates diverge."""
    if key.rate > 0.01:
        return Outcome(DIVERGED, "", Trace(1, 0.1))
    loss = abs(key.rate / 3e-3 - 1) + values_of(key.settings).get("weight_decay", 0.01)
    return Outcome(TRAINED, "", Trace(10, 0.1, metrics=[(10, 0.1, "val_loss", loss)]))


def conducted(folder: Path, workers: int, chance: random.Random, killed_after: int = 0) -> list[Key]:
    """The trials in their order, where runs under way end in an order by chance; after a kill they are begun again."""
    folder.mkdir(exist_ok=True)
    with Record(folder, write=True) as record:
        ahead = ahead_of(record, workers, 1)
        record.set(ahead=ahead)
        found = search(record, ahead)
        under_way: list[Key] = []
        done = record.done()
        while len(found.asked) < TRIALS or under_way:
            while len(found.asked) < TRIALS and len(under_way) < workers and found.is_ready():
                if (key := found.next()) is not None and key not in done:
                    under_way.append(key)
            if under_way:
                key = under_way.pop(chance.randrange(len(under_way)))
                record.add(key, ended(key), "val_loss")
                if killed_after and len(record.done()) >= killed_after:
                    return found.asked
        return found.asked


@pytest.mark.parametrize("workers", [1, 3])
def test_the_order_in_which_runs_end_changes_no_point(workers: int, tmp_path: Path) -> None:
    first, second = (conducted(tmp_path / f"{one}", workers, random.Random(one)) for one in range(2))
    assert first == second
    assert len({*first}) == TRIALS


def test_a_killed_study_asks_for_the_same_and_makes_no_run_twice(tmp_path: Path) -> None:
    whole = conducted(tmp_path / "whole", 3, random.Random(0))
    chance = random.Random(1)
    for killed_after in (2, 5, 6, 11):
        conducted(tmp_path / "killed", 3, chance, killed_after)
    assert conducted(tmp_path / "killed", 3, chance) == whole
    with Record(tmp_path / "killed") as record:
        assert len(list(record.all_ended())) == TRIALS, "the record refuses a run that it has"


def test_another_number_of_workers_keeps_the_points_that_are_there(tmp_path: Path) -> None:
    begun = conducted(tmp_path / "study", 3, random.Random(0), killed_after=6)
    again = conducted(tmp_path / "study", 1, random.Random(1))
    with Record(tmp_path / "study") as record:
        kept = {key for key, _, _ in record.all_ended()}
        assert record.get("ahead") == [[0, 3], [9, 0]]
    assert again[: len(begun)] == begun
    assert kept == {*again}


def test_how_many_results_a_trial_does_without(tmp_path: Path) -> None:
    with Record(tmp_path, write=True) as record:
        assert ahead_of(record, 1, 2) == [(0, 0)]
        assert ahead_of(record, 2, 1) == [(0, 2)]
        assert ahead_of(record, 4, 2) == [(0, 2)]
        record.set(ahead=[(0, 2)])
        key = Key(SEARCH, "adamw", 1e-3, 0)
        record.add(key, ended(key), "val_loss")
        assert ahead_of(record, 2, 1) == [(0, 2)]
        assert ahead_of(record, 1, 1) == [(0, 2), (3, 0)]


def test_two_workers_ask_for_the_same_points_each_time(tmp_path: Path, without_figures: None) -> None:
    task = f"{write_task(tmp_path, FAST)}:task"
    found = []
    for name in ("one", "two"):
        tune(task, "adam", "trials=9", 1, controls=False, workers=2, out=tmp_path / name, stacked=False)
        found.append(results(tmp_path / name))
        with Record(tmp_path / name) as record:
            assert record.get("ahead") == [[0, 2]]
    assert found[0].equals(found[1])


def test_several_optimizers_get_the_same_budget_in_turn(tmp_path: Path, without_figures: None) -> None:
    task = f"{write_task(tmp_path, FAST)}:task"
    result = tune(task, ["adam", "sgd"], "trials=7", 1, controls=False, out=tmp_path / "study")
    with Record(tmp_path / "study") as record:
        searched = [key.optimizer for key, _, _ in record.all_ended() if key.phase == SEARCH]
    assert searched == ["adam", "sgd"] * 7
    assert sorted(one.optimizer for one in result.numbers.tuning) == ["adam", "sgd"]
