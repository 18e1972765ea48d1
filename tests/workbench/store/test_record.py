"""The record: one writer, nothing half written, exports with the types that they promise."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from steepest.workbench import Task
from steepest.workbench.errors import WorkbenchError
from steepest.workbench.model.key import Key
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import Outcome
from steepest.workbench.store.record import DATABASE, Record
from steepest.workbench.store.schema import is_study
from steepest.workbench.training.run import Run

Make = Callable[[int], Task]
KEY = Key("search", "sgd", 0.1, 0)


@pytest.fixture
def outcome(tiny: Make) -> Outcome:
    return Run(tiny, KNOWN["sgd"], 0.01, seed=0).train()


def test_a_run_is_stored_whole_or_not_at_all(tmp_path: Path, outcome: Outcome) -> None:
    with Record(tmp_path, write=True) as record:
        record.add(KEY, outcome, "val_loss")
        with pytest.raises(WorkbenchError):  # the same run a second time
            record.add(KEY, outcome, "val_loss")
        assert record.done() == {KEY}
        assert record.curves().filter(pl.col("name") == "train_loss").height == len(outcome.trace.curve)
        assert record.runs()["final"].to_list() == [outcome.trace.last("val_loss")]


def test_values_come_back_exactly(tmp_path: Path, outcome: Outcome) -> None:
    with Record(tmp_path, write=True) as record:
        record.add(KEY, outcome, "val_loss")
    with Record(tmp_path) as record:
        stored = record.curves().filter(pl.col("name") == "train_loss")
    assert list(zip(stored["step"], stored["seconds"], stored["value"], strict=True)) == outcome.trace.curve


def test_a_diverged_run_is_kept_without_a_final_value(tmp_path: Path, tiny: Make) -> None:
    with Record(tmp_path, write=True) as record:
        record.add(KEY, Run(tiny, KNOWN["sgd"], 1e30, seed=0).train(), "val_loss")
        (row,) = record.runs().iter_rows(named=True)
    assert row["status"] == "diverged"
    assert row["final"] is None


def test_there_is_one_writer_and_any_number_of_readers(tmp_path: Path) -> None:
    with Record(tmp_path, write=True):
        with pytest.raises(WorkbenchError, match="Another process is writing"):
            Record(tmp_path, write=True)
        with Record(tmp_path) as reader:
            assert reader.done() == set()
    with Record(tmp_path, write=True) as second:
        assert second.done() == set()


def test_what_an_interrupted_run_left_is_kept_until_it_has_ended(tmp_path: Path, outcome: Outcome) -> None:
    with Record(tmp_path, write=True) as record:
        record.interrupt(KEY, b"state")
        assert record.interrupted(KEY) == b"state"
        assert record.interrupted(KEY._replace(seed=1)) is None
        record.add(KEY, outcome, "val_loss")
        assert record.interrupted(KEY) is None


def test_another_version_and_another_file_are_refused(tmp_path: Path) -> None:
    with Record(tmp_path, write=True):
        assert is_study(tmp_path)
    database = sqlite3.connect(tmp_path / DATABASE)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(WorkbenchError, match="version 99"):
        Record(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    (other / DATABASE).write_text("not a database, but long enough to be looked at " * 10, encoding="utf-8")
    assert not is_study(other)


def test_another_database_is_not_a_study(tmp_path: Path) -> None:
    database = sqlite3.connect(tmp_path / DATABASE)
    database.execute("CREATE TABLE theirs (x)")
    database.close()
    assert not is_study(tmp_path)


def test_descriptions_survive_any_text(tmp_path: Path) -> None:
    hostile = {"name": "<script>'\"; DROP TABLE runs; 🚀"}
    with Record(tmp_path, write=True) as record:
        record.set(plan=hostile)
        assert record.get("plan") == json.loads(json.dumps(hostile))
        assert record.get("nothing") is None
