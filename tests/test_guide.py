"""What a PyTorch course teaches, with only the import changed; and each formula against numbers worked out by hand."""

import math
from typing import Any

import pytest
import torch
from torch import nn

import steepest as optim

COURSE: dict[str, tuple[str, dict[str, Any]]] = {
    "rmsprop": (
        "RMSprop",
        {"lr": 1e-3, "alpha": 0.99, "eps": 1e-8, "weight_decay": 0, "momentum": 0, "centered": False},
    ),
    "rmsprop centered": ("RMSprop", {"lr": 1e-3, "alpha": 0.99, "eps": 1e-8, "centered": True}),
    "adam": ("Adam", {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0, "amsgrad": False}),
    "adam amsgrad": ("Adam", {"lr": 1e-3, "amsgrad": True}),
    "adam weight_decay": ("Adam", {"lr": 1e-3, "weight_decay": 1e-4}),
    "sgd": ("SGD", {"lr": 0.01}),
    "sgd momentum": ("SGD", {"lr": 0.01, "momentum": 0.9}),
}


def course(optim: Any, name: str, arguments: dict[str, Any]) -> list[float]:
    """The course's loop, word for word."""
    torch.manual_seed(0)
    model, criterion = nn.Linear(10, 1), nn.MSELoss()
    optimizer = getattr(optim, name)(model.parameters(), **arguments)
    inputs = torch.randn(100, 10)
    targets = inputs @ torch.arange(10.0).reshape(10, 1) / 10 + 0.5
    losses = []
    for _ in range(300):
        optimizer.zero_grad()
        outputs = model(inputs)
        loss = criterion(outputs, targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize(("name", "arguments"), COURSE.values(), ids=COURSE.keys())
def test_the_course_runs_as_before(name: str, arguments: dict[str, Any]) -> None:
    ours, theirs = course(optim, name, arguments), course(torch.optim, name, arguments)
    assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    assert ours[-1] < 0.7 * ours[0]


def test_step_lr_over_100_epochs() -> None:
    model = nn.Linear(10, 1)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.1)
    rates = []
    for _ in range(100):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
        model(torch.randn(4, 10)).sum().backward()
        optimizer.step()
        scheduler.step()
    assert rates[0:10] == [0.1] * 10
    assert rates[10:20] == pytest.approx([0.01] * 10)
    assert rates[90:] == pytest.approx([1e-10] * 10)


def test_another_optimizer_is_another_line() -> None:
    losses = {}
    for optimizer_class, lr in ((optim.SGD, 0.01), (optim.RMSprop, 0.01), (optim.Adam, 0.01)):
        torch.manual_seed(1)
        model = nn.Linear(10, 1)
        optimizer = optimizer_class(model.parameters(), lr=lr)
        inputs, targets = torch.randn(64, 10), torch.randn(64, 1)
        for _ in range(200):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(inputs), targets)
            loss.backward()
            optimizer.step()
            losses[optimizer_class.__name__] = loss.item()
    best = 0.68  # least squares leaves this much of random targets
    assert all(loss < 1.2 * best for loss in losses.values()), losses


def parameter_and_steps(optimizer_class, gradients, start: float = 1.0, **options) -> list[float]:
    """Where a single float64 parameter is after each of these gradients."""
    p = nn.Parameter(torch.tensor([start], dtype=torch.float64))
    optimizer = optimizer_class([p], **options)
    places = []
    for gradient in gradients:
        p.grad = torch.tensor([gradient], dtype=torch.float64)
        optimizer.step()
        places.append(p.item())
    return places


def test_adams_first_step_is_the_rate_whatever_the_gradient() -> None:
    """m = 0.1 g, v = 0.001 g^2; corrected by 1 - 0.9 and 1 - 0.999 they are g and g^2: the step is lr * g / |g|."""
    for gradient in (1e-3, 1.0, -250.0):
        (place,) = parameter_and_steps(optim.Adam, [gradient], lr=0.1)
        assert place == pytest.approx(1.0 - math.copysign(0.1, gradient), rel=1e-4)


