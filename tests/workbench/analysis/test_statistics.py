"""Each statistic against a hand calculation, scipy, or a simulation."""

import math
from itertools import pairwise, product

import numpy as np
import pytest
from scipy import stats

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.statistics import Interval

A = [1.0, 2.0, 4.0, 3.5, 2.5, 3.0]
B = [1.5, 2.2, 4.9, 3.4, 3.5, 3.3]


def test_mean_interval_by_hand() -> None:
    # mean 2, standard deviation 1, t(0.975; 2) = 4.3027
    found = statistics.mean_interval([1, 2, 3])
    assert found == pytest.approx((2, 2 - 4.302653 / math.sqrt(3), 2 + 4.302653 / math.sqrt(3)), rel=1e-6)


def test_one_value_has_no_spread_and_no_value_no_mean() -> None:
    assert statistics.mean_interval([7.0]) == (7.0, -math.inf, math.inf)
    assert all(math.isnan(bound) for bound in statistics.mean_interval([]))


@pytest.mark.parametrize("count", [5, 10])
def test_mean_interval_covers_what_it_claims(count: int) -> None:
    draws = np.random.default_rng(1).normal(size=(4000, count))
    intervals = [statistics.mean_interval(list(row)) for row in draws]
    covered = np.mean([low <= 0 <= high for _, low, high in intervals])
    assert 0.93 <= covered <= 0.97


def test_paired_difference_equals_scipy() -> None:
    expected = stats.ttest_rel(A, B).confidence_interval(0.95)
    found = statistics.paired_difference(A, B)
    assert found == pytest.approx((np.mean(A) - np.mean(B), expected.low, expected.high))


def test_paired_difference_uses_the_seeds_where_both_trained() -> None:
    assert statistics.paired_difference([1, math.inf, 3, 5], [2, 2, math.inf, 5]).estimate == -0.5


def test_sign_flip_by_hand() -> None:
    # three differences of one sign: of eight assignments two are as extreme
    assert statistics.sign_flip_p([1, 2, 3], [0, 0, 0]) == 2 / 8
    assert statistics.sign_flip_p([0, 0], [0, 0]) == 1
    assert math.isnan(statistics.sign_flip_p([math.inf], [1.0]))


def test_sign_flip_equals_scipy() -> None:
    expected = stats.permutation_test((A, B), lambda a, b: np.mean(a - b), permutation_type="samples")
    assert statistics.sign_flip_p(A, B) == pytest.approx(expected.pvalue)


def test_sign_flip_is_significant_from_six_pairs_on() -> None:
    smallest = [statistics.sign_flip_p([1.0] * n, [0.0] * n) for n in (5, 6)]
    assert smallest[0] > 0.05 > smallest[1]


def test_sign_flip_by_sampling_agrees_with_the_t_test_on_normal_data() -> None:
    generator = np.random.default_rng(2)
    a = generator.normal(0.45, 1, 30)
    b = np.zeros(30)
    assert statistics.sign_flip_p(list(a), list(b)) == pytest.approx(stats.ttest_rel(a, b).pvalue, abs=0.01)


@pytest.mark.parametrize(("k", "n"), [(0, 5), (3, 5), (5, 5), (11, 12), (1, 40)])
def test_wilson_equals_scipy(k: int, n: int) -> None:
    expected = stats.binomtest(k, n).proportion_ci(method="wilson")
    assert statistics.wilson(k, n) == pytest.approx((k / n, expected.low, expected.high), abs=1e-12)


def test_superiority_is_the_mann_whitney_share() -> None:
    u = stats.mannwhitneyu(B, A).statistic  # pairs with b > a, ties as half
    assert statistics.superiority(A, B).estimate == pytest.approx(u / 36)


def test_superiority_counts_failures_as_worst_and_as_equal_to_each_other() -> None:
    # nine pairs: (1, 2) against (2, 2, inf): 1 beats all three; 2 ties two and beats one; inf loses two and ties one
    found = statistics.superiority([1, 2, math.inf], [2, 2, math.inf])
    assert found.estimate == pytest.approx((3 + 2 + 0.5) / 9)


def test_superiority_of_equals_is_a_tie() -> None:
    found = statistics.superiority(A, A)
    assert found.estimate == 0.5
    assert statistics.decision(found) == "tie"


