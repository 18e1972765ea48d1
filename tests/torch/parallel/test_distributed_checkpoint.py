"""Distributed checkpoints: written by one library on two ranks, read by the other on four, and back, with FSDP2."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed import checkpoint
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.fsdp import fully_shard

import steepest
from steepest import schedules
from support.configurations import Configuration
from support.parallel import (
    ADAMW,
    BATCH,
    CLOSE,
    ELEMENTWISE,
    WANTED,
    Found,
    few,
    in_one_process,
    net,
    same_on_all,
    share,
    states,
    train,
    whole,
)
from support.ranks import Group

Make = Callable[[Any], Any]
PART = 3
"""Steps on each number of ranks."""

OPTIONS = {
    "by parameter": {},
    "flat": {"flatten_optimizer_state_dict": True},
    "whole": {"full_state_dict": True},
}


def nested(model: nn.Module, optimizer: Any, options: StateDictOptions) -> dict[str, Any]:
    found = {"model": get_model_state_dict(model, options=options)}
    return found | {"optimizer": get_optimizer_state_dict(model, optimizer, options=options)}


def part(make: Make, before: str | None, after: str, way: str, scheduler: Callable[..., Any] | None = None) -> Found:
    """Go on from the checkpoint `before`, for some steps, and leave the checkpoint `after`."""
    model: Any = net(seed=0 if before is None else 1)
    for layer in (model.first, model.second, model):
        fully_shard(layer)
    optimizer = make(model.parameters())
    scheduled = scheduler(optimizer) if scheduler else None
    options = StateDictOptions(**OPTIONS[way])
    if before is not None:
        saved = nested(model, optimizer, options)
        if scheduled:
            saved["scheduler"] = scheduled.state_dict()
        checkpoint.state_dict_loader.load(saved, checkpoint_id=before)
        set_model_state_dict(model, saved["model"], options=options)
        set_optimizer_state_dict(model, optimizer, saved["optimizer"], options=options)
        if scheduled:
            scheduled.load_state_dict(saved["scheduler"])
    train(model, optimizer, share(), PART, after=[scheduled.step] if scheduled else [])
    saved = nested(model, optimizer, options) | ({"scheduler": scheduled.state_dict()} if scheduled else {})
    checkpoint.state_dict_saver.save(saved, checkpoint_id=after)
    return whole(model.parameters()), states(optimizer)


def on_two_four_and_two(
    ranks: Group, folder: Path, makes: tuple[Make, ...], way: str = "by parameter", *schedulers: Any
) -> Found:
    """What is there at the end."""
    files = [str(folder / name) for name in ("first", "second", "third")]
    found: Any = None
    for number, (count, make) in enumerate(zip((2, 4, 2), makes, strict=True)):
        before = files[number - 1] if number else None
        given = schedulers[number : number + 1]
        found = same_on_all(ranks(count).run(part, make, before, files[number], way, *given))
    return found


TAKES_TURNS = [chosen for chosen in ELEMENTWISE if chosen.name != "Rprop"]
"""torch's own Rprop raises for DTensors: it writes into a part of one."""


WAYS = [one for way in OPTIONS for one in few(TAKES_TURNS, way)]


@pytest.mark.parametrize(("chosen", "way"), WAYS)
def test_torch_goes_on_in_the_middle(chosen: Configuration, way: str, ranks: Group, tmp_path: Path) -> None:
    found = on_two_four_and_two(ranks, tmp_path, (chosen.ours, chosen.theirs, chosen.ours), way)
    torch.testing.assert_close(found, in_one_process(chosen.theirs, 3 * PART), **CLOSE)


@pytest.mark.parametrize("chosen", few(TAKES_TURNS))
def test_we_go_on_in_the_middle(chosen: Configuration, ranks: Group, tmp_path: Path) -> None:
    found = on_two_four_and_two(ranks, tmp_path, (chosen.theirs, chosen.ours, chosen.theirs))
    torch.testing.assert_close(found, in_one_process(chosen.theirs, 3 * PART), **CLOSE)


@pytest.mark.parametrize(
    "way", ["by parameter", *(pytest.param(way, marks=pytest.mark.exhaustive) for way in ("flat", "whole"))]
)
def test_rprop_alone(way: str, ranks: Group, tmp_path: Path) -> None:
    rprop = ELEMENTWISE[9]
    found = on_two_four_and_two(ranks, tmp_path, (rprop.ours,) * 3, way)
    torch.testing.assert_close(found, in_one_process(rprop.theirs, 3 * PART), **CLOSE)


@pytest.mark.parametrize("chosen", [ADAMW, ELEMENTWISE[10]], ids=lambda c: c.name)
def test_a_run_on_as_many_ranks_goes_on_bit_for_bit(chosen: Configuration, ranks: Group, tmp_path: Path) -> None:
    first, second, through = (str(tmp_path / name) for name in ("first", "second", "through"))
    ranks(2).run(part, chosen.ours, None, first, "by parameter")
    found = ranks(2).run(part, chosen.ours, first, second, "by parameter")
    wanted = ranks(2).run(without_a_break, chosen.ours, through)
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def without_a_break(make: Make, _: str) -> Found:
    model: Any = net()
    for layer in (model.first, model.second, model):
        fully_shard(layer)
    optimizer = make(model.parameters())
    train(model, optimizer, share(), 2 * PART)
    return whole(model.parameters()), states(optimizer)


# Schedules


def with_a_schedule(parameters: Any) -> Any:
    return steepest.AdamW(parameters, lr=schedules.cosine(0.05, steps=3 * PART, warmup_steps=2))


def with_its_rates(parameters: Any) -> Any:
    """torch's optimizer, which is told the rate before each step."""
    optimizer = torch.optim.AdamW(parameters, lr=0.05)
    rate, steps = schedules.cosine(0.05, steps=3 * PART, warmup_steps=2), iter(range(3 * PART))
    optimizer.register_step_pre_hook(lambda *_: optimizer.param_groups[0].update(lr=float(rate(next(steps)))))
    return optimizer


@pytest.mark.parametrize("way", OPTIONS)
def test_a_rate_that_is_a_schedule(way: str, ranks: Group, tmp_path: Path) -> None:
    found = on_two_four_and_two(ranks, tmp_path, (with_a_schedule,) * 3, way)
    torch.testing.assert_close(found, in_one_process(with_its_rates, 3 * PART), **CLOSE)


def cosine_of_torch(optimizer: Any) -> Any:
    return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 3 * PART)


def our_cosine(optimizer: Any) -> Any:
    return steepest.lr_scheduler.CosineAnnealingLR(optimizer, 3 * PART)


@pytest.mark.parametrize("order", [(our_cosine, cosine_of_torch, our_cosine), (cosine_of_torch,) * 3])
def test_schedulers_beside_it(order: tuple[Any, Any, Any], ranks: Group, tmp_path: Path) -> None:
    makes = tuple(ADAMW.ours if make is our_cosine else ADAMW.theirs for make in order)
    found = on_two_four_and_two(ranks, tmp_path, makes, "by parameter", *order)
    model = net()
    optimizer = ADAMW.theirs(model.parameters())
    train(model, optimizer, (BATCH, WANTED), 3 * PART, after=[cosine_of_torch(optimizer).step])
    torch.testing.assert_close(found, (whole(model.parameters()), states(optimizer)), **CLOSE)
