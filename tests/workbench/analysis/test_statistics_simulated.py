"""The statistics against simulated runs: as often right as they say.  benchmarks/statistics_rows.py is the full size.

The bounds are the claims, and beyond each three standard errors of a share found in so many repetitions.  The draws
are seeded, so a test that passes goes on passing.
"""

import math
from typing import Any

import pytest
from benchmarks import statistics_rows

REPETITIONS = 1000
NOMINAL = (0.93, 0.97)  # 95 %, within two points


def error(share: float) -> float:
    """Three standard errors, binomial: 2.4 points at 0.93, 1.6 at 0.97, 4.7 at one half."""
    return 3 * math.sqrt(share * (1 - share) / REPETITIONS)


@pytest.fixture(scope="module")
def superiority() -> list[dict[str, Any]]:
    """The coverage of P(A better than B), the spreads of A and B alike."""
    return list(statistics_rows.coverage_of_superiority(REPETITIONS, spreads=(1.0,)))


def test_the_same_optimizer_under_two_names_is_a_tie() -> None:
    """In at least 93 of 100 comparisons; and the test and the interval of the difference err in 5 of 100 at most."""
    for row in statistics_rows.twins(REPETITIONS):
        assert row["tie"] >= 0.93 - error(0.93), row
        assert max(row["p < 0.05"], row["t apart"]) <= 0.05 + error(0.05), row


def test_a_planted_difference_is_found() -> None:
    """By each criterion in at least half of the comparisons, and the loser never wins."""
    for row in statistics_rows.planted(REPETITIONS):
        assert min(row[criterion] for criterion in ("win", "p < 0.05", "t apart")) >= 0.5, row
        assert row["loss"] == row["trailing"] == 0, row


@pytest.mark.exhaustive
def test_intervals_of_means_cover_what_they_claim() -> None:
    low, high = NOMINAL
    for row in statistics_rows.coverage_of_means(REPETITIONS):
        found = row["mean"], row["difference"]
        assert low - error(low) <= min(found) <= max(found) <= high + error(high), row


def test_wilson_covers_what_it_claims_over_the_shares() -> None:
    """No simulation and so no error; of one share it covers 91 to 98 %, as every interval of a count must swing."""
    low, high = NOMINAL
    assert all(low <= row["all"] <= high for row in statistics_rows.coverage_of_shares())


@pytest.mark.exhaustive
def test_superiority_covers_at_least_what_it_claims(superiority: list[dict[str, Any]]) -> None:
    """Also where a seed moves both alike; there it covers more, up to 100 % at 5 seeds, for its prior is of runs
    that share nothing."""
    low, _ = NOMINAL
    for row in superiority:
        assert min(row[f"{truth:g}"] for truth in statistics_rows.PROBABILITIES) >= low - error(low), row


@pytest.mark.exhaustive
def test_superiority_covers_no_more_than_it_claims_where_runs_are_independent(
    superiority: list[dict[str, Any]],
) -> None:
    _, high = NOMINAL
    for row in superiority:
        if row["correlation"] == 0:
            assert max(row[f"{truth:g}"] for truth in statistics_rows.PROBABILITIES) <= high + error(high), row


@pytest.mark.exhaustive
@pytest.mark.parametrize("seeds", statistics_rows.SEEDS)
@pytest.mark.parametrize("correlation", statistics_rows.CORRELATIONS)
def test_unequal_spreads_invent_no_difference(seeds: int, correlation: float) -> None:
    """One half is within the interval of two optimizers that are as good, one four times as unsteady as the other."""
    covered = statistics_rows.superiority_covers(0.5, REPETITIONS, seeds, correlation, spread=4.0)
    assert covered >= NOMINAL[0] - error(NOMINAL[0])
