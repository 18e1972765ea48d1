"""Several ranks with the same parameters, or each with a part of them: DDP, ZeRO and FSDP1, equal to torch.optim."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributed.fsdp import FullyShardedDataParallel, ShardingStrategy
from torch.nn.parallel import DistributedDataParallel

import steepest
from support.configurations import Configuration
from support.parallel import (
    ADAMW,
    CLOSE,
    ELEMENTWISE,
    STEPS,
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

# DistributedDataParallel


def ddp(chosen: Configuration, **options: Any) -> Found:
    model = DistributedDataParallel(net(), **options)
    optimizer = chosen.ours(model.parameters())
    train(model, optimizer, share())
    return whole(model.parameters()), states(optimizer)


@pytest.mark.parametrize("chosen", ELEMENTWISE, ids=lambda c: c.name)
def test_ddp(chosen: Configuration, ranks: Group) -> None:
    found = same_on_all(ranks(2).run(ddp, chosen))
    torch.testing.assert_close(found, in_one_process(chosen.theirs), **CLOSE)


def ddp_in_other_ways(way: str) -> Found:
    views = {"gradient_as_bucket_view": True, "bucket_cap_mb": 1e-4}  # gradients are parts of several buckets
    return ddp(ADAMW, **views, **({"static_graph": True} if way == "static graph" else {}))


@pytest.mark.parametrize("way", ["buckets", "static graph"])
def test_ddp_whose_gradients_are_parts_of_buckets(way: str, ranks: Group) -> None:
    found = same_on_all(ranks(2).run(ddp_in_other_ways, way))
    torch.testing.assert_close(found, in_one_process(ADAMW.theirs), **CLOSE)


def ddp_with_accumulation_and_clipping(make: Callable[..., Any]) -> list[Tensor]:
    """Two halves of the rank's share before each step; the scheduler steps after it."""
    model = DistributedDataParallel(net(), gradient_as_bucket_view=True)
    optimizer = make(model.parameters())
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    x, y = share()
    for _ in range(STEPS):
        with model.no_sync():
            (model(x[:2]) - y[:2]).square().mean().backward()
        (model(x[2:]) - y[2:]).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.3)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad(set_to_none=False)
    return whole(model.parameters())


def test_ddp_with_accumulation_and_clipping(ranks: Group) -> None:
    found, wanted = (
        same_on_all(ranks(2).run(ddp_with_accumulation_and_clipping, make)) for make in (ADAMW.ours, ADAMW.theirs)
    )
    torch.testing.assert_close(found, wanted, **CLOSE)