def test_the_interval_of_superiority_by_hand() -> None:
    """Two seeds whose pairs all go one way: no spread of their own, so the prior alone says what they are worth.

    weight = 0.25 / 1; the variance of equal optimizers is (2 * 2 + 1) / (12 * 4) = 5/48, so the four pairs are worth
    (0 + 0.25 / 4) / (0 + 0.25 * 5 / 48) = 2.4 comparisons; t(0.975; 3) = 3.18245, and Wilson's lower end at a share
    of 1 is n / (n + t^2).
    """
    found = statistics.superiority([1.0, 2.0], [3.0, 4.0])
    assert (found.estimate, found.high) == (1.0, 1.0)
    assert found.low == pytest.approx(2.4 / (2.4 + 3.182446**2), rel=1e-6)


@pytest.mark.parametrize(
    ("interval", "decided"),
    [
        ((0.75, 0.51, 1), "win"),
        ((0.74, 0.51, 1), "leaning"),
        ((0.9, 0.5, 1), "tie"),
        ((0.6, 0.3, 0.9), "tie"),
        ((0.25, 0.0, 0.49), "loss"),
        ((0.25, 0.0, 0.5), "tie"),
        ((0.3, 0.1, 0.49), "trailing"),
        ((0.4, 0.2, 0.7), "tie"),
    ],
)
def test_decision(interval: tuple[float, float, float], decided: str) -> None:
    assert statistics.decision(Interval(*interval)) == decided


def test_a_planted_difference_is_found_and_none_is_rarely_invented() -> None:
    generator = np.random.default_rng(3)
    decided = {shift: [] for shift in (0.0, 1.5)}
    for shift, _ in product(decided, range(150)):
        a, b = generator.normal(size=(2, 10))
        decided[shift].append(statistics.decision(statistics.superiority(list(a - shift), list(b))))
    assert decided[1.5].count("win") >= 75
    assert decided[0.0].count("win") + decided[0.0].count("loss") <= 15


@pytest.mark.parametrize(
    ("values", "middle"),
    [([3, 1, 2], 2), ([1, 2, 3, 4], 2.5), ([1, math.inf, 2], 2), ([1, math.inf], math.inf), ([math.inf] * 4, math.inf)],
)
def test_median_counts_failures_as_worst(values: list[float], middle: float) -> None:
    assert statistics.median(values) == middle


def test_a_seed_never_votes_for_the_setting_that_it_measures() -> None:
    first, second = [1.0, 5.0, 5.0], [4.0, 4.0, 4.0]
    # without seed 0 the second is better (4 against 5); without 1 or 2 the first is (3 against 4)
    assert statistics.left_out_choice(first, second) == [4.0, 5.0, 5.0]
    changed = [[-100.0, 5.0, 5.0], [4.0, 4.0, 4.0]]
    assert statistics.left_out_choice(*changed)[0] == 4.0


def test_the_left_out_choice_is_unbiased_where_the_better_mean_is_not() -> None:
    draws = np.random.default_rng(4).normal(size=(3000, 2, 5))
    naive = np.mean([min(a.mean(), b.mean()) for a, b in draws])
    honest = np.mean([np.mean(statistics.left_out_choice(list(a), list(b))) for a, b in draws])
    assert naive < -0.2
    assert abs(honest) < 0.03


def test_a_setting_that_fails_less_often_is_preferred() -> None:
    assert statistics.prefers_second([0.1, math.inf], [9.0, 9.0])
    assert not statistics.prefers_second([9.0, 9.0], [0.1, math.inf])
    assert not statistics.prefers_second([1.0, 2.0], [1.0, 2.0])


def test_more_seeds_narrow_the_interval() -> None:
    widths = [statistics.mean_interval(A * copies) for copies in (1, 2, 4)]
    assert all(narrow.high < wide.high for wide, narrow in pairwise(widths))


def test_holm_by_hand() -> None:
    """Holm, 1979, with m = 4: 4 * 0.005, 3 * 0.01, 2 * 0.03, then 0.04 lifted to what came before; and 1 at most."""
    assert statistics.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert statistics.holm([0.6, 0.7]) == [1.0, 1.0]
    assert statistics.holm([]) == []


def test_holm_leaves_out_what_is_no_number() -> None:
    first, second, third = statistics.holm([0.02, math.nan, 0.03])
    assert (first, third) == pytest.approx((0.04, 0.04))
    assert math.isnan(second)


def test_holm_errs_in_any_of_many_as_often_as_it_says() -> None:
    """Ten tests without any effect, 2000 times: at least one is called real in about 5 of 100 (binomial sd 0.5)."""
    drawn = np.random.default_rng(0).uniform(size=(2000, 10))
    wrong = sum(min(statistics.holm(row)) < 0.05 for row in drawn.tolist())
    assert 0.035 < wrong / 2000 < 0.065
    assert sum(min(row) < 0.05 for row in drawn.tolist()) / 2000 > 0.35  # without it
