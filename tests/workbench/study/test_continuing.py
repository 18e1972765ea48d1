"""A study is continued by default, never mixed with another one, and loses nothing."""

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from steepest.workbench import Task
from steepest.workbench.errors import TaskError, WorkbenchError
from steepest.workbench.model.key import RANGE
from steepest.workbench.store.record import Record
from support.study import KEY, small

Make = Callable[[int], Task]


pytestmark = pytest.mark.usefixtures("without_figures")


OWN = "def mine(p, g, *, lr=0.1):\n    '''{} of a step.'''\n    p = p - {} * lr * g\n    return p\n"


@pytest.fixture(scope="module")
def made_once(tiny: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that tests take copies of."""
    folder = tmp_path_factory.mktemp("once") / "study"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steepest.workbench.study.reports._write", lambda *_: None)
        small(tiny, folder)
    return folder


@pytest.fixture
def study(made_once: Path, tmp_path: Path) -> Path:
    """The folder of a study that is complete."""
    return Path(shutil.copytree(made_once, tmp_path / "study"))


def runs_of(folder: Path) -> pl.DataFrame:
    with Record(folder) as record:
        return record.runs()


def test_the_same_call_again_runs_nothing(tiny: Make, study: Path) -> None:
    before = runs_of(study)
    assert small(tiny, study).runs.equals(before)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"budget": "trials=4"}, "trials=3, not trials=4"),
        ({"seeds": 3}, "seeds=2, not seeds=3"),
        ({"steps": 11}, "steps=40, not steps=11"),
        ({"optimizers": ["sgd"]}, "optimizers=sgd@0.1,adam@0.001, not optimizers=sgd@0.1;"),
    ],
)
def test_a_changed_configuration_is_named(tiny: Make, study: Path, change: dict, named: str) -> None:
    before = runs_of(study)
    with pytest.raises(WorkbenchError, match=named) as refused:
        small(tiny, study, **change)
    assert "--fresh" in str(refused.value)
    assert runs_of(study).equals(before)


def test_a_changed_configuration_starts_over_where_it_is_asked_to(tiny: Make, study: Path) -> None:
    again = small(tiny, study, steps=11, fresh=True).runs
    assert again.height == len(set(again.select(KEY).iter_rows())) == runs_of(study).height
    assert set(again.filter(pl.col("phase") != RANGE)["steps"]) == {11}


@pytest.mark.usefixtures("without_figures")
def test_an_optimizer_that_was_edited_is_another(tiny: Make, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN.format("Half", 0.5), encoding="utf-8")
    small(tiny, tmp_path / "study", optimizers=[f"{file}:mine"])
    small(tiny, tmp_path / "study", optimizers=[f"{file}:mine"])
    file.write_text(OWN.format("All", 1.0), encoding="utf-8")
    with pytest.raises(WorkbenchError, match=r"file=\w+, not file=\w+, for Mine"):
        small(tiny, tmp_path / "study", optimizers=[f"{file}:mine"])


def test_fresh_touches_nothing_that_is_not_a_study(tiny: Make, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work", encoding="utf-8")
    for fresh in (False, True):
        with pytest.raises(WorkbenchError, match="not a study"):
            small(tiny, tmp_path, fresh=fresh)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_fresh_keeps_other_files_in_a_study(tiny: Make, study: Path) -> None:
    (study / "notes.txt").write_text("mine", encoding="utf-8")
    small(tiny, study, fresh=True)
    assert (study / "notes.txt").read_text(encoding="utf-8") == "mine"


def test_a_folder_that_cannot_be_made(tiny: Make, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(WorkbenchError, match="is a file"):
        small(tiny, tmp_path / "file")
    with pytest.raises(WorkbenchError, match="cannot be written"):
        small(tiny, tmp_path / "file" / "below")


def test_a_task_that_raises_half_way_loses_nothing(tiny: Make, tmp_path: Path) -> None:
    broken = True

    def task(seed: int) -> Task:
        if broken and seed == 4:
            raise KeyError("the user's own mistake")
        return tiny(seed)

    with pytest.raises(TaskError, match="seed 4") as raised:
        small(task, tmp_path / "study", seeds=4)
    assert "own mistake" in raised.value.details
    assert "workbench/training/run.py" not in raised.value.details
    assert "workbench/study/study.py" not in raised.value.details
    with Record(tmp_path / "study") as record:
        kept = record.runs()
    assert kept.height == 6 + 6 + 3 * 2 * 2  # rising runs, trials, three of the four fresh seeds
    broken = False
    finished = small(task, tmp_path / "study", seeds=4).runs
    assert finished.filter(pl.col("phase") == "finalists").height == 4 * 2 * 2
    assert finished[: kept.height].equals(kept)
