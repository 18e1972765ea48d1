"""What is read from curves with a rising rate."""

import numpy as np

from steepest.workbench.analysis.range_test import Bracket, agree, bracket, smoothed, trial_rates
from steepest.workbench.model.rising import RisingCurve


def hand_made(losses, seed=0) -> RisingCurve:
    return RisingCurve(seed, [10.0 ** (-5 + place / 10) for place in range(len(losses))], list(losses))


def test_what_is_read_from_a_curve() -> None:
    """By hand: ten times less from 1e-3 to 1e-1, in a line, then up; the mean of 9 rounds both corners by 4 points."""
    logs = np.concatenate([np.zeros(20), np.linspace(0, -1, 21), np.linspace(-0.9, 1, 20)])
    found = bracket([hand_made(10**logs, seed) for seed in range(3)])
    assert found is not None
    assert 1e-3 <= found.low <= 10**-2.5
    assert 10**-1.5 <= found.high <= 10**-0.9
    assert found.low <= found.default <= found.high


def test_curves_that_never_fall_suggest_nothing() -> None:
    assert bracket([hand_made(np.ones(60)), hand_made(np.linspace(1, 5, 60))]) is None
    assert bracket([hand_made([np.nan] * 60)]) is None


def falls_from(exponent: int) -> RisingCurve:
    return hand_made(10 ** np.interp(np.linspace(-5, 1, 61), [-5, exponent, exponent + 1, 1], [0, 0, -1, 1]))


def test_seeds_agree_where_they_begin_to_fall_within_a_decade() -> None:
    never = hand_made(np.linspace(1, 5, 61))
    assert agree([falls_from(-3), falls_from(-3), falls_from(-3)])
    assert agree([falls_from(-3), falls_from(-3), never])
    assert not agree([falls_from(-3), falls_from(-3), falls_from(-1)])
    assert not agree([falls_from(-3), never, never])
    assert not agree([])


def test_what_is_no_number_ends_a_curve() -> None:
    losses = [1.0] * 20 + [np.nan] + [1e-9] * 20
    assert len(smoothed(losses)) == 20
    assert len(smoothed([1.0] * 30 + [np.inf])) == 30
    one_is_broken = [hand_made(10 ** np.linspace(0, -1, 60)), hand_made([np.nan] * 60)]
    assert bracket(one_is_broken) == bracket(one_is_broken[:1])


def test_rates_to_try_have_both_ends() -> None:
    assert trial_rates(Bracket(0.01, 1.0, 0.1), 3) == [0.01, 0.1, 1.0]
    assert trial_rates(Bracket(0.1, 0.1, 0.1), 5) == [0.1]
