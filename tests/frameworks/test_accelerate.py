"""accelerate: its wrapper around optimizer and scheduler, accumulation, clipping, checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import steepest
from steepest import schedules
from support.framework import (
    LIBRARIES,
    alike,
    as_if_started_by_torchrun,
    assert_near,
    assert_same,
    loader,
    loss_of,
    needs,
    net,
    values,
)
from support.ranks import Group

accelerate = needs("accelerate")

Prepared = tuple[Any, Any, Any, Any, Any]
SCHEDULERS: dict[str, Callable[[Any, Any], Any]] = {
    "of its library": lambda lib, o: lib.lr_scheduler.OneCycleLR(o, 0.1, total_steps=40),
    "of torch": lambda _, o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 40),
    "in sequence": lambda lib, o: lib.lr_scheduler.SequentialLR(
        o, [lib.lr_scheduler.LinearLR(o, 0.1, total_iters=2), lib.lr_scheduler.StepLR(o, 2, 0.5)], [2]
    ),
}


def prepared(lib: Any, scheduler: str, seed: int = 0, **options: Any) -> Prepared:
    accelerate.state.AcceleratorState._reset_state(True)
    accelerator = accelerate.Accelerator(cpu=True, **options)
    model = net(seed)
    optimizer = lib.AdamW(model.parameters(), lr=0.05)
    wrapped = accelerator.prepare(model, optimizer, loader(), SCHEDULERS[scheduler](lib, optimizer))
    return (accelerator, *wrapped)


def train(made: Prepared, epochs: int) -> list[float]:
    accelerator, model, optimizer, batches, scheduler = made
    rates = []
    for _ in range(epochs):
        for batch in batches:
            with accelerator.accumulate(model):
                accelerator.backward(loss_of(model, batch))
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 0.2)
                optimizer.step()
                scheduler.step()
                optimizer.zero_grad()
            rates.append(optimizer.param_groups[0]["lr"])
    return rates


@pytest.mark.parametrize("accumulation", [1, 2])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_equal_to_torch(scheduler: str, accumulation: int) -> None:
    found = []
    for lib in LIBRARIES.values():
        made = prepared(lib, scheduler, gradient_accumulation_steps=accumulation)
        found.append((train(made, 3), values(made[1])))
    assert found[1][0] == pytest.approx(found[0][0], rel=1e-6)
    assert_near(found[1][1], found[0][1])


def test_bfloat16() -> None:
    found = []
    for lib in LIBRARIES.values():
        made = prepared(lib, "of torch", mixed_precision="bf16")
        train(made, 1)
        found.append(values(made[1]))
    assert_near(*found, 2e-3)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_resumed_bit_for_bit(scheduler: str, tmp_path: Path) -> None:
    through = prepared(steepest, scheduler)
    train(through, 1)
    through[0].save_state(str(tmp_path))
    wanted = train(through, 2)
    resumed = prepared(steepest, scheduler, seed=1)
    resumed[0].load_state(str(tmp_path))
    assert train(resumed, 2) == wanted
    assert_same(values(resumed[1]), values(through[1]))


def test_a_rate_that_is_a_schedule() -> None:
    rate = schedules.cosine(0.05, 12, warmup_steps=3)
    accelerate.state.AcceleratorState._reset_state(True)
    accelerator = accelerate.Accelerator(cpu=True)
    ours, theirs = net(), net()
    optimizer, batches = steepest.AdamW(ours.parameters(), lr=rate), loader()
    ours, optimizer, batches = accelerator.prepare(ours, optimizer, batches)
    other = torch.optim.AdamW(theirs.parameters(), lr=1.0)
    for step, batch in enumerate(batches):
        other.param_groups[0]["lr"] = float(rate(step))
        for model, one in ((ours, optimizer), (theirs, other)):
            one.zero_grad()
            loss_of(model, batch).backward()
            one.step()
        assert float(optimizer.param_groups[0]["lr"]) == pytest.approx(float(rate(step)))
    assert_near(values(ours), values(theirs))


# Two ranks


def on_a_rank(library: str, scheduler: str, folder: Path) -> tuple[list[float], list[Any]]:
    as_if_started_by_torchrun(folder)
    made = prepared(LIBRARIES[library], scheduler)
    assert made[0].num_processes == 2
    return train(made, 3), values(made[1])


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_two_ranks_are_equal_to_torch(scheduler: str, ranks: Group, tmp_path: Path) -> None:
    theirs, ours = (alike(ranks(2).run(on_a_rank, library, scheduler, tmp_path)) for library in LIBRARIES)
    assert ours[0] == pytest.approx(theirs[0], rel=1e-6)
    assert_near(ours[1], theirs[1])


def resumed_on_a_rank(scheduler: str, folder: Path) -> list[Any]:
    as_if_started_by_torchrun(folder)
    through = prepared(steepest, scheduler)
    train(through, 1)
    through[0].save_state(str(folder / "state"))
    wanted = train(through, 2)
    resumed = prepared(steepest, scheduler, seed=1)
    resumed[0].load_state(str(folder / "state"))
    assert train(resumed, 2) == wanted
    assert_same(values(resumed[1]), values(through[1]))
    return values(resumed[1])


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_two_ranks_are_resumed_bit_for_bit(scheduler: str, ranks: Group, tmp_path: Path) -> None:
    alike(ranks(2).run(resumed_on_a_rank, scheduler, tmp_path))
