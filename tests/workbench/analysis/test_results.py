"""The results of a study against hand calculations."""

import math
from pathlib import Path

import pytest
import torch
from torch import nn

from steepest.workbench import Task, compare
from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.near_optimal import near_optimal
from steepest.workbench.analysis.pairs import decided
from steepest.workbench.model.stage_gain import Edge
from steepest.workbench.report import warning_sentences
from support.by_hand import FINALISTS, SEARCH, results_by_hand


def test_a_row_by_hand(tmp_path: Path) -> None:
    found = results_by_hand(tmp_path, SEARCH, FINALISTS)
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
    assert adam.ends == [Edge("rate", 0.01, "upper")]
    assert sgd.ends == []
    assert adam.falling == pytest.approx(0.1)
    assert found.failed == 1


def test_a_pair_by_hand(tmp_path: Path) -> None:
    (pair,) = results_by_hand(tmp_path, SEARCH, FINALISTS).pairs
    assert (pair.a, pair.b) == ("adam", "sgd")
    assert pair.difference.estimate == pytest.approx(-0.2)
    assert math.isnan(pair.p)  # three seeds give 2 / 8 at least, which says nothing
    assert pair.superiority.estimate == pytest.approx(8.5 / 9)  # one tie, at 1.0
    assert pair.outcome == "tie"  # with three seeds everything is


def test_a_pair_of_six_seeds_by_hand(tmp_path: Path) -> None:
    finals = {"sgd": {0.1: [1.0 + k / 100 for k in range(6)]}, "adam": {1e-2: [0.5 + k / 100 for k in range(6)]}}
    (pair,) = results_by_hand(tmp_path, SEARCH, finals, seeds=6).pairs
    assert pair.p == 2 / 2**6  # one comparison, all six differences of one sign
    assert pair.outcome == "adam wins"


def test_a_win_is_seen_three_times() -> None:
    """In the cross-fitted values, in those of the two settings that one pastes, and in the mean; else it is a lead."""
    better, worse, mixed = [0.5, 0.6, 0.5, 0.6, 0.5], [1.0] * 5, [0.5, 0.5, 2.0, 2.0, 2.0]
    assert decided(better, worse) == "win"
    assert decided(better, worse, pasted=(better, worse)) == "win"
    assert decided(better, worse, pasted=(mixed, worse)) == "leaning"
    assert decided(worse, better, pasted=(worse, mixed)) == "trailing"
    assert decided(worse, better, pasted=(worse, better)) == "loss"
    assert decided(worse, worse, pasted=(better, worse)) == "tie"
    assert decided(better, worse, p=0.2) == "leaning"
    # better with 9 of 10 seeds and on the whole worse: the mean of the differences is 0.05
    assert decided([0.5] * 9 + [6.0], [1.0] * 10) == "leaning"
    assert decided(better[:3], worse[:3]) == "tie"  # with three seeds everything is


@pytest.mark.parametrize(
    ("a", "b", "is_better"),
    [
        # differences -0.1, -0.2, -0.3: mean -0.2, deviation 0.1, t(0.975; 2) = 4.3027, half-width 0.248
        ([1.0, 1.0, 1.0], [1.1, 1.2, 1.3], False),
        # -0.2, -0.2, -0.3: mean -0.2333, deviation 0.0577, half-width 0.1434
        ([1.0, 1.0, 1.0], [1.2, 1.2, 1.3], True),
        ([1.2, 1.2, 1.3], [1.0, 1.0, 1.0], False),
        ([9.0, 9.0, 9.0], [1.0, 1.0, math.inf], False),
        ([9.0, 9.0, 9.0], [1.0, math.inf, math.inf], True),  # one seed trained with both, so the failures decide
        ([1.0, math.inf, 1.0], [9.0, 9.0, 9.0], False),
        ([1.0, math.inf, 1.0], [math.inf, 9.0, 9.0], False),
        ([1.0, math.inf, 1.1], [9.0, math.inf, 9.0], True),
    ],
)
def test_better_in_the_mean_by_hand(a: list[float], b: list[float], is_better: bool) -> None:
    assert statistics.is_better_in_the_mean(a, b) == is_better


def test_the_row_of_a_setting_is_about_that_setting(tmp_path: Path) -> None:
    """The other finalist failed once; that failure stood on the row, and counted as the worst in every pair."""
    finals = {"sgd": {0.1: [1.0] * 3}, "adam": {1e-2: [0.8, 0.9, 1.0], 1e-3: [0.7, None, 0.6]}}
    found = results_by_hand(tmp_path, SEARCH, finals)
    adam = found.rows[0]
    assert (adam.name, adam.rate, adam.trained) == ("adam", 0.01, 3)
    assert adam.values == pytest.approx([0.8, 0.9, 1.0])
    assert adam.median == pytest.approx((0.9, 0.8, 1.0))
    # without seed 1 or 3 the other setting has failed; without seed 2 it is better (0.65 against 0.9), but failed then
    assert adam.cross_fitted == pytest.approx([0.8, math.inf, 1.0])
    ((rate, settings, values),) = adam.other_finalists
    assert (rate, settings, values) == (0.001, {}, pytest.approx([0.7, math.inf, 0.6]))
    lowest = [point.low for point in found.curves if (point.optimizer, point.step) == ("adam", 10)]
    assert lowest
    assert lowest == pytest.approx([0.8] * len(lowest))
    (warning,) = [one for one in warning_sentences.warnings(found) if "fresh seeds failed" in one]
    assert warning == "adam: 1 of 3 runs with fresh seeds failed at 0.001, the other setting that was tried with them."


