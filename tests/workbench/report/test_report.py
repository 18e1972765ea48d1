"""The report's numbers against hand calculations, its words, and the page as text."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch
import vl_convert
from torch import nn

from steepest.workbench import Candidate, Comparison, Task, compare
from steepest.workbench.analysis.near_optimal import near_optimal
from steepest.workbench.analysis.results import Control, Numbers
from steepest.workbench.analysis.statistics import Interval
from steepest.workbench.analysis.study_data import held
from steepest.workbench.analysis.summarize import numbers_of
from steepest.workbench.errors import WorkbenchError
from steepest.workbench.model.key import Key
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import DIVERGED, TRAINED, Outcome, Trace
from steepest.workbench.report import figures, words
from steepest.workbench.report.page import page
from steepest.workbench.report.terminal import text
from steepest.workbench.store.record import DATABASE, Record
from steepest.workbench.study.compare import report_together

Make = Callable[[int], Task]
HOSTILE = ["<script>alert(1)</script>", "quote\"'&", "🚀 [red]x[/red]"]


def outcome(final: float | None, initial: float = 3.0, seconds: float = 1.0) -> Outcome:
    """A run of ten steps whose metric goes down in a straight line."""
    if final is None:
        return Outcome(DIVERGED, "", Trace(1, seconds, [(1, 0.1, math.nan)], [(0, 0.0, "val_loss", initial)]))
    values = [initial + (final - initial) * step / 10 for step in range(11)]
    metrics = [(step, seconds * step / 10, "val_loss", value) for step, value in enumerate(values)]
    return Outcome(TRAINED, "", Trace(10, seconds, [(s, t, v) for s, t, _, v in metrics[1:]], metrics))


def study(folder: Path, search: dict, finalists: dict, finished: bool = True, **changes: object) -> Numbers:
    """The numbers of a record that is written by hand: optimizer -> rate -> final values."""
    described = [KNOWN[name].described() for name in search]
    plan = {"task": "by-hand", "optimizers": described, "budget": "trials=3", "seeds": 3, "steps": 10}
    plan |= {"metric": "val_loss", "higher_is_better": False} | changes
    with Record(folder, write=True) as record:
        space = {name: {} for name in search}
        manifest = {
            "search_space": space,
            "rates": [],
            "versions": {},
            "machine": {},
            "command": [],
            "started": "",
            "git": None,
        }
        record.set(plan=plan, manifest=manifest, digests=["x"], target=1.5, baseline=None, finished=finished)
        for phase, runs in (("search", search), ("finalists", finalists)):
            for name, rates in runs.items():
                for rate, finals in rates.items():
                    for seed, final in enumerate(finals, start=phase == "finalists"):
                        record.add(Key(phase, name, rate, seed), outcome(final), "val_loss")
        return numbers_of(held(record))


SEARCH = {"sgd": {0.01: [2.0], 0.1: [1.0], 1.0: [None]}, "adam": {1e-4: [2.5], 1e-3: [1.2], 1e-2: [0.9]}}
FINALISTS = {
    "sgd": {0.1: [1.0, 1.1, 1.2], 0.01: [2.0, 2.0, 2.0]},
    "adam": {1e-2: [0.8, 0.9, 1.0], 1e-3: [1.2, 1.2, 1.2]},
}


def test_a_row_by_hand(tmp_path: Path) -> None:
    found = study(tmp_path, SEARCH, FINALISTS)
    adam, sgd = found.rows
    assert (adam.name, adam.rate, adam.values) == ("adam", 0.01, pytest.approx([0.8, 0.9, 1.0]))
    # mean 0.9, standard deviation 0.1, t(0.975; 2) = 4.3027
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert adam.mean == pytest.approx((0.9, 0.9 - half, 0.9 + half), rel=1e-6)
    assert (sgd.trained, sgd.searched, sgd.searched_trained) == (3, 3, 2)
    # from 3 to 0.9 in ten steps the target 1.5 is passed in step 8 (to 0.8: 7, to 1.0: 8)
    assert adam.steps_to_target == 8
    assert adam.seconds_to_target == pytest.approx(0.8)
    assert adam.step_seconds == pytest.approx(0.1)
    assert adam.edge == "highest"
    assert sgd.edge == ""
    assert adam.falling == pytest.approx(0.1)
    assert found.failed == 1


def test_a_pair_by_hand(tmp_path: Path) -> None:
    (pair,) = study(tmp_path, SEARCH, FINALISTS).pairs
    assert (pair.a, pair.b) == ("adam", "sgd")
    assert pair.difference.estimate == pytest.approx(-0.2)
    assert pair.p == 2 / 8
    assert pair.superiority.estimate == pytest.approx(8.5 / 9)  # one tie, at 1.0
    assert pair.outcome == "adam wins"


def test_failures_are_counted_and_not_averaged(tmp_path: Path) -> None:
    finals = {"sgd": {0.1: [1.0, None, 1.2]}, "adam": {1e-2: [0.8, None, None]}}
    found = study(tmp_path, SEARCH, finals)
    sgd, adam = found.rows
    assert (sgd.name, sgd.trained, sgd.mean.estimate) == ("sgd", 2, pytest.approx(1.1))
    assert adam.trained == 1
    assert adam.median == math.inf
    assert any("2 of 3 runs with fresh seeds failed" in warning for warning in found.warnings)


def test_higher_is_better_turns_everything_round(tmp_path: Path) -> None:
    found = study(tmp_path, SEARCH, FINALISTS, higher_is_better=True)
    assert [row.name for row in found.rows] == ["sgd", "adam"]
    assert found.rows[0].rate == 0.01
    low, high = found.rows[1].mean.low, found.rows[1].mean.high
    assert low <= found.rows[1].mean.estimate <= high
    assert found.pairs[0].superiority.estimate == 1


def test_the_verdict_says_who_how_sure_and_at_what_cost(tmp_path: Path) -> None:
    found = study(tmp_path, SEARCH, FINALISTS)
    verdict = " ".join(found.verdict)
    assert "adam wins on by-hand. At a learning rate of 0.01," in verdict
    assert "0.90 (95 % interval 0.65 to 1.15)" in verdict
    assert "3 fresh seeds for each: indicative" in verdict
    assert "18 runs, 1 of which failed: 171 steps" in verdict  # 17 of 10, and one that ended at its first


def test_a_tie_is_called_a_tie(tmp_path: Path) -> None:
    finals = {"sgd": {0.1: [1.0, 1.1, 1.2]}, "adam": {1e-2: [1.2, 1.0, 1.0]}}
    assert "No clear winner" in study(tmp_path, SEARCH, finals).verdict[0]


def test_warnings(tmp_path: Path) -> None:
    search = SEARCH | {"sgd": {0.01: [None], 0.1: [1.0], 1.0: [None]}}
    texts = " ".join(study(tmp_path, search, FINALISTS).warnings)
    assert "adam: the best rate, 0.01, is the highest that was tried" in texts
    assert "sgd: 2 of 3 trials failed" in texts
    assert "came in the last tenth" in texts
    assert "3 seeds for each estimate: indicative" in texts


def test_an_unfinished_study_can_be_reported_and_says_so(tmp_path: Path) -> None:
    found = study(tmp_path, SEARCH, {"sgd": {0.1: [1.0]}}, finished=False)
    assert any("not finished" in warning for warning in found.warnings)
    assert "adam" in page(found)


def test_the_near_optimal_band_by_hand() -> None:
    rates = [1e-3, 1e-2, 1e-1, 1.0, 10.0]
    # from 10 to 0 at the best: the limit is 0.5, half way (in log rate) between 0.1 (value 0) and 1 (value 1)
    band = near_optimal(rates, [5.0, 1.0, 0.0, 1.0, 5.0], initial=10.0)
    assert (band.low, band.high, band.open) == (pytest.approx(10**-1.5), pytest.approx(10**-0.5), False)
    assert band.decades == pytest.approx(1)


def test_the_near_optimal_band_at_the_edge_and_beside_a_failure() -> None:
    band = near_optimal([0.1, 1.0, 10.0], [0.0, 0.1, math.inf], initial=10.0)
    assert band == (0.1, 1.0, True)
    assert math.isnan(near_optimal([0.1], [math.inf], initial=1.0).low)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0.0123456, "0.0123"),
        (123.456, "123"),
        (0.0, "0.00"),
        (1e-7, "1.00e\u221207"),
        (-2.5, "\u22122.50"),
        (math.inf, "∞"),
    ],
)
def test_numbers_are_written_with_three_digits(value: float, written: str) -> None:
    assert words.number(value) == written


def test_an_interval_is_written_with_the_digits_that_it_deserves() -> None:
    assert words.interval(Interval(0.123456, 0.1201, 0.1268)) == ("0.1235", "0.1201 to 0.1268")
    assert words.interval(Interval(87.0912, 86.5, 87.7)) == ("87.09", "86.50 to 87.70")
    assert words.interval(Interval(1.0, -math.inf, math.inf)) == ("1.00", "one seed")


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(5e-5, "50 µs"), (0.0123, "12.3 ms"), (41.7, "41.7 s"), (90, "1.5 min"), (math.nan, "\u2013")],
)
def test_durations(seconds: float, written: str) -> None:
    assert words.duration(seconds) == written


def test_colours_belong_to_optimizers_and_never_repeat_among_eight() -> None:
    alone, together = figures.colours(["adam"]), figures.colours(["sgd", "mine", "adam", "yours"])
    assert alone["adam"] == together["adam"]
    assert len(set(figures.colours(KNOWN).values())) == len(KNOWN)
    assert len(set(together.values())) == 4


@pytest.fixture(scope="module")
def hostile(tiny: Make, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    def make(seed: int) -> Task:
        task = tiny(seed)
        return replace(task, metric=HOSTILE[0], evaluate=lambda model: {HOSTILE[0]: task.evaluate(model)["val_loss"]})

    make.__name__ = "<img src=x onerror=alert(1)>"
    candidates = [Candidate(name, "Adam", 0.01, "") for name in HOSTILE]
    return compare(make, candidates, "trials=3", 2, out=tmp_path_factory.mktemp("hostile") / "study")


def test_the_page_is_one_small_file_that_loads_nothing(hostile: Comparison) -> None:
    content = (hostile.folder / "report.html").read_text(encoding="utf-8")
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
        "rates",
        "trials",
        "gauges",
        "gradients",
    }


def test_the_library_is_put_together_once(hostile: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEEPEST_CACHE_DIR", str(tmp_path / "cache"))
    numbers, made = hostile.numbers, vl_convert.javascript_bundle()  # type: ignore[call-arg]  its stub errs
    first = page(numbers)
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: pytest.fail("It was put together again."))
    assert page(numbers) == first
    assert made.replace("</script", "<\\/script") in first
    for file in (tmp_path / "cache").iterdir():
        file.write_bytes(file.read_bytes()[:-1])
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda: made)
    assert page(numbers) == first


def test_hostile_names_are_text(hostile: Comparison) -> None:
    content = (hostile.folder / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in content
    assert "<script>alert" not in content
    assert "&lt;script&gt;alert(1)" in content
    printed = text(hostile.numbers)
    assert all(name in printed for name in HOSTILE)


def test_the_page_can_be_saved_elsewhere(hostile: Comparison, tmp_path: Path) -> None:
    hostile.save_html(tmp_path / "mine.html")
    assert (tmp_path / "mine.html").read_bytes() == (hostile.folder / "report.html").read_bytes()


@pytest.mark.parametrize("seeds", [1, 2])
def test_nothing_wins_with_one_or_two_seeds(tmp_path: Path, seeds: int) -> None:
    finals = {"sgd": {0.1: [2.0] * seeds}, "adam": {1e-2: [0.8] * seeds}}
    found = study(tmp_path, SEARCH, finals, seeds=seeds)
    assert found.pairs[0].outcome == "tie"
    assert "wins" not in page(found).partition('id="charts"')[0]
    assert "smoke test" in " ".join(found.warnings)


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
    content = (tmp_path / "both" / "report.html").read_text(encoding="utf-8")
    assert "sgd (second)" in content
    made("other", ["sgd"], steps=20)
    with pytest.raises(WorkbenchError, match="first was made with steps=40 and other with steps=20"):
        report_together([tmp_path / "first", tmp_path / "other"], tmp_path / "none")
    with pytest.raises(WorkbenchError, match="has no optimizer that first does not have"):
        report_together([tmp_path / "first", tmp_path / "first"], tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_the_budget_curve_by_hand(tmp_path: Path) -> None:
    """Of the values 1, 2 and a failure, which leaves 3: the best of two is 1, 1 or 2, of three 1."""
    (row,) = study(tmp_path, {"sgd": {0.01: [2.0], 0.1: [1.0], 1.0: [None]}}, {"sgd": {0.1: [1.0]}}).rows
    assert [point.trials for point in row.tuning] == [1, 2, 3]
    assert [point.expected for point in row.tuning] == pytest.approx([2.0, 4 / 3, 1.0])
    assert all(point.low <= point.expected <= point.high for point in row.tuning)


def test_a_band_forks_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork has none of the threads of polars and torch, and waits for them for ever."""
    monkeypatch.setattr("os.fork", lambda: pytest.fail("a process was forked"))
    assert study(tmp_path, SEARCH, FINALISTS).rows[0].tuning


