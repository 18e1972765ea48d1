"""Parameters that are divided among ranks: FSDP2, HSDP, tensor and sequence parallel, equal to torch.optim in one
process, also in what the optimizer keeps."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from support.configurations import Configuration
from support.parallel import (
    ADAMW,
    BATCH,
    CLOSE,
    ELEMENTWISE,
    STEPS,
    WANTED,
    Found,
    Net,
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


def sharded(model: Net, mesh: Any = None, **options: Any) -> Any:
    """Each layer by itself, and the rest with the whole."""
    for layer in (model.first, model.second, model):
        fully_shard(layer, mesh=mesh, **options)
    return model


def world(*shape: int, names: tuple[str, ...] = ("ranks",)) -> Any:
    return init_device_mesh("cpu", shape or (torch.distributed.get_world_size(),), mesh_dim_names=names)


# fully_shard


def fsdp2(make: Make, count: int) -> Found:
    model = sharded(net(), world(count))
    optimizer = make(model.parameters())
    train(model, optimizer, share())
    kept = [value for p in model.parameters() for value in optimizer.state[p].values() if value.dim()]
    assert all(isinstance(value, DTensor) for value in kept)
    return whole(model.parameters()), states(optimizer)


@pytest.mark.parametrize(
    ("chosen", "count"), [*(pytest.param(one, 2, id=f"{one.name}-2") for one in ELEMENTWISE), *few(ELEMENTWISE, 4)]
)
def test_fsdp2(chosen: Configuration, count: int, ranks: Group) -> None:
    """On four ranks most have nothing of the number, and one has nothing of the second bias."""
    found = same_on_all(ranks(count).run(fsdp2, chosen.ours, count))
    torch.testing.assert_close(found, in_one_process(chosen.theirs), **CLOSE)


def with_a_policy(make: Make) -> Found:
    """bfloat16 in the layers, float32 between the ranks and in the optimizer; gradients are accumulated and clipped."""
    policy = MixedPrecisionPolicy(param_dtype=torch.bfloat16, reduce_dtype=torch.float32)
    model = sharded(net(), mp_policy=policy)
    optimizer = make(model.parameters())
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=STEPS)
    x, y = share()
    for step in range(STEPS):
        model.set_requires_gradient_sync(False)
        (model(x[:2]) - y[:2]).square().mean().backward()
        model.set_requires_gradient_sync(True)
        (model(x[2:]) - y[2:]).square().mean().backward()
        norm = nn.utils.clip_grad_norm_(model.parameters(), 0.3)
        assert isinstance(norm, DTensor)
        optimizer.step()
        scheduler.step() if step < STEPS - 1 else None
        optimizer.zero_grad(set_to_none=step % 2 == 0)
    return whole(model.parameters()), states(optimizer)


def test_fsdp2_with_mixed_precision_accumulation_and_clipping(ranks: Group) -> None:
    found, wanted = (same_on_all(ranks(2).run(with_a_policy, make)) for make in (ADAMW.ours, ADAMW.theirs))
    torch.testing.assert_close(found, wanted, **CLOSE)


def in_bfloat16(make: Make) -> Found:
    model = sharded(net().to(torch.bfloat16))
    optimizer = make(model.parameters())
    x, y = share()
    train(model, optimizer, (x.bfloat16(), y.bfloat16()), 2)
    return whole(model.parameters()), states(optimizer)


def test_fsdp2_of_bfloat16_parameters(ranks: Group) -> None:
    """Ours rounds once, torch several times: a few units in the last place apart."""
    found, wanted = (same_on_all(ranks(2).run(in_bfloat16, make)) for make in (ADAMW.ours, ADAMW.theirs))
    torch.testing.assert_close(found, wanted, rtol=3e-2, atol=1e-3)


def with_groups(make: Make) -> Found:
    """Groups with rates of their own, one of them frozen for some steps, and a parameter that is not divided."""
    model = sharded(net())
    plain = nn.Parameter(torch.ones(3))
    groups = [{"params": model.first.parameters(), "lr": 0.01}, {"params": [*model.second.parameters(), plain]}]
    optimizer = make(groups)
    optimizer.add_param_group({"params": [model.scale], "weight_decay": 0.0})
    for step in range(STEPS):
        model.first.requires_grad_(step % 3 < 2)
        plain.grad = torch.full((3,), 0.1 * step)
        train(model, optimizer, share(), 1)
    return whole([*model.parameters(), plain]), states(optimizer)


def test_fsdp2_with_groups_and_a_parameter_of_each_rank(ranks: Group) -> None:
    found, wanted = (same_on_all(ranks(2).run(with_groups, make)) for make in (ADAMW.ours, ADAMW.theirs))
    torch.testing.assert_close(found, wanted, **CLOSE)


def resumed(make: Make) -> tuple[list[Tensor], list[Tensor]]:
    """Parameters of a run, and of one that goes on from its middle."""
    model = sharded(net())
    optimizer = make(model.parameters())
    train(model, optimizer, share(), STEPS // 2)
    saved = copy.deepcopy((model.state_dict(), optimizer.state_dict()))
    train(model, optimizer, share(), STEPS // 2)
    again = sharded(net(seed=1))
    second = make(again.parameters())
    again.load_state_dict(saved[0])
    second.load_state_dict(saved[1])
    train(again, second, share(), STEPS // 2)
    return whole(model.parameters()), whole(again.parameters())


@pytest.mark.parametrize("chosen", few(ELEMENTWISE))
def test_fsdp2_resumes_bit_for_bit(chosen: Configuration, ranks: Group) -> None:
    through, again = same_on_all(ranks(2).run(resumed, chosen.ours))
    torch.testing.assert_close(again, through, rtol=0, atol=0)


# Two dimensions of ranks


def hsdp(make: Make) -> Found:
    model = sharded(net(), world(2, 2, names=("replicate", "shard")))
    optimizer = make(model.parameters())
    train(model, optimizer, share())
    return whole(model.parameters()), states(optimizer)


@pytest.mark.parametrize("chosen", few(ELEMENTWISE))
def test_hsdp(chosen: Configuration, ranks: Group) -> None:
    found = same_on_all(ranks(4).run(hsdp, chosen.ours))
    torch.testing.assert_close(found, in_one_process(chosen.theirs), **CLOSE)


def tensor_parallel(make: Make, with_fsdp: bool) -> Found:
    """The first layer divided by rows, the second by columns; the number is on both ranks, or divided by FSDP2."""
    mesh = world(2, 2, names=("data", "tensor")) if with_fsdp else world(2, names=("tensor",))
    model: Any = net()
    parallelize_module(model, mesh["tensor"], {"first": ColwiseParallel(), "second": RowwiseParallel()})
    if with_fsdp:
        sharded(model, mesh["data"])
    else:
        model.scale = nn.Parameter(DTensor.from_local(model.scale.data, mesh, [Replicate()]))
        model.forward = lambda x: model.second(torch.tanh(model.first(x))) * model.scale.to_local()
    optimizer = make(model.parameters())
    rank = mesh.get_local_rank("data") if with_fsdp else 0
    train(model, optimizer, (BATCH[rank::2], WANTED[rank::2]) if with_fsdp else (BATCH, WANTED))
    by_name = dict(model.named_parameters())
    order = [by_name[name] for name, _ in Net().named_parameters()]
    return whole(order), states_of(optimizer, order)


def states_of(optimizer: Any, parameters: list[Any]) -> list[dict[str, Tensor]]:
    """The states in this order of the parameters."""
    return [dict(zip(optimizer.state[p], whole(optimizer.state[p].values()), strict=True)) for p in parameters]


@pytest.mark.parametrize("with_fsdp", [False, True], ids=["alone", "and FSDP2"])
@pytest.mark.parametrize("chosen", few(ELEMENTWISE))
def test_tensor_parallel(chosen: Configuration, with_fsdp: bool, ranks: Group) -> None:
    found = same_on_all(ranks(4 if with_fsdp else 2).run(tensor_parallel, chosen.ours, with_fsdp))
    torch.testing.assert_close(found, in_one_process(chosen.theirs), **CLOSE)


class Block(nn.Module):
    """A layer between two norms that see a part of the sequence each."""

    def __init__(self) -> None:
        super().__init__()
        self.before, self.after = nn.LayerNorm(6), nn.LayerNorm(6)
        self.up, self.down = nn.Linear(6, 8), nn.Linear(8, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.after(self.down(torch.relu(self.up(self.before(x)))))


SEQUENCES = torch.linspace(-3, 3, 2 * 4 * 6, dtype=torch.float64).sin().view(2, 4, 6)
"""In float64: some gradients of the norms are so small that Adam's steps along them show the rounding of float32."""


def sequence_parallel(make: Make, is_parallel: bool) -> list[Tensor]:
    torch.manual_seed(0)
    model = Block().double()
    if is_parallel:
        plan = {
            "before": SequenceParallel(),
            "up": ColwiseParallel(input_layouts=Shard(1)),
            "down": RowwiseParallel(output_layouts=Shard(1)),
            "after": SequenceParallel(),
        }
        parallelize_module(model, world(2), plan)
    optimizer = make(model.parameters())
    for _ in range(STEPS):
        optimizer.zero_grad()
        x = SEQUENCES.chunk(2, 1)[torch.distributed.get_rank()] if is_parallel else SEQUENCES
        y: Any = model(x)
        y = y.full_tensor() if isinstance(y, DTensor) else y
        (y - SEQUENCES.cos()).square().mean().backward()
        optimizer.step()
    return whole(model.parameters())


@pytest.mark.parametrize("chosen", few(ELEMENTWISE))
def test_sequence_parallel(chosen: Configuration, ranks: Group) -> None:
    found = same_on_all(ranks(2).run(sequence_parallel, chosen.ours, True))
    torch.testing.assert_close(found, sequence_parallel(chosen.theirs, False), **CLOSE)
