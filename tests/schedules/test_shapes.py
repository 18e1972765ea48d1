"""The shapes of schedules against hand calculations, their papers' formulas and torch's closed forms."""

import math

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as theirs

from steepest import schedules
from steepest.schedules import (
    constant,
    cosine,
    cyclic,
    exponential,
    inverse_sqrt,
    linear,
    multi_step,
    one_cycle,
    polynomial,
    step,
    warm_restarts,
    wsd,
)

EACH = [
    constant(0.3),
    linear(0.1, 0.02, 30),
    polynomial(0.1, 0.01, 40, power=2.0),
    exponential(0.1, 0.97),
    exponential(0.1, 0.5, every=10),
    step(0.1, 20, 0.5),
    multi_step(0.1, [10, 35]),
    cosine(0.1, 60, end=0.01),
    cosine(0.1, 60, warmup_steps=7),
    inverse_sqrt(0.1, 16),
    wsd(0.1, 100, 10, 30),
    wsd(0.1, 100, 10, 30, end=0.001, shape="sqrt"),
    wsd(0.1, 100, 0, 30, shape="cosine"),
    warm_restarts(0.1, 10),
    warm_restarts(0.1, 7, factor=2, end=0.01),
    warm_restarts(0.1, 5, factor=3),
    cyclic(0.01, 0.1, 7),
    cyclic(0.01, 0.1, 7, 12, mode="triangular2"),
    cyclic(0.01, 0.1, 7, mode="exp_range", factor=0.99),
    one_cycle(0.1, 80),
    one_cycle(0.1, 80, up=0.25, shape="linear", three_phase=True),
    linear(0.1, 0.2, 10).then(cosine(0.2, 50)),
    cosine(0.2, 50).warmup(9, start=0.1) * step(1.0, 20),
    (0.5 * exponential(0.1, 0.9)).shift(5).clip(low=0.01),
]
each = pytest.mark.parametrize("schedule", EACH, ids=repr)

VALUES = [  # schedule, step, value by hand
    (linear(0.1, 0.02, 30), 15, 0.06),
    (linear(0.1, 0.02, 30), 1000, 0.02),
    (polynomial(0.1, 0.0, 4, power=2.0), 1, 0.1 * 0.75**2),
    (exponential(1.0, 0.5, every=10), 5, math.sqrt(0.5)),
    (step(1.0, 30), 59, 0.1),
    (step(1.0, 30), 60, 0.01),
    (multi_step(1.0, [10, 35]), 9, 1.0),
    (multi_step(1.0, [10, 35]), 10, 0.1),
    (multi_step(1.0, [10, 35]), 35, 0.01),
    (cosine(1.0, 60), 20, 0.75),
    (cosine(1.0, 60), 30, 0.5),
    (cosine(3.0, 60, end=1.0), 30, 2.0),
    (cosine(1.0, 70, warmup_steps=10), 5, 0.5),
    (cosine(1.0, 70, warmup_steps=10), 10, 1.0),
    (cosine(1.0, 70, warmup_steps=10), 40, 0.5),
    (inverse_sqrt(1.0, 16), 8, 0.5),
    (inverse_sqrt(1.0, 16), 16, 1.0),
    (inverse_sqrt(1.0, 16), 64, 0.5),
    (wsd(1.0, 100, 10, 30), 5, 0.5),
    (wsd(1.0, 100, 10, 30), 70, 1.0),
    (wsd(1.0, 100, 10, 30), 85, 0.5),
    (wsd(1.0, 100, 10, 40, shape="sqrt"), 70, 0.5),
    (wsd(1.0, 100, 10, 30), 100, 0.0),
    (warm_restarts(1.0, 10), 15, 0.5),
    (warm_restarts(1.0, 10, factor=2), 10, 1.0),
    (warm_restarts(1.0, 10, factor=2), 20, 0.5),
    (warm_restarts(1.0, 10, factor=2), 30, 1.0),
    (warm_restarts(1.0, 10, factor=3), 10 * (3**12 - 1) // 2, 1.0),
    (cyclic(0.0, 1.0, 10), 10, 1.0),
    (cyclic(0.0, 1.0, 10, 5), 12, 0.6),
    (cyclic(0.0, 1.0, 10, mode="triangular2"), 30, 0.5),
    (cyclic(0.0, 1.0, 10, mode="exp_range", factor=0.9), 10, 0.9**10),
    (one_cycle(1.0, 101, up=0.1), 0, 1 / 25),
    (one_cycle(1.0, 100, up=0.3), 29, 1.0),
    (one_cycle(1.0, 100), 99, 1 / 25 / 1e4),
]


@pytest.mark.parametrize(("schedule", "at", "value"), VALUES, ids=str)
def test_a_value_by_hand(schedule, at, value):
    assert schedule(at) == pytest.approx(value, rel=1e-13, abs=1e-16)


def optimizer(lr: float = 0.1):
    return torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr, momentum=0.9)


