"""Every scheduler gives torch's rates and momenta over 200 steps: straight, restored in the middle, rebuilt there."""

import copy
import math
import warnings
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as theirs

import steepest
from steepest import lr_scheduler as ours

STEPS, MIDDLE = 200, 77

Make = Callable[..., Any]
CONFIGURATIONS: dict[str, Make] = {
    "LambdaLR": lambda s, o, **k: s.LambdaLR(o, lambda epoch: 0.95**epoch, **k),
    "LambdaLR from zero": lambda s, o, **k: s.LambdaLR(o, lambda epoch: min(epoch / 50, 1.0), **k),
    "LambdaLR for each group": lambda s, o, **k: s.LambdaLR(o, [lambda e: 1 / (1 + e), lambda e: 0.9**e], **k),
    "MultiplicativeLR": lambda s, o, **k: s.MultiplicativeLR(o, lambda epoch: 1 - 1 / (epoch + 20), **k),
    "StepLR": lambda s, o, **k: s.StepLR(o, 30, **k),
    "StepLR gamma": lambda s, o, **k: s.StepLR(o, 7, gamma=0.8, **k),
    "MultiStepLR": lambda s, o, **k: s.MultiStepLR(o, [30, 80, 81, 150], gamma=0.3, **k),
    "MultiStepLR twice": lambda s, o, **k: s.MultiStepLR(o, [80, 20, 80], gamma=0.5, **k),
    "ConstantLR": lambda s, o, **k: s.ConstantLR(o, **k),
    "ConstantLR long": lambda s, o, **k: s.ConstantLR(o, 0.25, total_iters=90, **k),
    "LinearLR": lambda s, o, **k: s.LinearLR(o, **k),
    "LinearLR long": lambda s, o, **k: s.LinearLR(o, 0.125, 0.5, total_iters=120, **k),
    "LinearLR to zero": lambda s, o, **k: s.LinearLR(o, 1.0, 0.0, total_iters=100, **k),
    "ExponentialLR": lambda s, o, **k: s.ExponentialLR(o, 0.97, **k),
    "PolynomialLR": lambda s, o, **k: s.PolynomialLR(o, **k),
    "PolynomialLR long": lambda s, o, **k: s.PolynomialLR(o, 150, power=2.0, **k),
    "CosineAnnealingLR": lambda s, o, **k: s.CosineAnnealingLR(o, 200, **k),
    "CosineAnnealingLR again": lambda s, o, **k: s.CosineAnnealingLR(o, 30, eta_min=0.001, **k),
    "CosineAnnealingWarmRestarts": lambda s, o, **k: s.CosineAnnealingWarmRestarts(o, 13, **k),
    "CosineAnnealingWarmRestarts longer": lambda s, o, **k: s.CosineAnnealingWarmRestarts(o, 5, 2, 0.001, **k),
    "CyclicLR": lambda s, o, **k: s.CyclicLR(o, 0.001, 0.1, 12, **k),
    "CyclicLR triangular2": lambda s, o, **k: s.CyclicLR(o, 0.001, [0.1, 0.2], 12, 20, mode="triangular2", **k),
    "CyclicLR exp_range": lambda s, o, **k: s.CyclicLR(o, 0.001, 0.1, 12, mode="exp_range", gamma=0.99, **k),
    "CyclicLR scale_fn": lambda s, o, **k: s.CyclicLR(o, 0.001, 0.1, 12, scale_fn=lambda x: 1 / x, **k),
    "CyclicLR no momentum": lambda s, o, **k: s.CyclicLR(o, 0.0, 0.1, 9, cycle_momentum=False, **k),
    "OneCycleLR": lambda s, o, **k: s.OneCycleLR(o, 0.1, total_steps=STEPS + 1, **k),
    "OneCycleLR epochs": lambda s, o, **k: s.OneCycleLR(o, [0.1, 0.2], epochs=21, steps_per_epoch=10, **k),
    "OneCycleLR three phases": lambda s, o, **k: s.OneCycleLR(
        o, 0.1, STEPS + 1, pct_start=0.25, anneal_strategy="linear", three_phase=True, **k
    ),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=20), s.CosineAnnealingLR(o, 180, 0.001)], milestones=[20]
    ),
    "SequentialLR of three": lambda s, o: s.SequentialLR(
        o, [s.ConstantLR(o, 0.5, 100), s.ExponentialLR(o, 0.9), s.StepLR(o, 10)], milestones=[10, 90]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 20), s.ExponentialLR(o, 0.97)]),
}  # fmt: skip
PLAIN = [name for name in CONFIGURATIONS if not name.startswith(("Sequential", "Chained"))]

OPTIMIZERS: dict[str, Callable[..., Any]] = {
    "ours": lambda groups, lr: steepest.SGD(groups, lr=lr, momentum=0.9),
    "torch's": lambda groups, lr: torch.optim.SGD(groups, lr=lr, momentum=0.9),
    "betas": lambda groups, lr: steepest.Adam(groups, lr=lr),
    "tensor rate": lambda groups, lr: torch.optim.SGD(groups, lr=torch.tensor(lr, dtype=torch.float64), momentum=0.9),
}


def optimizer(kind: str = "ours") -> Any:
    params = [torch.nn.Parameter(torch.zeros(1)) for _ in range(2)]
    return OPTIMIZERS[kind]([{"params": [params[0]]}, {"params": [params[1]]}], 0.05)


