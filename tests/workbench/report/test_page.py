"""The page as text, and the files beside it."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
import vl_convert

from steepest.workbench import Comparison, Task
from steepest.workbench.analysis.figure_data import figure_data
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.report import figures, warning_sentences
from steepest.workbench.report.page import page
from steepest.workbench.report.terminal import text
from steepest.workbench.store.record import DATABASE
from support.by_hand import SEARCH, results_by_hand
from support.hostile import METRIC, NAMES

Make = Callable[[int], Task]


def test_an_unfinished_study_can_be_reported_and_says_so(tmp_path: Path) -> None:
    found = results_by_hand(tmp_path, SEARCH, {"sgd": {0.1: [1.0]}}, finished=False)
    assert any("not finished" in warning for warning in warning_sentences.warnings(found))
    assert "adam" in page(found)


def test_colours_belong_to_optimizers_and_never_repeat_among_eight() -> None:
    alone, together = figures.colours(["adam"]), figures.colours(["sgd", "mine", "adam", "yours"])
    assert alone["adam"] == together["adam"]
    assert len(set(figures.colours(KNOWN).values())) == len(KNOWN)
    assert len(set(together.values())) == 4


def test_the_page_is_one_small_file_that_loads_nothing(recorded: Comparison) -> None:
    content = (recorded.folder / "report.html").read_text(encoding="utf-8")
    assert len(content.encode()) < 2_000_000
    without_scripts = re.sub(r"<script.*?</script>", "", content, flags=re.DOTALL)
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", without_scripts)
    assert not re.search(r"@import|url\(", without_scripts)
    specification = re.search(r'id="charts">(.*?)</script>', content, re.DOTALL)
    assert specification is not None
    assert '"url"' not in specification[1]
    assert set(json.loads(specification[1])) == {
        "sensitivity",
        "curves",
        "finalists",
        "history",
        "rates",
        "trials",
        "updates",
        "gradients",
    }


def test_the_library_is_put_together_once(
    recorded: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path / "cache"))
    numbers, made = recorded.numbers, vl_convert.javascript_bundle()  # type: ignore[call-arg]  its stub errs
    first = page(numbers)
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: pytest.fail("It was put together again."))
    assert page(numbers) == first
    assert made.replace("</script", "<\\/script") in first
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: made)
    assert page(numbers) == first


def test_hostile_names_are_text(recorded: Comparison) -> None:
    content = (recorded.folder / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in content
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert(1)" in content
    printed = text(recorded.numbers)
    assert all(name in printed for name in [*NAMES, METRIC])


def test_the_page_can_be_saved_elsewhere(recorded: Comparison, tmp_path: Path) -> None:
    recorded.save_html(tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_bytes() == (recorded.folder / "report.html").read_bytes()


@pytest.mark.parametrize("seeds", [1, 2])
def test_nothing_wins_with_one_or_two_seeds(tmp_path: Path, seeds: int) -> None:
    finals = {"sgd": {0.1: [2.0] * seeds}, "adam": {1e-2: [0.8] * seeds}}
    found = results_by_hand(tmp_path, SEARCH, finals, seeds=seeds)
    assert found.pairs[0].outcome == "tie"
    assert "wins" not in page(found).partition('id="charts"')[0]
    assert "smoke test" in " ".join(warning_sentences.warnings(found))


def test_the_folder_holds_what_is_promised(tiny: Make, recorded: Comparison) -> None:
    names = {path.name for path in recorded.folder.iterdir()}
    figures = {f"{n}.{e}" for n in ("sensitivity", "curves-steps", "finalists", "rates") for e in ("png", "svg")}
    assert names >= {DATABASE, "manifest.json", "runs.parquet", "curves.parquet", "report.html"} | figures
    assert pl.read_parquet(recorded.folder / "runs.parquet").equals(recorded.runs)
    assert (recorded.folder / "sensitivity.png").read_bytes().startswith(b"\x89PNG")
    best = recorded.best().build(tiny(0).model.parameters())
    assert best.param_groups[0]["lr"] == recorded.numbers.rows[0].rate
    assert str(recorded.best()) in recorded.summary()


def test_the_page_has_the_rate_of_a_schedule_below_the_loss(recorded: Comparison) -> None:
    data = figure_data(recorded.numbers)
    rows = figures.for_page(data)["rates"]["datasets"]["rates"]
    best = {row.name: row.rate for row in recorded.numbers.rows}
    line = {row["x"]: row["rate"] for row in rows if row["optimizer"] == "adamw-linear"}
    assert line[10] == pytest.approx(best["adamw-linear"] * 0.75)
    assert 40 not in line  # zero has no place on a log scale
    assert {row["rate"] for row in rows if row["optimizer"] == "sgd"} == {best["sgd"]}


def test_without_schedules_there_is_no_such_figure(tmp_path: Path) -> None:
    results = results_by_hand(tmp_path, SEARCH, {"sgd": {0.1: [1.0]}})
    assert "rates" not in figures.for_page(figure_data(results))
    assert 'id="rates"' not in page(results)
