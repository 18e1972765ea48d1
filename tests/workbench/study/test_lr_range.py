"""The range test: its curves, what is read from them, and that nothing of the caller's is changed."""

import random
import subprocess
import sys

import numpy as np
import pytest
import torch
from torch import nn

from steepest.workbench import Task, lr_range
from steepest.workbench.errors import TaskError, UsageError
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.task import Shuffled
from steepest.workbench.training.rising_run import (
    STEPS,
    TOO_HIGH,
    Bracket,
    Curve,
    agree,
    bracket,
    curve,
    rising,
    smoothed,
    trial_rates,
)

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
    rates = np.array(rising(0.01, 9))
    np.testing.assert_allclose(rates, [1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0], rtol=1e-12)


def test_a_bowl_is_descended_as_its_formula_says() -> None:
    """After steps at rates r the loss is 6 * prod (1 - 4 r)^2, and the run ends where that is 4 times the first."""
    run = curve(bowl, KNOWN["sgd"], 0)
    right = 6 * np.cumprod((1 - CURVATURE * np.array(run.rates)) ** 2)
    np.testing.assert_allclose(run.losses, right, rtol=1e-2, atol=1e-30)
    assert len(run.losses) < STEPS
    assert run.losses[-1] >= TOO_HIGH * 6 > run.losses[-2]


def test_the_bracket_of_a_bowl_is_below_its_edge_of_stability() -> None:
    found = bracket([curve(bowl, KNOWN["sgd"], seed) for seed in range(3)])
    assert found is not None
    assert found.low < 1 / CURVATURE < 2 / CURVATURE
    assert found.low <= found.default <= found.high


def hand_made(losses, seed=0) -> Curve:
    return Curve(seed, [10.0 ** (-5 + place / 10) for place in range(len(losses))], list(losses))


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


def falls_from(exponent: int) -> Curve:
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


def test_digits_are_bracketed_around_what_a_full_sweep_finds() -> None:
    """The middle of the rates within 5 % of the best, of whole runs with 5 seeds: see benchmarks/range_rules.py."""
    tested = lr_range("digits-mlp", ["sgd", "adam"])
    for name, best in (("sgd", 0.75), ("adam", 0.0056)):
        found = tested[name].bracket
        assert found is not None
        assert best / 3 <= found.default <= best * 3
        assert found.low <= found.default <= found.high
        assert found.default in [rate for rate, value in tested[name].tried if value is not None]
    assert "steepest.Adam(model.parameters(), lr=" in tested.summary()


def test_the_same_call_gives_the_same_answer() -> None:
    first, second = (lr_range("digits-mlp", ["momentum"], seeds=1, steps=250) for _ in range(2))
    assert first.found[0] == second.found[0]


def seed_all(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def test_nothing_of_the_callers_is_changed() -> None:
    """A task that hands out one model again and again gets it back as it was; so do the random generators."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
    x = torch.randn(64, 3)

    def task(seed: int) -> Task:
        loss = lambda net, batch: (net(batch[0]) - batch[0].sum(1, keepdim=True)).square().mean()  # noqa: E731
        return Task(
            model, loss, Shuffled(x, size=16, seed=seed), lambda net: {"val_loss": float(loss(net, (x,)))}, steps=60
        )

    seed_all(2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    drawn = torch.rand(3), np.random.rand(3), random.random()
    seed_all(2)
    lr_range(task, ["adam"], seeds=2)
    after = torch.rand(3), np.random.rand(3), random.random()
    assert torch.equal(drawn[0], after[0])
    assert (drawn[1] == after[1]).all()
    assert drawn[2] == after[2]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def hopeless(seed: int) -> Task:
    """Its loss does not depend on the parameters."""
    task = bowl(seed)
    return Task(task.model, lambda model, batch: 0 * model.w.sum() + 1, task.train, lambda model: {"val_loss": 1.0})


def raises(seed: int) -> Task:
    raise RuntimeError("no such file: digits.npz")


def test_a_task_that_cannot_be_trained_is_said_so() -> None:
    tested = lr_range(hopeless, ["sgd"], seeds=1)
    assert tested["sgd"].bracket is None
    assert "the loss fell at no rate" in tested.summary()


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("digits-mpl",), UsageError, "digits-mlp"),
        (("digits-mlp", ["adm"]), UsageError, "did you mean adam"),
        (("digits-mlp", ["adam"], 0), UsageError, "seeds=0"),
        ((raises, ["adam"]), TaskError, r"no such file: digits\.npz"),
    ],
)
def test_what_cannot_work_is_said(arguments, error, said) -> None:
    with pytest.raises(error, match=said):
        lr_range(*arguments)


def steepest(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "steepest.cli", "lr-range", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command_prints_what_to_paste_and_draws(tmp_path) -> None:
    done = steepest("digits-mlp", "--optimizers", "adam", "--seeds", "1", "--out", str(tmp_path / "curves.svg"))
    assert done.returncode == 0, done.stderr
    assert "steepest.Adam(model.parameters(), lr=" in done.stdout
    assert "learning rate" in (tmp_path / "curves.svg").read_text()


def test_a_name_that_says_no_format_is_refused_before_anything_is_run() -> None:
    done = steepest("digits-mlp", "--out", "curves.pdf")
    assert done.returncode == 2
    assert "give a file that ends in .png, .svg, .html" in done.stderr
