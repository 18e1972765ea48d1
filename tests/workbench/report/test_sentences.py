"""The sentences of the report, and how it writes numbers."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from steepest.workbench.analysis.points import Spike
from steepest.workbench.analysis.results import Control
from steepest.workbench.analysis.statistics import Interval
from steepest.workbench.analysis.steadiness import spike_in
from steepest.workbench.report import formatting, sentences, warning_sentences
from steepest.workbench.report.page import page
from steepest.workbench.report.terminal import text
from support.by_hand import FINALISTS, SEARCH, results_by_hand


def test_the_verdict_says_who_how_sure_and_at_what_cost(tmp_path: Path) -> None:
    found = results_by_hand(tmp_path, SEARCH, FINALISTS)
    verdict = " ".join(sentences.verdict(found))
    assert verdict.startswith("Try adam at 0.01; so few seeds cannot tell which is best.")
    assert "0.90 (75 % interval 0.80 to 1.00), the median" in verdict
    assert "indicative" not in verdict  # which a warning says
    assert "3 seeds for each estimate: indicative; ten make a claim." in warning_sentences.warnings(found)
    assert "18 runs: 171 steps" in verdict  # 17 of 10, and one that ended at its first
    assert "Of the 18 that try an optimizer, 1 failed." in verdict


FIVE = {"sgd": {0.1: [1.0, 1.1, 1.2, 1.0, 1.1]}, "adam": {1e-2: [0.5, 0.6, 0.7, 0.6, 0.5]}}


def test_the_headline_is_an_action(tmp_path: Path) -> None:
    won = sentences.verdict(results_by_hand(tmp_path / "a", SEARCH, FIVE, seeds=5))
    assert won[0] == "Use adam at 0.01."
    assert "It wins: it beats sgd in every pair of runs, and in the mean over these seeds." in won
    # (1 - 1/8) ** 5 = 0.51
    assert any("5 seeds miss one in 8 half of the time" in one for one in won)
    level = FIVE | {"adam": {1e-2: [1.0, 1.2, 1.1, 1.0, 1.0]}}
    said = sentences.verdict(results_by_hand(tmp_path / "b", SEARCH, level, seeds=5))
    assert said[0] == "Use adam at 0.01; sgd may be as good."
    assert "No clear winner: sgd is not reliably worse." in said


def test_adam_untuned_is_the_yardstick(tmp_path: Path) -> None:
    said = sentences.verdict(results_by_hand(tmp_path / "a", SEARCH, FIVE, untuned=[0.9] * 5, seeds=5))
    assert "Adam untuned, at 0.001, ends at 0.900; adam beats it in 100 % of all pairs of runs." in said
    said = sentences.verdict(results_by_hand(tmp_path / "b", SEARCH, FIVE, untuned=[0.6, 0.5, 0.6, 0.5, 0.7], seeds=5))
    assert said[0] == "Keep Adam at its usual rate, 0.001: nothing here is reliably better."


def test_a_usual_rate_at_which_most_fail_has_no_infinite_median(tmp_path: Path) -> None:
    found = results_by_hand(tmp_path, SEARCH, FIVE, untuned=[0.9, None, None, None, 0.8], seeds=5)
    assert formatting.untuned(next(row for row in found.rows if row.name == "adam")) == "3 of 5 failed"


def test_every_run_failed(tmp_path: Path) -> None:
    """Which runs, at which rates and steps; there is nothing to paste, and nothing is drawn."""
    found = results_by_hand(tmp_path, {"sgd": {0.1: [None], 1.0: [None]}, "adam": {1e-3: [None]}}, {})
    said = sentences.verdict(found)
    assert said[0] == "Every run failed on by-hand: repair the task first."
    assert said[1].startswith("sgd: 2 of 2 runs diverged, at rates from 0.1 to 1, at step 1")
    assert said[2].startswith("adam: 1 of 1 runs diverged, at a rate of 0.001, at step 1")
    assert "the task is the likely cause: look at its batches near step 1" in said[3]
    content = page(found).partition('id="charts"')[0]
    assert "optimizer =" not in content
    assert "Each optimizer at its best setting" not in content
    assert "optimizer =" not in text(found)


def test_nothing_beats_doing_nothing(tmp_path: Path) -> None:
    found = results_by_hand(tmp_path, SEARCH, FIVE, seeds=5)
    idle = replace(found, control=Control("trained", 3.0, 0.4))
    assert sentences.verdict(idle)[0] == "Nothing beats doing nothing on by-hand: repair the task first."
    assert "optimizer =" not in text(idle)


def test_an_unsteady_setting_is_a_warning(tmp_path: Path) -> None:
    """Its five seeds spread 0.42, those of the other 0.084: the ratio of standard deviations by hand."""
    finals = {"sgd": {0.1: [1.0, 1.1, 1.2, 1.0, 1.1]}, "adam": {1e-2: [0.5, 0.5, 0.5, 0.5, 1.5]}}
    found = results_by_hand(tmp_path, SEARCH, finals, seeds=5)
    ratio = math.sqrt(0.2) / math.sqrt(0.007)  # sample variances: 5 values with one apart by 1; 0.028 / 4
    (warning,) = [one for one in warning_sentences.warnings(found) if "as far apart" in one]
    assert f"adam: its seeds at 0.01 end {ratio:.1f} times as far apart" in warning
    assert "from 0.500 to 1.50" in warning
    spiky = replace(found.rows[0], spikes=[Spike(3, 80, 0.1, 0.6)])
    texts = warning_sentences.warnings(replace(found, rows=[spiky, found.rows[1]]))
    assert any(
        "in 1 of 5 runs at 0.01 val_loss jumps late, from 0.100 to 0.600 at step 80 of seed 3" in t for t in texts
    )


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ([3, 2, 1, 0.5, 0.4, 0.4, 1.4, 0.4, 0.4, 0.4], 6),
        ([3, 2, 1, 0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 1.4], None),  # it does not fall again: that is how the run ends
        ([3, 2, 1, 2.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4], None),  # early
        ([3, 2, 1, 0.5, 0.4, 0.5, 0.6, 0.5, 0.4, 0.4], None),  # less than a tenth of the improvement
        ([3, 2, 1, 0.5, 1.0, 0.5, 1.0, 0.5, 1.0, 0.5], None),  # the noise of this curve
    ],
)
def test_a_spike_by_hand(values: list[float], place: int | None) -> None:
    assert spike_in(values) == place


def test_a_tie_is_called_a_tie(tmp_path: Path) -> None:
    finals = {"sgd": {0.1: [1.0, 1.1, 1.2, 1.1]}, "adam": {1e-2: [1.2, 1.0, 1.0, 1.1]}}
    assert "may be as good" in sentences.verdict(results_by_hand(tmp_path, SEARCH, finals, seeds=4))[0]


def test_warnings(tmp_path: Path) -> None:
    search = SEARCH | {"sgd": {0.01: [None], 0.1: [1.0], 1.0: [None]}}
    texts = " ".join(warning_sentences.warnings(results_by_hand(tmp_path, search, FINALISTS)))
    assert "adam: the best rate, 0.01, is the highest that was tried" in texts
    assert "sgd: 2 of 3 trials failed" in texts
    assert "came in the last tenth" in texts
    assert "3 seeds for each estimate: indicative" in texts


def test_what_holds_of_several_optimizers_is_one_warning(tmp_path: Path) -> None:
    search = {"sgd": {0.01: [None], 0.1: [1.0], 1.0: [None]}, "adam": {1e-3: [None], 1e-2: [0.9]}}
    texts = warning_sentences.warnings(results_by_hand(tmp_path, search, FINALISTS))
    assert [one for one in texts if "trials failed" in one] == [
        "adam and sgd: 1 of 2 and 2 of 3 trials failed, so much of their budget was spent outside the useful range."
    ]


def test_the_control_that_trains_is_a_warning(tmp_path: Path) -> None:
    """Batch normalisation alone moves a metric; then an improvement is no sign of learning."""
    found = results_by_hand(tmp_path, SEARCH, FINALISTS)
    assert not any("does nothing" in warning for warning in warning_sentences.warnings(found))
    seen = replace(found, control=Control("trained", 3.0, 2.5))
    assert any(
        "does nothing also trains by-hand: val_loss ends at 2.50 after 3.00" in one
        for one in warning_sentences.warnings(seen)
    )


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
    assert formatting.number(value) == written


def test_an_interval_is_written_with_the_digits_that_it_deserves() -> None:
    assert formatting.interval(Interval(0.123456, 0.1201, 0.1268)) == ("0.1235", "0.1201 to 0.1268")
    assert formatting.interval(Interval(87.0912, 86.5, 87.7)) == ("87.09", "86.50 to 87.70")
    assert formatting.interval(Interval(1.0, -math.inf, math.inf)) == ("1.00", "one seed")


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(5e-5, "50 µs"), (0.0123, "12.3 ms"), (41.7, "41.7 s"), (90, "1.5 min"), (math.nan, "\u2013")],
)
def test_durations(seconds: float, written: str) -> None:
    assert formatting.duration(seconds) == written
