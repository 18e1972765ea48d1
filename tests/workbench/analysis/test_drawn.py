"""What is drawn of a large study: the best points, and an even sample of the others; all of a usual one."""

from itertools import pairwise

import pytest

from steepest.workbench.analysis.drawn import MOST_COUNTS, counts_drawn, drawn, evenly


def test_all_points_of_a_usual_study_are_drawn() -> None:
    points = [3.0, 1.0, 2.0]
    assert drawn(points, 3, lambda point: point) == points
    assert counts_drawn(16) == list(range(1, 17))


def test_of_a_large_study_the_best_quarter_and_an_even_sample_are_drawn() -> None:
    points = [float((7 * k) % 1000) for k in range(1000)]  # every value once
    found = drawn(points, 100, lambda point: point)
    assert len(found) == 100
    assert {float(k) for k in range(25)} <= set(found)
    assert [points.index(point) for point in found] == sorted(points.index(point) for point in found)
    others = [point for point in points if point >= 25]
    places = [others.index(point) for point in found if point >= 25]
    assert {after - before for before, after in pairwise(places)} == {13, 14}  # 974 / 74 is 13.2


@pytest.mark.parametrize(("count", "most", "places"), [(3, 5, [0, 1, 2]), (9, 3, [0, 4, 8]), (9, 1, [0]), (0, 3, [])])
def test_evenly(count: int, most: int, places: list[int]) -> None:
    assert evenly(count, most) == places


def test_numbers_of_trials_are_dense_where_they_are_small() -> None:
    found = counts_drawn(25_000)
    assert found[:4] == [1, 2, 3, 4]
    assert found[-1] == 25_000
    assert len(found) <= MOST_COUNTS
    ratios = [after / before for before, after in pairwise(found) if before > 100]
    assert max(ratios) < 1.07  # 25000 ** (1 / 199) is 1.052