def ddp_resumed() -> tuple[list[Tensor], list[Tensor]]:
    """The parameters of a run, and those of one that went on from a checkpoint in its middle."""
    model = DistributedDataParallel(net())
    optimizer = ADAMW.ours(model.parameters())
    train(model, optimizer, share(), STEPS // 2)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    train(model, optimizer, share(), STEPS // 2)
    again = DistributedDataParallel(net(seed=1))
    resumed = ADAMW.ours(again.parameters())
    again.load_state_dict(saved[0])
    resumed.load_state_dict(saved[1])
    train(again, resumed, share(), STEPS // 2)
    return whole(model.parameters()), whole(again.parameters())


def test_ddp_resumes_bit_for_bit(ranks: Group) -> None:
    through, resumed = same_on_all(ranks(2).run(ddp_resumed))
    torch.testing.assert_close(resumed, through, rtol=0, atol=0)


# ZeroRedundancyOptimizer


def redundant(chosen: Configuration, model: torch.nn.Module, **options: Any) -> Any:
    from torch.distributed.optim import ZeroRedundancyOptimizer  # its import warns of torch.jit

    made = getattr(steepest, chosen.name)
    return ZeroRedundancyOptimizer(model.parameters(), optimizer_class=made, **chosen.options, **options)


def zero(chosen: Configuration, views: bool) -> Found:
    model = DistributedDataParallel(net())
    optimizer = redundant(chosen, model, parameters_as_bucket_view=views)
    train(model, optimizer, share())
    optimizer.consolidate_state_dict(to=0)
    kept = optimizer.state_dict()["state"] if torch.distributed.get_rank() == 0 else {}
    return whole(model.parameters()), [kept[key] for key in sorted(kept)]


@pytest.mark.parametrize("views", [False, True], ids=["apart", "parameters are parts of buckets"])
@pytest.mark.parametrize("chosen", few(ELEMENTWISE))
def test_zero(chosen: Configuration, views: bool, ranks: Group) -> None:
    first, second = ranks(2).run(zero, chosen, views)
    same_on_all([first[0], second[0]])
    torch.testing.assert_close(first, in_one_process(chosen.theirs), **CLOSE)


def zero_resumed() -> tuple[list[Tensor], list[Tensor]]:
    model = DistributedDataParallel(net())
    optimizer = redundant(ADAMW, model)
    train(model, optimizer, share(), STEPS // 2)
    optimizer.consolidate_state_dict(to=0)
    saved: list[Any] = [copy.deepcopy(optimizer.state_dict()) if torch.distributed.get_rank() == 0 else None]
    torch.distributed.broadcast_object_list(saved)
    again = DistributedDataParallel(copy.deepcopy(model.module))
    train(model, optimizer, share(), STEPS // 2)
    resumed = redundant(ADAMW, again)
    resumed.load_state_dict(saved[0])
    train(again, resumed, share(), STEPS // 2)
    return whole(model.parameters()), whole(again.parameters())


def test_zero_resumes_bit_for_bit(ranks: Group) -> None:
    through, resumed = same_on_all(ranks(2).run(zero_resumed))
    torch.testing.assert_close(resumed, through, rtol=0, atol=0)


# FullyShardedDataParallel, the first


def fsdp1(chosen: Configuration, strategy: str, original: bool) -> tuple[list[Tensor], bool]:
    """The parameters, and whether a run that went on from a checkpoint in the middle has the same."""
    model, optimizer = made = fsdp1_of(chosen, 0, strategy, original)
    train(*made, share(), STEPS // 2)
    weights, state = copy.deepcopy((model.state_dict(), saved_by_fsdp1(model, optimizer, original)))
    train(*made, share(), STEPS // 2)
    again, resumed = fsdp1_of(chosen, 1, strategy, original)
    again.load_state_dict(weights)
    resumed.load_state_dict(
        state if original else FullyShardedDataParallel.optim_state_dict_to_load(again, resumed, state)
    )
    train(again, resumed, share(), STEPS // 2)
    found = [[p.clone() for p in one.state_dict().values()] for one in (model, again)]
    return found[0], all(map(torch.equal, *found))


def fsdp1_of(chosen: Configuration, seed: int, strategy: str, original: bool) -> tuple[Any, Any]:
    options = {"sharding_strategy": ShardingStrategy[strategy], "use_orig_params": original}
    model = FullyShardedDataParallel(net(seed), device_id=torch.device("cpu"), **options)
    return model, chosen.ours(model.parameters())


def saved_by_fsdp1(model: Any, optimizer: Any, original: bool) -> Any:
    """torch 2.13 gathers the first moment and the second into one tensor, for its own optimizers too, where FSDP1 keeps
    the original parameters on the CPU: there each rank keeps what is its own."""
    return optimizer.state_dict() if original else FullyShardedDataParallel.optim_state_dict(model, optimizer)


@pytest.mark.parametrize("original", [True, False], ids=["parameters of their own", "flat"])
@pytest.mark.parametrize("strategy", ["FULL_SHARD", "SHARD_GRAD_OP"])
@pytest.mark.parametrize("chosen", [ADAMW, ELEMENTWISE[0], ELEMENTWISE[10]], ids=lambda c: c.name)
def test_fsdp1(chosen: Configuration, strategy: str, original: bool, ranks: Group) -> None:
    found, resumed = same_on_all(ranks(2).run(fsdp1, chosen, strategy, original))
    by_name = dict(zip(("scale", "w1", "b1", "w2", "b2"), in_one_process(chosen.theirs)[0], strict=True))
    assert resumed
    torch.testing.assert_close(found, [*by_name.values()], **CLOSE)
