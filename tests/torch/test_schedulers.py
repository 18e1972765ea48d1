"""torch's schedulers drive our optimizers as they drive torch's: the same rates and the same steps, no warnings."""

from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as theirs

import steepest
from steepest import lr_scheduler as ours
from support.nets import assert_same_run, net, train

SCHEDULERS = {
    "StepLR": lambda s, o: s.StepLR(o, step_size=3, gamma=0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5], gamma=0.5),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.5, total_iters=3),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.25, total_iters=5),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, total_iters=8, power=2.0),
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, T_max=8),
    "CosineAnnealingWarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, T_0=3, T_mult=2),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, max_lr=0.05, total_steps=12),
    "CyclicLR": lambda s, o: s.CyclicLR(o, base_lr=0.001, max_lr=0.05, step_size_up=3),
    "SequentialLR": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=4), s.ExponentialLR(o, 0.8)], milestones=[4]
    ),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, total_iters=2), s.StepLR(o, 4)]),
}
CYCLE_MOMENTUM = {"OneCycleLR", "CyclicLR"}
OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"lr": 0.02, "momentum": 0.9},
    "RMSprop": {"lr": 0.02, "momentum": 0.5},
    "Adagrad": {"lr": 0.02},
    "Adam": {"lr": 0.02},
    "AdamW": {"lr": 0.02},
}


def cycled(group: dict) -> float:
    """What OneCycleLR and CyclicLR cycle beside the rate."""
    return group["betas"][0] if "betas" in group else group.get("momentum", 0.0)


def run(library, schedulers, name: str, make, rate=None) -> tuple:
    model = net()
    options = OPTIMIZERS[name] | ({} if rate is None else {"lr": rate})
    optimizer = getattr(library, name)(model.parameters(), **options)
    scheduler = make(schedulers, optimizer)
    seen = []
    for _ in range(11):
        train(model, optimizer, 1)
        group = optimizer.param_groups[0]
        seen.append((float(group["lr"]), cycled(group)))
        scheduler.step()
    return model, optimizer, seen


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_scheduler_drives_ours_as_it_drives_torchs(name, scheduler):
    make = SCHEDULERS[scheduler]
    if scheduler in CYCLE_MOMENTUM and name == "Adagrad":
        for library in (steepest, torch.optim):  # Adagrad has no momentum to cycle, in torch either
            with pytest.raises(ValueError, match="momentum"):
                run(library, theirs, name, make)
        return
    expected = run(torch.optim, theirs, name, make)
    for schedulers in (theirs, ours):
        got = run(steepest, schedulers, name, make)
        assert len({rate for rate, _ in expected[2]}) > 1, "the rate changes"
        for mine, yours in zip(got[2], expected[2], strict=True):
            assert mine == pytest.approx(yours, rel=1e-12)
        assert_same_run(
            (got[0], _without_rate(got[1])), (expected[0], _without_rate(expected[1])), rtol=1e-8, atol=1e-10
        )


def _without_rate(optimizer):
    for group in optimizer.param_groups:
        for name in ("lr", "momentum", "betas"):
            group.pop(name, None)
    return optimizer


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_rate_that_is_a_tensor_is_scheduled_in_place(name):
    runs = [
        run(library, theirs, name, SCHEDULERS["CosineAnnealingLR"], rate=torch.tensor(0.02, dtype=torch.float64))
        for library in (steepest, torch.optim)
    ]
    for mine, yours in zip(runs[0][2], runs[1][2], strict=True):
        assert mine == pytest.approx(yours, rel=1e-12)
    assert isinstance(runs[0][1].param_groups[0]["lr"], torch.Tensor)
    for p, q in zip(runs[0][0].parameters(), runs[1][0].parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_plateau_lowers_the_rate(name):
    rates = []
    for library in (steepest, torch.optim):
        optimizer = getattr(library, name)(net().parameters(), **OPTIMIZERS[name])
        scheduler = theirs.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        seen = []
        for loss in (1.0, 0.9, 0.95, 0.95, 0.95, 0.95, 0.8):
            optimizer.step()
            scheduler.step(loss)
            seen.append(optimizer.param_groups[0]["lr"])
        rates.append(seen)
    assert rates[0] == rates[1]
    assert rates[0][0] > rates[0][-1]


@pytest.mark.parametrize("scheduler", ["StepLR", "CosineAnnealingLR", "OneCycleLR"])
def test_a_schedule_goes_on_from_a_checkpoint(scheduler):
    """Six steps, a new process's worth of new objects, five more: the rates of eleven."""
    make = SCHEDULERS[scheduler]
    whole = run(steepest, theirs, "Adam", make)[2]
    model = net()
    optimizer = steepest.Adam(model.parameters(), **OPTIMIZERS["Adam"])
    schedule, seen = make(theirs, optimizer), []
    for step in range(11):
        if step == 6:
            saved = optimizer.state_dict(), schedule.state_dict()
            optimizer = steepest.Adam(model.parameters(), **OPTIMIZERS["Adam"])
            schedule = make(theirs, optimizer)
            optimizer.load_state_dict(saved[0])
            schedule.load_state_dict(saved[1])
        train(model, optimizer, 1)
        seen.append((optimizer.param_groups[0]["lr"], cycled(optimizer.param_groups[0])))
        schedule.step()
    assert seen == whole


def test_a_scheduler_before_any_step_warns_as_torchs_does():
    optimizer = steepest.SGD(net().parameters())
    scheduler = theirs.StepLR(optimizer, 1)
    with pytest.warns(UserWarning, match="before `optimizer.step\\(\\)`"):
        scheduler.step()