def close(found: list[float], expected: list[float]) -> bool:
    """To twelve digits.  `pytest.approx` takes longer than the scheduler's step."""
    pairs = zip(found, expected, strict=True)
    return all(math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-16) for one, other in pairs)


def seen(scheduler: Any) -> list[float]:
    """Rates and momenta of all groups."""
    groups = scheduler.optimizer.param_groups
    last = [float(rate) for rate in scheduler.get_last_lr()]
    assert close(last, [float(group["lr"]) for group in groups])
    momenta = [float(group["betas"][0]) if "betas" in group else float(group["momentum"]) for group in groups]
    return [*(float(group["lr"]) for group in groups), *momenta]


def curve(scheduler: Any, steps: int) -> list[list[float]]:
    found = []
    for _ in range(steps):
        found.append(seen(scheduler))
        scheduler.optimizer.step()
        scheduler.step()
    return found


def assert_same(found: list[list[float]], expected: list[list[float]]) -> None:
    for step, (mine, yours) in enumerate(zip(found, expected, strict=True)):
        assert close(mine, yours), f"step {step}: {mine} and not {yours}"


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


@pytest.mark.parametrize("kind", OPTIMIZERS)
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_straight(name, kind):
    make = CONFIGURATIONS[name]
    assert_same(curve(make(ours, optimizer(kind)), STEPS), curve(make(theirs, optimizer(kind)), STEPS))


@cache
def curve_of_torch(name: str) -> list[list[float]]:
    """Straight, without a break."""
    return curve(CONFIGURATIONS[name](theirs, optimizer()), STEPS)


def half(library: Any, name: str, kind: str = "ours") -> tuple[Any, Any]:
    """The checkpoints of optimizer and scheduler in the middle."""
    return copy.deepcopy(_half(library, name, kind))


@cache
def _half(library: Any, name: str, kind: str) -> tuple[Any, Any]:
    scheduler = CONFIGURATIONS[name](library, optimizer(kind))
    curve(scheduler, MIDDLE)
    return copy.deepcopy(scheduler.optimizer.state_dict()), copy.deepcopy(scheduler.state_dict())


@pytest.mark.parametrize("order", ["optimizer first", "scheduler first", "built last", "scheduler only"])
@pytest.mark.parametrize("writer", ["ours", "theirs"])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_restored_in_the_middle(name, writer, order):
    """In any order, from torch's checkpoint too: the rest of torch's straight curve."""
    make = CONFIGURATIONS[name]
    expected = curve_of_torch(name)[MIDDLE:]
    saved, state = half({"ours": ours, "theirs": theirs}[writer], name)
    resumed = optimizer()
    if order == "built last":
        resumed.load_state_dict(saved)
    scheduler = make(ours, resumed)
    if order == "optimizer first":
        resumed.load_state_dict(saved)
    scheduler.load_state_dict(state)
    if order == "scheduler first":
        resumed.load_state_dict(saved)
    assert_same(curve(scheduler, STEPS - MIDDLE), expected)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_torch_goes_on_from_our_checkpoint(name):
    make = CONFIGURATIONS[name]
    saved, state = half(ours, name)
    scheduler = make(theirs, optimizer())
    scheduler.load_state_dict(state)
    scheduler.optimizer.load_state_dict(saved)
    assert_same(curve(scheduler, STEPS - MIDDLE), curve_of_torch(name)[MIDDLE:])


@pytest.mark.parametrize("loaded", [True, False])
@pytest.mark.parametrize("name", PLAIN)
def test_rebuilt_with_last_epoch(name, loaded):
    """From the optimizer's checkpoint, or from nothing but the initial rates."""
    make = CONFIGURATIONS[name]
    saved, _ = half(ours, name)
    resumed = optimizer()
    if loaded:
        resumed.load_state_dict(saved)
    else:
        for group, old in zip(resumed.param_groups, saved["param_groups"], strict=True):
            kept = ("initial_lr", "max_lr", "min_lr", "base_momentum", "max_momentum")
            group |= {key: old[key] for key in kept if key in old}
    scheduler = make(ours, resumed, last_epoch=MIDDLE - 1)
    assert scheduler.last_epoch == MIDDLE
    assert_same(curve(scheduler, STEPS - MIDDLE), curve_of_torch(name)[MIDDLE:])


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_what_is_saved_has_torchs_names(name):
    make = CONFIGURATIONS[name]
    states = [make(library, optimizer()).state_dict() for library in (ours, theirs)]
    assert {*states[0]} == {*states[1]}


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_it_is_torchs_class_too(name):
    scheduler = CONFIGURATIONS[name](ours, optimizer())
    assert isinstance(scheduler, theirs.LRScheduler)
    assert isinstance(scheduler, getattr(theirs, type(scheduler).__name__))


def test_a_fraction_of_an_epoch():
    one, other = (s.CosineAnnealingWarmRestarts(optimizer(), 5, 2) for s in (ours, theirs))
    for batch in range(100):
        one.step(batch / 8)
        other.step(batch / 8)
        assert seen(one) == pytest.approx(seen(other), rel=1e-12)
    resumed = ours.CosineAnnealingWarmRestarts(optimizer(), 5, 2)
    resumed.load_state_dict(one.state_dict())
    assert seen(resumed) == seen(one)
