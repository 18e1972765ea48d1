"""SWALR leads from the rate at its first step to swa_lr, as torch's; models are averaged by torch."""

import copy
from typing import Any

import pytest
import torch
from torch.optim import swa_utils as theirs

import steepest
from steepest import lr_scheduler
from steepest import swa_utils as ours

STEPS = 20
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "cosine": {"swa_lr": 0.02},
    "linear": {"swa_lr": 0.02, "anneal_epochs": 7, "anneal_strategy": "linear"},
    "at once": {"swa_lr": 0.02, "anneal_epochs": 0},
    "up": {"swa_lr": 0.5, "anneal_epochs": 3},
    "for each group": {"swa_lr": [0.02, 0.04]},
}


def optimizer() -> Any:
    return steepest.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.1, 0.3)])


def rates(scheduler: Any, steps: int) -> list[list[float]]:
    found = []
    for _ in range(steps):
        found.append([group["lr"] for group in scheduler.optimizer.param_groups])
        scheduler.optimizer.step()
        scheduler.step()
    return found


def assert_same(found: list[list[float]], expected: list[list[float]]) -> None:
    for mine, yours in zip(found, expected, strict=True):
        assert mine == pytest.approx(yours, rel=1e-12)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_torchs_rates(name):
    options = CONFIGURATIONS[name]
    assert_same(rates(ours.SWALR(optimizer(), **options), STEPS), rates(theirs.SWALR(optimizer(), **options), STEPS))


def after_an_exponential(library: Any, s: Any) -> list[list[float]]:
    sgd = optimizer()
    before, swa = s.ExponentialLR(sgd, 0.9), library.SWALR(sgd, swa_lr=0.02, anneal_epochs=5)
    return rates(before, 6) + rates(swa, 10)


def test_it_begins_where_another_schedule_has_led():
    assert_same(after_an_exponential(ours, lr_scheduler), after_an_exponential(theirs, torch.optim.lr_scheduler))


@pytest.mark.parametrize("writer", ["ours", "theirs"])
@pytest.mark.parametrize("stop", [0, 1, 4, 10, 15])
@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_restored_in_the_middle(name, stop, writer):
    options = CONFIGURATIONS[name]
    expected = rates(theirs.SWALR(optimizer(), **options), STEPS)[stop:]
    first = {"ours": ours, "theirs": theirs}[writer].SWALR(optimizer(), **options)
    rates(first, stop)
    scheduler = ours.SWALR(optimizer(), **options)
    scheduler.load_state_dict(copy.deepcopy(first.state_dict()))
    scheduler.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    assert_same(rates(scheduler, STEPS - stop), expected)


def test_what_is_saved_has_torchs_names():
    assert {*ours.SWALR(optimizer(), 0.02).state_dict()} == {*theirs.SWALR(optimizer(), 0.02).state_dict()}


def test_the_average_of_a_run():
    """The mean of the weights after each step, by hand."""
    model = torch.nn.Linear(1, 1, bias=False)
    average = ours.AveragedModel(model)
    sgd = steepest.SGD(model.parameters(), lr=0.5)
    seen = []
    for _ in range(4):
        model.weight.grad = torch.ones(1, 1)
        sgd.step()
        average.update_parameters(model)
        seen.append(model.weight.item())
    assert next(average.parameters()).item() == pytest.approx(sum(seen) / 4, rel=1e-6)


def test_every_name_is_there():
    assert {*theirs.__all__} == {*ours.__all__}
    assert steepest.swa_utils is ours
