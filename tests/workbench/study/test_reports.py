"""Reports of studies that are not finished, and of several studies together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steepest.workbench import Candidate, Comparison, Task, compare
from steepest.workbench.analysis.results import Results
from steepest.workbench.analysis.study_data import data_of
from steepest.workbench.analysis.summarize import summarize
from steepest.workbench.errors import WorkbenchError
from steepest.workbench.model.optimizers import reference
from steepest.workbench.report.page import page
from steepest.workbench.store.record import Record
from steepest.workbench.study.reports import report_together

Make = Callable[[int], Task]
pytestmark = pytest.mark.usefixtures("page_alone")


@pytest.fixture
def page_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the page, and none of the files of the figures."""

    def write(results: Results, folder: Path) -> None:
        (folder / "report.html").write_text(page(results), encoding="utf-8")

    monkeypatch.setattr("steepest.workbench.report.write", write)


def small(task: Make, out: Path, **changes: Any) -> Any:
    arguments: dict[str, Any] = {"optimizers": ["sgd"], "budget": "trials=2", "seeds": 1, "controls": False, "out": out}
    return compare(task, **(arguments | changes))


def test_two_studies_in_one_report(tiny: Make, tmp_path: Path) -> None:
    """What both have is there once where it is the same, and under two names where it is not."""

    def made(name: str, optimizers: list, **changes: object) -> Comparison:
        given: dict = {"budget": "trials=2", "seeds": 2, "out": tmp_path / name} | changes
        return compare(tiny, optimizers, **given)

    first, second = made("first", ["sgd", "adam"]), made("second", ["adam", Candidate("sgd", "SGD", 0.5, "")])
    folders = [tmp_path / "first", tmp_path / "second"]
    found = report_together(folders, tmp_path / "both")
    assert {row.name for row in found.rows} == {"sgd", "adam", "adamw-linear", "sgd (second)"}
    values = {row.name: row.values for row in found.rows}
    assert values["sgd"] == next(row.values for row in first.numbers.rows if row.name == "sgd")
    assert values["sgd (second)"] == next(row.values for row in second.numbers.rows if row.name == "sgd")
    assert len(found.pairs) == 4 * 3 / 2
    assert "sgd (second)" in (tmp_path / "both" / "report.html").read_text(encoding="utf-8")
    made("other", ["sgd"], steps=20)
    with pytest.raises(WorkbenchError, match="first was made with steps=40 and other with steps=20"):
        report_together([tmp_path / "first", tmp_path / "other"], tmp_path / "none")
    with pytest.raises(WorkbenchError, match="has no optimizer that first does not have"):
        report_together([tmp_path / "first", tmp_path / "first"], tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_study_without_a_trial_of_a_scheduled_optimizer_can_be_reported(tiny: Make, tmp_path: Path) -> None:
    small(tiny, tmp_path / "study", optimizers=[reference(40), "sgd"])
    with Record(tmp_path / "study", write=True) as record:
        record.connection.execute("DELETE FROM runs WHERE optimizer = 'adamw-linear' AND phase != 'range'")
        record.set(finished=False)
        found = summarize(data_of(record))
    assert "not finished" in page(found)


def test_searches_over_other_rates_are_other_searches(tiny: Make, tmp_path: Path) -> None:
    for name, rates in (("low", "0.01,0.1"), ("high", "0.1,0.2")):
        small(tiny, tmp_path / name, budget=None, rates=rates)
    found = report_together([tmp_path / "low", tmp_path / "high"], tmp_path / "both")
    assert {row.name for row in found.rows} == {"sgd", "sgd (high)"}
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(WorkbenchError, match="is a file"):
        report_together([tmp_path / "low", tmp_path / "high"], tmp_path / "file")
