"""The whole protocol against worlds whose truth is known: benchmarks/verdicts.py in small; its rows are in the docs.

The bounds are the claims, and beyond each three standard errors.  The draws are seeded, so a test that passes goes on
passing.
"""

import math
from typing import Any

import numpy as np
import pytest
from benchmarks import verdicts

from steepest.workbench.analysis import statistics

STUDIES = 60
UNSTEADY = "close, one run in ten fails"


def rows(seeds: int) -> list[dict[str, Any]]:
    """Recorded runs; and made ones with failures, which are the hardest for an interval."""
    generator = np.random.default_rng(seeds)
    made = {name: [verdicts.made_world(generator, name, **verdicts.MADE[name])] * 6 for name in ("level", UNSTEADY)}
    worlds = {world.name: [world] for world in verdicts.recorded_worlds()} | made
    return [verdicts.row(name, each, seeds, STUDIES) for name, each in worlds.items()]


@pytest.mark.parametrize("seeds", verdicts.SEEDS)
def test_a_named_winner_is_one_and_the_pasted_interval_holds(seeds: int) -> None:
    found = rows(seeds)
    named = sum(row["winner named"] for row in found)
    wrong = sum(row["not better in most pairs"] for row in found)
    assert named > STUDIES / 2  # it does name winners
    assert wrong <= 0.05 * named + 3 * math.sqrt(0.05 * 0.95 * named)
    count = sum(row["rows"] for row in found)
    covered = sum(row["median covered"] * row["rows"] for row in found) / count
    # five optimizers of a study share its seeds, so a study counts as one, not as five
    error = 3 * math.sqrt(0.05 * 0.95 * 5 / count)
    assert 0.93 - error <= covered <= 0.97 + error


@pytest.mark.parametrize("failing", [0.0, 0.3])
@pytest.mark.parametrize("count", [5, 8, 10, 15])
def test_the_interval_of_a_median_covers_what_it_says_with_failures_among_the_runs(count: int, failing: float) -> None:
    """Of skewed runs, whose true median is that of exp(N(0, 1)) at the share that the failures leave: scipy's."""
    from scipy import stats

    true = math.exp(stats.norm.ppf(0.5 / (1 - failing)))
    generator = np.random.default_rng([count, int(10 * failing)])
    draws = np.exp(generator.normal(size=(3000, count)))
    draws = np.where(generator.random(draws.shape) < failing, np.inf, draws)
    found = [statistics.median_interval(list(row)) for row in draws]
    covered = np.mean([one.low <= true <= one.high for one in found])
    assert abs(covered - statistics.median_confidence(count)) < 0.015


def test_the_interval_of_a_median_by_hand() -> None:
    """Five values: the lowest and the highest, which hold the median in 30 of 32; failures are the highest."""
    assert statistics.median_interval([3, 1, 2, 5, 4]) == (3, 1, 5)
    assert statistics.median_confidence(5) == 30 / 32
    assert statistics.median_interval([3, 1, math.inf, 5, 4]) == (4, 1, math.inf)
    # Ten: ranks 2 and 9 hold it in 0.978516, ranks 3 and 8 in 0.890625 (binomial, 1024ths); so far on the way between
    # them is 0.3243, of which Hettmansperger and Sheather's formula makes 8 * 0.3243 / (2 + 6 * 0.3243) = 0.6576
    low = statistics.median_interval(list(range(1, 11)))
    assert low == pytest.approx((5.5, 2.6576, 8.3424), abs=1e-3)


def test_the_interval_of_a_chosen_setting_by_hand() -> None:
    """Five values from 1 to 5: a twentieth of 4 further on either side; an end that is a failure stays one."""
    assert statistics.chosen_interval([3, 1, 2, 5, 4]) == pytest.approx((3, 0.8, 5.2))
    assert statistics.chosen_interval([3, 1, math.inf, 5, 4]) == pytest.approx((4, 0.8, math.inf))
    assert statistics.chosen_interval([3, 1, 2, 5, 4], (0.9, 5)) == pytest.approx((3, 0.9, 5))
    for values in ([1.0], [1.0, 2.0, 3.0], [1.0, math.inf, math.inf, math.inf], list(range(6))):
        assert statistics.chosen_interval(values) == statistics.median_interval(values)


def test_the_interval_of_the_better_of_two_settings_covers_what_it_says() -> None:
    """Two settings of five normal runs whose medians are 0 and 0, the one with the better mean is reported."""
    generator = np.random.default_rng(7)
    pairs = generator.normal(size=(4000, 2, 5))
    chosen = [min(pair, key=lambda values: values.mean()).tolist() for pair in pairs]
    covered, before = (
        np.mean([one.low <= 0 <= one.high for one in map(interval, chosen)])
        for interval in (statistics.chosen_interval, statistics.median_interval)
    )
    assert before < 30 / 32, "which is what it says"
    assert 0.94 < covered < 0.96


@pytest.mark.parametrize("count", [8, 12, 17])
def test_without_interpolation_it_would_be_scipys(count: int) -> None:
    """scipy takes whole ranks, the next wider ones: its interval holds ours, which is less than a rank narrower."""
    from scipy import stats

    values = np.random.default_rng(count).normal(size=count)
    theirs = stats.quantile_test(values, p=0.5).confidence_interval(0.95)
    ours, ordered = statistics.median_interval(list(values)), sorted(values)
    assert theirs.low <= ours.low <= ordered[ordered.index(theirs.low) + 1]
    assert ordered[ordered.index(theirs.high) - 1] <= ours.high <= theirs.high


def test_a_p_that_cannot_be_small_is_none() -> None:
    assert statistics.least_p(5) == 2 / 2**5
    assert statistics.least_p(10, tests=4) == 4 * 2 / 2**10
    assert [statistics.can_tell(count) for count in (1, 2, 3, 4, 5)] == [False, False, False, True, True]
