"""Studies on a Ray cluster of several nodes, which are all on this machine."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

pytest.importorskip("ray")

from steepest.workbench import compare
from steepest.workbench.store.record import Record
from support.ray_nodes import Nodes, nodes
from support.study import FAST, results, write_task
from support.watching import Log

pytestmark = [pytest.mark.usefixtures("without_report"), pytest.mark.timeout(300)]
ARGUMENTS: dict = {"optimizers": ["sgd", "adam"], "budget": "trials=3", "seeds": 2, "controls": False}


@pytest.fixture
def without_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no report: these tests are of what is run and stored."""
    monkeypatch.setattr("steepest.workbench.study.reports._write", lambda *_, **__: None)


@pytest.fixture(scope="module")
def two() -> Iterator[Nodes]:
    """A cluster of two nodes with a processor each."""
    with nodes("second") as found:
        yield found


def nodes_of(folder: Path) -> pl.Series:
    """The machine of each run."""
    with Record(folder) as record:
        return record.runs()["node"]


def test_two_nodes_give_the_numbers_and_the_events_of_one_process(two: Nodes, tmp_path: Path) -> None:
    task = f"{write_task(tmp_path, FAST)}:task"
    alone, spread = Log(), Log()
    compare(task, out=tmp_path / "alone", watcher=alone, **ARGUMENTS)
    compare(task, out=tmp_path / "spread", watcher=spread, ray=two.address, **ARGUMENTS)
    assert results(tmp_path / "spread").equals(results(tmp_path / "alone"))
    for kind in ("started", "evaluated", "ended", "close"):
        assert spread.of(kind) == alone.of(kind)
    assert spread.of("begin") == [(2,)]
    assert set(nodes_of(tmp_path / "spread")) == {"first", "second"}
    assert set(nodes_of(tmp_path / "alone")) == {""}
