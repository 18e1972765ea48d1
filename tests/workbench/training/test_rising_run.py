"""Runs with a rising rate, on a bowl whose formula is known."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from torch import nn

from steepest.workbench import Task
from steepest.workbench.analysis.range_test import bracket
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.rising import STEPS, rising_rates
from steepest.workbench.training.rising_run import ENDS_AT, continued_rising_run, rising_run

CURVATURE = 4.0
"""Of the bowl: gradient descent diverges from a rate of 2 / 4 on, and is quickest at 1 / 4."""


class Bowl(nn.Module):
    """0.5 * 4 * |w|^2 from w = 1, the same for each batch."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.ones(3))


def bowl(seed: int) -> Task:
    return Task(
        model=Bowl(),
        loss=lambda model, batch: CURVATURE / 2 * (model.w**2).sum(),
        train=[torch.zeros(1)],
        evaluate=lambda model: {"val_loss": float(CURVATURE / 2 * (model.w**2).sum())},
        steps=100,
    )


def test_the_rates_rise_by_one_factor_through_the_usual_one() -> None:
    rates = np.array(rising_rates(0.01, 9))
    np.testing.assert_allclose(rates, [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0], rtol=1e-12)


def test_a_bowl_is_descended_as_its_formula_says() -> None:
    """After steps at rates r the loss is 6 * prod (1 - 4 r)^2, and the run ends where that is 4 times the first."""
    run = rising_run(bowl, KNOWN["sgd"], 0)
    right = 6 * np.cumprod((1 - CURVATURE * np.array(run.rates)) ** 2)
    np.testing.assert_allclose(run.losses, right, rtol=1e-2, atol=1e-30)
    assert len(run.losses) < STEPS
    assert run.losses[-1] >= ENDS_AT * 6 > run.losses[-2]


def test_the_bracket_of_a_bowl_is_below_its_edge_of_stability() -> None:
    found = bracket([rising_run(bowl, KNOWN["sgd"], seed) for seed in range(3)])
    assert found is not None
    assert found.low < 1 / CURVATURE < 2 / CURVATURE
    assert found.low <= found.default <= found.high


@pytest.mark.parametrize("after", [1, 7, 19])
def test_it_continues_where_it_was_stopped(tiny: Callable[[int], Task], after: int) -> None:
    """Bit for bit, with dropout, batch normalisation, momentum and noise from other generators."""
    candidate, steps = replace(KNOWN["momentum"], centre=1e-6), 20  # so that no rate is too large
    whole, nothing_left = continued_rising_run(tiny, candidate, 3, steps, lambda: False)
    calls = count(1)
    begun, saved = continued_rising_run(tiny, candidate, 3, steps, lambda: next(calls) >= after)
    assert nothing_left is None
    assert saved is not None
    assert begun.losses == whole.losses[:after]
    ended, left = continued_rising_run(tiny, candidate, 3, steps, lambda: False, saved)
    assert (ended, left) == (whole, None)


def test_a_stop_at_the_last_step_is_an_end(tiny: Callable[[int], Task]) -> None:
    calls = count(1)
    found, left = continued_rising_run(tiny, replace(KNOWN["sgd"], centre=1e-6), 0, 20, lambda: next(calls) >= 20)
    assert (len(found.losses), left) == (20, None)
