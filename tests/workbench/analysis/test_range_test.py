"""What is read from curves with a rising rate."""

import csv
import math
from pathlib import Path

import numpy as np
import pytest

from steepest.workbench.analysis.range_test import Bracket, agree, bracket, of_search, smoothed, trial_rates
from steepest.workbench.model.rising import RisingCurve, rising_rates

RECORDED = Path(__file__).parents[2] / "support" / "cartpole_rising.csv"
GOOD = {"sgd": (0.27, 5.4), "momentum": (0.018, 3.0), "rmsprop": (0.0018, 0.016), "adam": (0.0064, 0.024)}
"""The rates of the best of 16 trials on `cartpole`, and of the best that a second study tried: lowest and highest."""


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


def returns(rng: np.random.Generator, first: float, steps: int, gain: float) -> list[RisingCurve]:
    """Minus the returns of three runs: noise of 4 around 20, from 10**first on more, and none above 1.5 decades on."""
    rates = rising_rates(1e-3, steps)
    above = np.log10(rates) - first
    rise = gain * np.clip(above / 1.0, 0, 1) * (above < 1.5)
    return [RisingCurve(seed, rates, list(-20 - rise + 4 * rng.normal(size=steps))) for seed in range(3)]


@pytest.mark.parametrize("steps", [50, 200])
@pytest.mark.parametrize("gain", [40.0, 150.0])
def test_noisy_returns_have_a_range_where_they_rise(steps: int, gain: float) -> None:
    """Known: they rise from 10**first on and collapse 1.5 decades later; there is the middle of the bracket.

    Of 50 steps, six a decade, the mean of nine begins to fall half its width too early.
    """
    rng, hits = np.random.default_rng(0), 0
    for _ in range(60):
        first = rng.uniform(-5, -2)
        found = of_search(returns(rng, first, steps, gain))
        hits += found is not None and -0.3 < math.log10(found.low * found.high) / 2 - first < 1.5
    assert hits >= 57


@pytest.mark.parametrize("steps", [50, 200])
def test_noise_alone_has_no_range(steps: int) -> None:
    rng = np.random.default_rng(1)
    found = [of_search(returns(rng, -3, steps, gain=0.0)) for _ in range(300)]
    found += [of_search([hand_made(np.exp(0.3 * rng.normal(size=steps))) for _ in range(3)]) for _ in range(300)]
    assert sum(one is not None for one in found) <= 6


def test_recorded_returns_of_a_policy_have_the_range_of_its_best_rates() -> None:
    """Where the range was not seen, the usual rate was in its middle, and 39 of 80 trials learned nothing."""
    curves: dict[str, list[RisingCurve]] = {}
    with RECORDED.open() as file:
        for row in csv.DictReader(file):
            losses = [float(one) for one in row["losses"].split()]
            rates = rising_rates(float(row["centre"]), len(losses))
            curves.setdefault(row["optimizer"], []).append(RisingCurve(int(row["seed"]), rates, losses))
    for name, those in curves.items():
        found = of_search(those)
        assert found is not None
        low, high = GOOD[name]
        centre = math.sqrt(found.low * found.high)
        assert low < centre < 3 * high, name


def test_a_loss_that_crosses_zero_does_not_fall_off_a_cliff() -> None:
    """Its logarithm would: all of the fall would be at the crossing."""
    height = np.interp(np.linspace(-5, 1, 61), [-5, -3, 0, 1], [5, 5, -1, 9])
    found = bracket([hand_made(height)])
    assert found is not None
    assert 10**-3.1 < found.low < 10**-2.2
    assert smoothed([-1.0] * 20).tolist() == pytest.approx([-1.0] * 20)


def test_rates_to_try_have_both_ends() -> None:
    assert trial_rates(Bracket(0.01, 1.0, 0.1), 3) == [0.01, 0.1, 1.0]
    assert trial_rates(Bracket(0.1, 0.1, 0.1), 5) == [0.1]