def test_the_yardstick_by_hand(tmp_path: Path) -> None:
    finals = {"sgd": {0.1: [1.0, 1.1, 1.2, 1.0, 1.1]}}
    found = results_by_hand(tmp_path, {"sgd": SEARCH["sgd"]}, finals, untuned=[1.5, 1.0, 1.7, 1.6, None], seeds=5)
    yardstick = found.yardstick
    assert yardstick is not None
    assert (yardstick.rate, yardstick.trained, yardstick.seeds) == (0.001, 4, 5)
    assert yardstick.median == pytest.approx((1.6, 1.0, math.inf))
    # of 25 pairs sgd wins all against 1.5, 1.7, 1.6 and a failure, and against 1.0 ties two and loses three
    assert yardstick.against is not None
    assert yardstick.against.superiority.estimate == pytest.approx((4 * 5 + 2 * 0.5) / 25)
    assert found.counted == 3 + 5  # Adam is no optimizer of this comparison


def test_failures_are_counted_and_not_averaged(tmp_path: Path) -> None:
    finals = {"sgd": {0.1: [1.0, None, 1.2]}, "adam": {1e-2: [0.8, None, None]}}
    found = results_by_hand(tmp_path, SEARCH, finals)
    sgd, adam = found.rows
    assert (sgd.name, sgd.trained, sgd.mean.estimate) == ("sgd", 2, pytest.approx(1.1))
    assert adam.trained == 1
    assert adam.median.estimate == math.inf
    assert any(
        "2 of 3 runs with fresh seeds failed at 0.01" in warning for warning in warning_sentences.warnings(found)
    )


def test_higher_is_better_turns_everything_round(tmp_path: Path) -> None:
    found = results_by_hand(tmp_path, SEARCH, FINALISTS, higher_is_better=True)
    assert [row.name for row in found.rows] == ["sgd", "adam"]
    assert found.rows[0].rate == 0.01
    low, high = found.rows[1].mean.low, found.rows[1].mean.high
    assert low <= found.rows[1].mean.estimate <= high
    assert found.pairs[0].superiority.estimate == 1


@pytest.mark.parametrize(
    ("finals", "low", "high"),
    [
        ([500.0, 257.0, 500.0, 400.0, 300.0], 257 - 243 / 20, 500.0),  # twice the highest: there is nothing above it
        ([499.0, 257.0, 490.0, 400.0, 300.0], 257 - 242 / 20, 499 + 242 / 20),
        ([3.0, 90.0, 80.0, 1.0, 20.0], 0.0, 90 + 89 / 20),  # what is never negative does not become so
    ],
)
def test_an_interval_stays_where_the_metric_does(tmp_path: Path, finals: list, low: float, high: float) -> None:
    found = results_by_hand(
        tmp_path, {"sgd": {0.1: [450.0]}}, {"sgd": {0.1: finals}}, seeds=5, higher_is_better=True
    ).rows[0]
    assert (found.median.low, found.median.high) == pytest.approx((low, high))


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


def test_the_budget_curve_by_hand(tmp_path: Path) -> None:
    """Of the values 1, 2 and a failure, which leaves 3: the best of two is 1, 1 or 2, of three 1."""
    (row,) = results_by_hand(tmp_path, {"sgd": {0.01: [2.0], 0.1: [1.0], 1.0: [None]}}, {"sgd": {0.1: [1.0]}}).rows
    assert [point.trials for point in row.tuning] == [1, 2, 3]
    assert [point.expected for point in row.tuning] == pytest.approx([2.0, 4 / 3, 1.0])
    assert all(point.low <= point.expected <= point.high for point in row.tuning)


def test_a_band_forks_no_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fork has none of the threads of polars and torch, and waits for them for ever."""
    monkeypatch.setattr("os.fork", lambda: pytest.fail("a process was forked"))
    assert results_by_hand(tmp_path, SEARCH, FINALISTS).rows[0].tuning


def line(seed: int) -> Task:
    """(3 w - 6)^2 / 2 from w = 1: the gradient is 3 (3 w - 6), at first -9."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.ones_(model.weight)
    x = torch.tensor([[3.0]])

    def loss(model: nn.Module, batch: torch.Tensor) -> torch.Tensor:
        return ((model(batch) - 6) ** 2).sum() / 2

    return Task(model, loss, [x], lambda model: {"val_loss": float(loss(model, x))}, steps=5)


@pytest.mark.usefixtures("without_figures")
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
