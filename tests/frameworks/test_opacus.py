"""opacus: gradients of each example, clipped and with noise, in an optimizer around the optimizer."""

from typing import Any

import pytest
import torch

import steepest
from support.framework import LIBRARIES, assert_near, assert_same, loader, loss_of, needs, net, values

opacus = needs("opacus")


def private(lib: Any, seed: int = 0, clipping: str = "flat") -> tuple[Any, Any, Any, Any]:
    model = net(seed)
    optimizer = lib.AdamW(model.parameters(), lr=0.02)
    norm: Any = [0.5] * 4 if clipping == "per_layer" else 1.0
    made = opacus.PrivacyEngine().make_private(
        module=model, optimizer=optimizer, data_loader=loader(), noise_multiplier=0.5, max_grad_norm=norm,
        poisson_sampling=False, clipping=clipping, noise_generator=torch.Generator().manual_seed(3),
    )  # fmt: skip
    return (*made, lib.lr_scheduler.StepLR(optimizer, 2, 0.7))


def train(made: tuple[Any, Any, Any, Any]) -> list[float]:
    model, optimizer, batches, scheduler = made
    torch.manual_seed(1)
    rates = []
    for batch in batches:
        optimizer.zero_grad()
        loss_of(model, batch).backward()
        optimizer.step()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


@pytest.mark.parametrize("clipping", ["flat", "per_layer"])
def test_equal_to_torch(clipping: str) -> None:
    found = []
    for lib in LIBRARIES.values():
        made = private(lib, clipping=clipping)
        found.append((train(made), values(made[0])))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
    assert_near(found[1][1], found[0][1])


def test_a_scheduler_of_the_wrapper() -> None:
    """It looks like an optimizer, but was not set up as one."""
    found = []
    for lib in LIBRARIES.values():
        model, optimizer, batches, _ = private(lib)
        found.append(train((model, optimizer, batches, lib.lr_scheduler.ExponentialLR(optimizer, 0.8))))
    assert found[1] == pytest.approx(found[0], rel=1e-6)


def test_resumed_bit_for_bit() -> None:
    through = private(steepest)
    train(through)
    model, optimizer, _, scheduler = resumed = private(steepest, seed=1)
    model.load_state_dict(through[0].state_dict())
    optimizer.load_state_dict(through[1].state_dict())
    scheduler.load_state_dict(through[3].state_dict())
    for made in (through, resumed):
        made[1].generator = torch.Generator().manual_seed(5)
    assert train(resumed) == train(through)
    assert_same(values(model), values(through[0]))