CURVES = [  # torch's scheduler of a rate of 0.1 (its closed form, where it has one), and ours
    (lambda o: theirs.LinearLR(o, 0.25, 0.75, 30), linear(0.025, 0.075, 30)),
    (lambda o: theirs.PolynomialLR(o, 40, 2.0), polynomial(0.1, 0.0, 40, 2.0)),
    (lambda o: theirs.ExponentialLR(o, 0.97), exponential(0.1, 0.97)),
    (lambda o: theirs.StepLR(o, 20, 0.5), step(0.1, 20, 0.5)),
    (lambda o: theirs.MultiStepLR(o, [10, 35], 0.3), multi_step(0.1, [10, 35], 0.3)),
    (lambda o: theirs.CosineAnnealingWarmRestarts(o, 7, 2, 0.01), warm_restarts(0.1, 7, 2, 0.01)),
    (lambda o: theirs.CyclicLR(o, 0.01, 0.1, 7, 12), cyclic(0.01, 0.1, 7, 12)),
    (lambda o: theirs.CyclicLR(o, 0.01, 0.1, 7, mode="triangular2"), cyclic(0.01, 0.1, 7, mode="triangular2")),
    (
        lambda o: theirs.CyclicLR(o, 0.01, 0.1, 7, mode="exp_range", gamma=0.99),
        cyclic(0.01, 0.1, 7, mode="exp_range", factor=0.99),
    ),
    (lambda o: theirs.OneCycleLR(o, 0.1, 101), one_cycle(0.1, 101)),
    (
        lambda o: theirs.OneCycleLR(o, 0.1, 101, pct_start=0.25, anneal_strategy="linear", three_phase=True),
        one_cycle(0.1, 101, up=0.25, shape="linear", three_phase=True),
    ),
]


@pytest.mark.parametrize(("scheduler", "schedule"), CURVES, ids=lambda value: repr(value)[:40].partition(" at 0x")[0])
def test_torchs_curve(scheduler, schedule):
    driven = scheduler(optimizer())
    for at in range(100):
        assert schedule(at) == pytest.approx(driven.get_last_lr()[0], rel=1e-12, abs=1e-16), at
        driven.optimizer.step()
        driven.step()


@pytest.mark.parametrize("half", [10, 30])
def test_torchs_cosine_until_it_turns(half):
    driven = theirs.CosineAnnealingLR(optimizer(), half, 0.01)
    for at in range(half + 1):
        assert cosine(0.1, half, 0.01)(at) == pytest.approx(driven.get_last_lr()[0], rel=1e-12), at
        driven.optimizer.step()
        driven.step()


@each
def test_arrays_and_tensors_of_steps(schedule):
    steps = np.arange(150)
    expected = [schedule(int(at)) for at in steps]
    assert schedule(steps) == pytest.approx(expected, rel=1e-12, abs=1e-16)
    found = schedule(torch.as_tensor(steps))
    assert found.dtype is torch.float64
    assert found.numpy() == pytest.approx(expected, rel=1e-12, abs=1e-16)
    assert float(schedule(torch.tensor(40))) == pytest.approx(schedule(40), rel=1e-12)
    assert schedule(np.int64(40)) == schedule(40.0) == schedule(40)


@each
def test_after_its_length_it_stays(schedule):
    if schedule.length is not None:
        assert schedule(schedule.length) == schedule(schedule.length + 1) == schedule(10**9)


@each
def test_before_it_begins(schedule):
    assert schedule(-5) == schedule(0)
    assert schedule(np.array([-5.0]))[0] == schedule(0)


@pytest.mark.parametrize("wrong", [True, "3", None, [1]], ids=repr)
def test_what_is_no_step(wrong):
    with pytest.raises(TypeError, match="A schedule is a function of the step"):
        cosine(1.0, 10)(wrong)


def test_everything_public_has_a_curve_here():
    names = {type(schedule).__name__ for schedule in EACH} | {"warmup", "shifted", "clipped"}
    assert {*schedules.__all__} - {"Schedule", "parse"} <= names