def test_the_control_that_trains_is_a_warning(tmp_path: Path) -> None:
    """Batch normalisation alone moves a metric; then an improvement is no sign of learning."""
    found = study(tmp_path, SEARCH, FINALISTS)
    assert not any("does nothing" in warning for warning in found.warnings)
    seen = replace(found, control=Control("trained", 3.0, 2.5))
    assert any("does nothing also trains by-hand: val_loss ends at 2.50 after 3.00" in one for one in seen.warnings)


def line(seed: int) -> Task:
    """(3 w - 6)^2 / 2 from w = 1: the gradient is 3 (3 w - 6), at first -9."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    x = torch.tensor([[3.0]])

    def loss(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        return ((model(batch) - 6) ** 2).sum() / 2

    return Task(model, loss, [x], lambda model: {"val_loss": float(loss(model, x))}, steps=5)


def test_diagnosis_by_hand(tmp_path: Path) -> None:
    found = compare(line, ["sgd"], None, 1, rates=[0.01, 1e30], controls=False, out=tmp_path / "study").numbers
    best, failed = found.diagnoses
    assert (best.best, best.rate, failed.best, failed.rate) == (True, 0.01, False, 1e30)
    assert failed.status == "diverged"
    gradients = [point.value for point in best.points if point.is_gradient]
    ratios = [point.value for point in best.points if not point.is_gradient]
    assert {point.layer for point in best.points if not point.is_gradient} == {"weight"}
    w, expected = 1.0, []
    for _ in range(5):
        gradient = 3 * (3 * w - 6)
        expected.append((abs(gradient), abs(0.01 * gradient / w)))
        w -= 0.01 * gradient
    assert gradients == pytest.approx([g for g, _ in expected], rel=1e-5)
    assert ratios == pytest.approx([r for _, r in expected], rel=1e-4)
    assert best.gradient_first == pytest.approx(9)


def test_the_folder_holds_what_is_promised(tiny: Make, tmp_path: Path) -> None:
    found = compare(tiny, ["sgd", "adam"], "trials=3", 2, out=tmp_path / "study", command=["steepest", "compare", "x"])
    names = {path.name for path in found.folder.iterdir()}
    figures = {f"{n}.{e}" for n in ("sensitivity", "curves-steps", "finalists") for e in ("png", "svg")}
    assert names >= {DATABASE, "manifest.json", "runs.parquet", "curves.parquet", "report.html"} | figures
    assert pl.read_parquet(found.folder / "runs.parquet").equals(found.runs)
    assert (found.folder / "sensitivity.png").read_bytes().startswith(b"\x89PNG")
    best = found.best().build(tiny(0).model.parameters())
    assert best.param_groups[0]["lr"] == found.numbers.rows[0].rate
    assert str(found.best()) in found.summary()
