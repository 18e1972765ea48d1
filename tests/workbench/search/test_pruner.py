"""Pruners: none by default, and another one that a test registers; asked at each evaluation, in any process."""

from collections.abc import Container
from pathlib import Path

import polars as pl
import pytest

from steepest.workbench.model.job import Job
from steepest.workbench.model.key import RANGE, SEARCH, Key
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.search import PRUNERS
from steepest.workbench.search.pruner import Ended, Memory
from steepest.workbench.study.supervisor import StudySupervisor
from support.study import FAST, conduct, write_task

pytestmark = pytest.mark.usefixtures("without_figures")


class EndsAdam:
    """Ends every trial of Adam at the evaluation in the middle of the run."""

    phases: Container[str] = (SEARCH,)

    def __init__(self) -> None:
        self.asked: list[tuple[str, int, float]] = []
        self.told: list[str] = []
        self.memory = Memory()

    def tell(self, run: Ended) -> None:
        self.told.append(run.status)

    def result(self, key: Key) -> float:
        return 7.0

    def ends(self, key: Key, step: int, value: float) -> bool:
        self.asked.append((key.optimizer, step, value))
        return key.optimizer == "adam" and step >= 20


@pytest.mark.parametrize("workers", [1, 2])
def test_another_pruner_is_one_line_and_ends_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    pruner = EndsAdam()
    monkeypatch.setitem(PRUNERS, "ends adam", lambda plan: pruner)
    task = f"{write_task(tmp_path, FAST)}:task"
    runs = conduct(task, tmp_path / "study", ["sgd", "adam"], "trials=2", pruner="ends adam", workers=workers).runs
    searched = runs.filter(pl.col("phase") == SEARCH)
    adam, sgd = (searched.filter(pl.col("optimizer") == name) for name in ("adam", "sgd"))
    assert (adam["status"].to_list(), adam["steps"].to_list()) == (["pruned"] * 2, [20] * 2)
    assert adam["reason"].to_list() == ["a pruner ended the run at step 20 of 40"] * 2
    assert sgd["steps"].to_list() == [40] * 2
    assert set(runs.filter(~pl.col("phase").is_in([RANGE, SEARCH]))["steps"]) == {40}  # the others do not ask
    assert {step for _, step, _ in pruner.asked} == {10, 20, 30, 40}
    assert sorted(pruner.told) == ["pruned"] * 2 + ["trained"] * 2
    assert sgd["final"].is_in([value for _, _, value in pruner.asked]).all()


def test_for_a_pruner_lower_is_better() -> None:
    pruner = EndsAdam()
    supervisor = StudySupervisor(lambda: False, Watcher(), pruner, higher_is_better=True)
    key = Key(SEARCH, "adam", 0.1, 0)
    assert supervisor.evaluated(Job(key, 40, may_be_pruned=True), 20, 0.75, worker=0)
    assert not supervisor.evaluated(Job(key, 40), 20, 0.75, worker=0)
    assert pruner.asked == [("adam", 20, -0.75)]
