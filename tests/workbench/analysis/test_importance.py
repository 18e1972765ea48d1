"""Importance on functions whose shares of variance can be calculated by hand, and what a search of few trials says."""

import math
from pathlib import Path

import numpy as np
import pytest

from steepest.workbench.analysis.axes import Axis
from steepest.workbench.analysis.importance import Importance, shares
from steepest.workbench.analysis.results import Results
from steepest.workbench.analysis.study_data import data_of
from steepest.workbench.analysis.summarize import summarize
from steepest.workbench.report import search_sentences
from steepest.workbench.store.record import Record
from support.searched import SPACE, candidate, record_by_hand


def results(folder: Path) -> Results:
    with Record(folder) as record:
        return summarize(data_of(record))


def points(count: int, dimensions: int) -> np.ndarray:
    return np.random.default_rng(1).random((count, dimensions))


def test_an_additive_function_has_the_shares_of_its_terms() -> None:
    """The variance of a sum of a x over the unit cube is the sum of a squared / 12: 9, 4 and 0 of 13."""
    cube = points(48, 3)
    heights = np.exp(3 * cube[:, 0] + 2 * cube[:, 1])  # results are taken as logarithms
    found, deviations = shares(["a", "b", "c"], cube, heights.tolist())
    assert found == pytest.approx([9 / 13, 4 / 13, 0], abs=0.03)
    assert max(deviations) < 0.1


def test_a_product_is_explained_by_none_alone() -> None:
    """(x - 1/2) (y - 1/2) has the mean 0 along each coordinate."""
    cube = points(60, 2)
    found, _ = shares(["a", "b"], cube, ((cube[:, 0] - 0.5) * (cube[:, 1] - 0.5)).tolist())
    assert found == pytest.approx([0, 0], abs=0.06)


def test_noise_makes_the_intervals_wider_and_they_cover_the_truth() -> None:
    cube, rng = points(32, 2), np.random.default_rng(2)
    clean = 2 * cube[:, 0] + cube[:, 1]
    widths = []
    for noise in (0.0, 0.6):
        found, deviations = shares(["a", "b"], cube, np.exp(clean + noise * rng.normal(size=32)).tolist())
        widths.append(sum(deviations))
        assert abs(found[0] - 0.8) < max(0.03, 2.5 * deviations[0])
    assert widths[1] > 2 * widths[0]


def test_a_whole_search_says_what_matters(tmp_path: Path) -> None:
    def result(point: np.ndarray) -> float:
        return math.exp(2 * point[0] + point[1])

    found = results(record_by_hand(tmp_path, (candidate(space=SPACE[:3]),), 32, result)).importances
    (one,) = found
    assert [share.name for share in one.shares][:2] == ["learning rate", "weight_decay"]
    assert [share.share for share in one.shares] == pytest.approx([0.8, 0.2, 0, 0], abs=0.04)
    assert all(0 <= share.low <= share.share <= share.high <= 1 for share in one.shares)
    assert one.together < 0.05
    said = search_sentences.importance(one)
    assert said.startswith("adamw: the learning rate explains")
    assert "beta1 and eps explain less than 5 % each: leave them as they are." in said


def test_few_trials_or_one_hyperparameter_say_nothing(tmp_path: Path) -> None:
    assert results(record_by_hand(tmp_path / "few", trials=20)).importances == []
    assert results(record_by_hand(tmp_path / "one", (candidate(space=()),))).importances == []


def test_what_depends_on_another_is_said() -> None:
    from steepest.workbench.analysis.importance import Share

    said = search_sentences.importance(
        Importance("adam", [Share("eps", 0.2, 0.1, 0.3), Share("b", 0.1, 0, 0.2)], 0.7, 30)
    )
    assert said.endswith("what one is worth depends on the others.")


def test_places_of_values() -> None:
    assert Axis("eps", 1e-10, 1e-4, logarithmic=True).position(1e-7) == pytest.approx(0.5)
    beta = Axis("beta2", 1e-3, 1e-1, logarithmic=True, from_one=True)
    assert [beta.position(value) for value in (0.9, 0.99, 0.999)] == pytest.approx([0, 0.5, 1])
    assert beta.ends() == [0.999, 0.9]
    assert Axis("decay", 1e-3, 1.0, logarithmic=True).position(0) == -0.1  # no decay at all lies outside
    assert Axis("width", choices=(32, 64), default=64).position(None) == 0.75
    assert Axis("unknown").position(None) == 0.5
