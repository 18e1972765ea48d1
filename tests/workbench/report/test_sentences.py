"""The sentences of the report, and how it writes numbers."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from steepest.workbench.analysis.results import Control
from steepest.workbench.analysis.statistics import Interval
from steepest.workbench.report import formatting, sentences
from support.by_hand import FINALISTS, SEARCH, results_by_hand


def test_the_verdict_says_who_how_sure_and_at_what_cost(tmp_path: Path) -> None:
    found = results_by_hand(tmp_path, SEARCH, FINALISTS)
    verdict = " ".join(sentences.verdict(found))
    assert "adam wins on by-hand. At a learning rate of 0.01," in verdict
    assert "0.90 (95 % interval 0.65 to 1.15)" in verdict
    assert "3 fresh seeds for each: indicative" in verdict
    assert "18 runs, 1 of which failed: 171 steps" in verdict  # 17 of 10, and one that ended at its first


def test_a_tie_is_called_a_tie(tmp_path: Path) -> None:
    finals = {"sgd": {0.1: [1.0, 1.1, 1.2]}, "adam": {1e-2: [1.2, 1.0, 1.0]}}
    assert "No clear winner" in sentences.verdict(results_by_hand(tmp_path, SEARCH, finals))[0]


def test_warnings(tmp_path: Path) -> None:
    search = SEARCH | {"sgd": {0.01: [None], 0.1: [1.0], 1.0: [None]}}
    texts = " ".join(sentences.warnings(results_by_hand(tmp_path, search, FINALISTS)))
    assert "adam: the best rate, 0.01, is the highest that was tried" in texts
    assert "sgd: 2 of 3 trials failed" in texts
    assert "came in the last tenth" in texts
    assert "3 seeds for each estimate: indicative" in texts


def test_the_control_that_trains_is_a_warning(tmp_path: Path) -> None:
    """Batch normalisation alone moves a metric; then an improvement is no sign of learning."""
    found = results_by_hand(tmp_path, SEARCH, FINALISTS)
    assert not any("does nothing" in warning for warning in sentences.warnings(found))
    seen = replace(found, control=Control("trained", 3.0, 2.5))
    assert any(
        "does nothing also trains by-hand: val_loss ends at 2.50 after 3.00" in one for one in sentences.warnings(seen)
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
