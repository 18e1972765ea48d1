"""A study of 100 slots that answer at random times: all runs are in the record, and what grows with them is bounded.

`python -m benchmarks.many_slots` measures one of 100,000 runs.
"""

import re
from pathlib import Path

import pytest
from benchmarks.many_slots import Counted, KilledError, ManySlots, study_in

from steepest.workbench.analysis import dimensions, figure_data
from steepest.workbench.store import curves
from steepest.workbench.store.record import Record

RUNS = 300


def test_a_study_of_many_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curves, "MOST_POINTS", 1000)
    monkeypatch.setattr(curves, "BEST_TRIALS", 5)
    monkeypatch.setattr(figure_data, "MOST_RUNS", 50)
    monkeypatch.setattr(dimensions, "MOST_TRIALS", 120)
    out, counted = tmp_path / "study", Counted()
    killed = ManySlots(100, most=RUNS // 2)
    with pytest.raises(KilledError):
        study_in(out, RUNS, counted).conduct(killed)
    with Record(out) as record:
        assert record.amount()[0] == RUNS // 2
    again = ManySlots(100)
    study = study_in(out, RUNS, counted).conduct(again)
    assert counted.found == RUNS // 2
    assert again.answers == study.runs.height - RUNS // 2
    assert study.runs.filter(study.runs["phase"] == "search").height == RUNS
    assert study.runs.select("phase", "optimizer", "rate", "settings", "seed").is_unique().all()
    told = re.sub(r"\s+", " ", (out / "report.html").read_text(encoding="utf-8"))
    assert re.search(r"of (5\d|[6-9]\d|1[0-4]\d) of 3\d\d runs, the best and an even sample of the others", told)
    assert re.search(r"\d+ of 300 trials are drawn, the best and an even sample of the others", told)
    with_curves = study.numbers.runs_with_curves
    assert with_curves == 4 * 5 + study.runs.filter(~study.runs["phase"].is_in(["range", "search"])).height
    assert f"curves.parquet has the curves of {with_curves} of {study.runs.height} runs" in told


def test_a_study_goes_on_alike_however_its_slots_answer(tmp_path: Path, without_figures: None) -> None:
    one, many = (
        study_in(tmp_path / name, 60, Counted()).conduct(ManySlots(n)).runs for name, n in (("1", 1), ("2", 50))
    )
    keys = ["phase", "optimizer", "rate", "settings", "seed"]
    columns = [*keys, "status", "steps", "initial", "final"]
    assert one.sort(keys).select(columns).equals(many.sort(keys).select(columns))
