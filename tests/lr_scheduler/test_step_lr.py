"""Schedules under torch's names: StepLR of ours is exact where torch's drifts, and chains as torch's does."""

import pytest
import torch

import steepest
from steepest.lr_scheduler import ExponentialLR, StepLR


def optimizer(lr: float = 0.1):
    return steepest.SGD([torch.nn.Parameter(torch.zeros(3))], lr=lr)


def rates(scheduler, epochs: int) -> list[float]:
    found = []
    for _ in range(epochs):
        found.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return found


def test_the_rate_is_the_closed_form_to_the_last_bit() -> None:
    found = rates(StepLR(optimizer(), step_size=10, gamma=0.1), 100)
    assert found == [0.1 * 0.1 ** (epoch // 10) for epoch in range(100)]


def test_torchs_drifts() -> None:
    found = rates(torch.optim.lr_scheduler.StepLR(optimizer(), step_size=10, gamma=0.1), 100)
    assert found != [0.1 * 0.1 ** (epoch // 10) for epoch in range(100)]
    assert found == pytest.approx([0.1 * 0.1 ** (epoch // 10) for epoch in range(100)], rel=1e-12)


def test_a_rate_changed_by_hand_is_kept_and_multiplied() -> None:
    scheduler = StepLR(optimizer(), step_size=2, gamma=0.5)
    scheduler.optimizer.step()
    scheduler.step()
    scheduler.optimizer.param_groups[0]["lr"] = 1.0
    assert rates(scheduler, 4) == [1.0, 0.5, 0.5, 0.25]


def test_chained_with_another_the_rates_multiply() -> None:
    sgd = optimizer()
    schedulers = [StepLR(sgd, step_size=2, gamma=0.5), ExponentialLR(sgd, gamma=0.9)]
    for epoch in range(7):
        assert sgd.param_groups[0]["lr"] == pytest.approx(0.1 * 0.5 ** (epoch // 2) * 0.9**epoch)
        sgd.step()
        for scheduler in schedulers:
            scheduler.step()


def test_a_restored_schedule_goes_on_exactly() -> None:
    straight = rates(StepLR(optimizer(), 3, 0.3), 12)
    first = StepLR(optimizer(), 3, 0.3)
    begun = rates(first, 5)
    second = optimizer()
    second.load_state_dict(first.optimizer.state_dict())
    resumed = StepLR(second, 3, 0.3)
    resumed.load_state_dict(first.state_dict())
    second.load_state_dict(first.optimizer.state_dict())
    assert begun + rates(resumed, 7) == straight


def test_state_is_torchs() -> None:
    ours = StepLR(optimizer(), 3, 0.3)
    theirs = torch.optim.lr_scheduler.StepLR(optimizer(), 3, 0.3)
    assert ours.state_dict().keys() == theirs.state_dict().keys()


def test_it_drives_torchs_own_optimizers() -> None:
    theirs = torch.optim.SGD([torch.nn.Parameter(torch.zeros(3))], lr=1.0)
    assert rates(StepLR(theirs, 1, 0.5), 3) == [1.0, 0.5, 0.25]
