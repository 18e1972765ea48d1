"""timm: its groups, its schedulers, which write rates by hand, its Lookahead and its registry of optimizers."""

from typing import Any

import pytest

import steepest
from support.framework import LIBRARIES, X, Y, assert_near, assert_same, needs, net, values

timm = needs("timm")
optim = needs("timm.optim")
scheduler = needs("timm.scheduler")

UPDATES, EPOCHS = 6, 4
SCHEDULERS: dict[str, Any] = {
    "cosine": lambda o: scheduler.CosineLRScheduler(o, t_initial=EPOCHS, lr_min=1e-3, warmup_t=1, warmup_lr_init=1e-3),
    "step": lambda o: scheduler.StepLRScheduler(o, decay_t=2, decay_rate=0.5),
    "polynomial": lambda o: scheduler.PolyLRScheduler(o, t_initial=EPOCHS, t_in_epochs=True),
    "with noise": lambda o: scheduler.TanhLRScheduler(o, t_initial=EPOCHS, noise_range_t=1, noise_seed=3),
    "plateau": lambda o: scheduler.PlateauLRScheduler(o, patience_t=0, decay_rate=0.5),
}


def train(model: Any, optimizer: Any, schedule: Any, epochs: range) -> list[float]:
    rates = []
    for epoch in epochs:
        for update in range(UPDATES):
            optimizer.zero_grad()
            rows = slice(8 * update, 8 * update + 8)
            (model(X[rows]) - Y[rows]).square().mean().backward()
            optimizer.step()
            schedule.step_update(epoch * UPDATES + update)
            rates.append(optimizer.param_groups[0]["lr"])
        schedule.step(epoch + 1, 1.0)
    return rates


def made(lib: Any, model: Any) -> Any:
    groups = optim.param_groups_weight_decay(model, 0.1)
    return lib.AdamW(groups, lr=0.05)


@pytest.mark.parametrize("name", SCHEDULERS)
def test_equal_to_torch(name: str) -> None:
    found = []
    for lib in LIBRARIES.values():
        model = net()
        optimizer = made(lib, model)
        found.append((train(model, optimizer, SCHEDULERS[name](optimizer), range(EPOCHS)), values(model)))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
    assert_near(found[1][1], found[0][1])


@pytest.mark.parametrize("name", SCHEDULERS)
def test_resumed_bit_for_bit(name: str) -> None:
    model, other = net(), net(seed=1)
    optimizer, resumed = made(steepest, model), made(steepest, other)
    schedule = SCHEDULERS[name](optimizer)
    train(model, optimizer, schedule, range(2))
    other.load_state_dict(model.state_dict())
    resumed.load_state_dict(optimizer.state_dict())
    again = SCHEDULERS[name](resumed)
    again.load_state_dict(schedule.state_dict())
    for group, wanted in zip(resumed.param_groups, optimizer.param_groups, strict=True):
        group["lr"] = wanted["lr"]  # a new scheduler of timm writes its first rate
    rates = train(model, optimizer, schedule, range(2, EPOCHS))
    assert train(other, resumed, again, range(2, EPOCHS)) == rates
    assert_same(values(other), values(model))


def test_lookahead() -> None:
    found = []
    for lib in LIBRARIES.values():
        model = net()
        optimizer = optim.Lookahead(lib.SGD(model.parameters(), lr=0.1, momentum=0.9), k=2)
        train(model, optimizer, SCHEDULERS["step"](optimizer), range(2))
        optimizer.sync_lookahead()
        saved = optimizer.state_dict()
        again = optim.Lookahead(lib.SGD(model.parameters(), lr=0.1, momentum=0.9), k=2)
        again.load_state_dict(saved)
        train(model, again, SCHEDULERS["step"](again), range(1))
        found.append(values(model))
    assert_near(found[1], found[0])


def test_layers_with_rates_of_their_own() -> None:
    """`lr_scale` stands in the groups beside the optimizer's own options."""
    found = []
    for lib in LIBRARIES.values():
        model = net()
        groups = [{"params": layer.parameters(), "lr_scale": 0.5**i} for i, layer in enumerate((model[2], model[0]))]
        optimizer = lib.AdamW(groups, lr=0.05)
        rates = train(model, optimizer, SCHEDULERS["cosine"](optimizer), range(EPOCHS))
        again = lib.AdamW([{**group, "params": [*group["params"]]} for group in groups], lr=0.05)
        again.load_state_dict(optimizer.state_dict())
        assert [group["lr_scale"] for group in again.param_groups] == [1.0, 0.5]
        found.append((rates, values(model)))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
    assert_near(found[1][1], found[0][1])