def test_adams_bias_correction_on_the_first_three_steps() -> None:
    """Worked by hand, gradients 1, 2, 3; lr 0.1, betas 0.5 and 0.75, eps 0:

    m: 0.5, 1.25, 2.125        / (1 - 0.5^t):  0.5, 0.75, 0.875     -> 1, 5/3, 17/7
    v: 0.25, 1.1875, 3.140625  / (1 - 0.75^t): 0.25, 0.4375, 37/64  -> 1, 19/7, 201/37
    """
    expected, place = [], 1.0
    for m_hat, v_hat in ((1.0, 1.0), (5 / 3, 19 / 7), (17 / 7, 201 / 37)):
        place -= 0.1 * m_hat / math.sqrt(v_hat)
        expected.append(place)
    found = parameter_and_steps(optim.Adam, [1.0, 2.0, 3.0], lr=0.1, betas=(0.5, 0.75), eps=0.0)
    assert found == pytest.approx(expected, rel=1e-14)


def test_rmsprops_recurrence() -> None:
    """v: 0.5 * 4 = 2, then 0.5 * 2 + 0.5 * 1 = 1.5, then 0.75 + 4.5 = 5.25, for gradients 2, 1, -3 and alpha 0.5."""
    expected, place = [], 1.0
    for gradient, v in ((2.0, 2.0), (1.0, 1.5), (-3.0, 5.25)):
        place -= 0.1 * gradient / (math.sqrt(v) + 0.25)
        expected.append(place)
    found = parameter_and_steps(optim.RMSprop, [2.0, 1.0, -3.0], lr=0.1, alpha=0.5, eps=0.25)
    assert found == pytest.approx(expected, rel=1e-14)


def test_centered_rmsprop_divides_by_the_deviation() -> None:
    """Gradients 2, 0 and alpha 0.5: v = 2, 1; mean = 1, 0.5; v - mean^2 = 1, 0.75."""
    found = parameter_and_steps(optim.RMSprop, [2.0, 0.0], lr=0.1, alpha=0.5, eps=0.0, centered=True)
    assert found == pytest.approx([1.0 - 0.1 * 2.0, 1.0 - 0.1 * 2.0], rel=1e-14)


def test_momentum_starts_with_the_gradient_itself() -> None:
    """Buffers 1, 0.9 + 1 = 1.9, 1.71 + 1 = 2.71, at lr 0.1; dampening 0.5 counts from the second step."""
    found = parameter_and_steps(optim.SGD, [1.0, 1.0, 1.0], lr=0.1, momentum=0.9)
    assert found == pytest.approx([0.9, 0.71, 0.439], rel=1e-14)
    found = parameter_and_steps(optim.SGD, [1.0, 1.0], lr=0.1, momentum=0.9, dampening=0.5)
    assert found == pytest.approx([0.9, 0.9 - 0.1 * 1.4], rel=1e-14)


def test_adagrad_divides_by_the_root_of_the_sum() -> None:
    """Sum 1 + 9 = 10, then 10 + 16 = 26; rate 0.1, then 0.1 / 1.5."""
    found = parameter_and_steps(optim.Adagrad, [3.0, 4.0], lr=0.1, lr_decay=0.5, initial_accumulator_value=1.0, eps=0.0)
    first = 1.0 - 0.1 * 3.0 / math.sqrt(10)
    assert found == pytest.approx([first, first - 0.1 / 1.5 * 4.0 / math.sqrt(26)], rel=1e-14)


def test_adamw_decays_the_parameter_and_adam_the_gradient() -> None:
    """With a zero gradient AdamW multiplies by 1 - lr * weight_decay; Adam takes a whole step along p."""
    (decayed,) = parameter_and_steps(optim.AdamW, [0.0], start=2.0, lr=0.1, weight_decay=0.5)
    assert decayed == pytest.approx(2.0 * (1 - 0.1 * 0.5), rel=1e-14)
    (stepped,) = parameter_and_steps(optim.Adam, [0.0], start=2.0, lr=0.1, weight_decay=0.5)
    assert stepped == pytest.approx(2.0 - 0.1, rel=1e-6)
