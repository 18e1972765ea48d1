"""A small net whose batches ranks share, its run in one process, and the optimizers that are tried on it."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.distributed.tensor import DTensor

from support.configurations import Configuration

BATCH = torch.linspace(-2, 2, 8 * 6).sin().view(8, 6)
WANTED = torch.linspace(0, 3, 8 * 4).cos().view(8, 4)
STEPS = 6

ELEMENTWISE = [
    Configuration("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    Configuration("Adam", {"lr": 0.02, "amsgrad": True}),
    Configuration("AdamW", {"lr": 0.02}),
    Configuration("NAdam", {"lr": 0.02}),
    Configuration("RAdam", {"lr": 0.02}),
    Configuration("Adamax", {"lr": 0.02}),
    Configuration("Adagrad", {"lr": 0.1, "lr_decay": 0.1}),
    Configuration("Adadelta", {"lr": 0.5}),
    # g / |g| makes the rounding of a gradient near 0 large: torch's buffer too differs by 2.4e-6 under DDP with
    # eps=1e-3 (parameters by 1e-7), and by 5e-7 with these.
    Configuration("RMSprop", {"lr": 0.005, "momentum": 0.5, "alpha": 0.9, "eps": 1e-2}),
    Configuration("Rprop", {"lr": 0.01}),
    Configuration("ASGD", {"lr": 0.02}),
    Configuration("Lion", {"lr": 0.01, "weight_decay": 0.1}),
]
ADAMW = ELEMENTWISE[2]
FEW = ("SGD", "AdamW", "NAdam", "ASGD")
"""They keep one array, two, and numbers beside them."""


def few(chosen: Iterable[Configuration], *others: Any) -> list[Any]:
    """Those in every test run, and all of them with --exhaustive."""
    marks = {one.name: () if one.name in FEW else pytest.mark.exhaustive for one in chosen}
    return [
        pytest.param(one, *others, marks=marks[one.name], id="-".join([one.name, *map(str, others)])) for one in chosen
    ]


CLOSE: dict[str, Any] = {"atol": 2e-6, "rtol": 2e-6}


class Net(nn.Module):
    """Two layers, and a number: on several ranks most of its shards are empty."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(6, 10), nn.Linear(10, 4)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        return self.second(torch.tanh(self.first(x))) * self.scale


Found = tuple[list[Tensor], list[dict[str, Tensor]]]
"""Parameters, and what an optimizer keeps of each."""


def net(seed: int = 0) -> Net:
    torch.manual_seed(seed)
    return Net()


def share() -> tuple[Tensor, Tensor]:
    """The part of the batch that is this rank's."""
    rank, count = distributed.get_rank(), distributed.get_world_size()
    return BATCH[rank::count], WANTED[rank::count]


def train(
    model: nn.Module, optimizer: Any, batch: tuple[Tensor, Tensor], steps: int = STEPS, *, after: Iterable[Any] = ()
) -> None:
    """A number of steps; `after` are called after each: schedulers' steps."""
    for _ in range(steps):
        optimizer.zero_grad()
        (model(batch[0]) - batch[1]).square().mean().backward()
        optimizer.step()
        for call in after:
            call()


def in_one_process(make: Callable[[Any], Any], steps: int = STEPS) -> Found:
    """Parameters and states after some steps on the whole batch."""
    model = net()
    optimizer = make(model.parameters())
    train(model, optimizer, (BATCH, WANTED), steps)
    return whole(model.parameters()), states(optimizer)


def whole(tensors: Iterable[Tensor]) -> list[Tensor]:
    """Copies, the parts of all ranks put together."""
    return [(t.full_tensor() if isinstance(t, DTensor) else t).detach().clone() for t in tensors]


def states(optimizer: Any) -> list[dict[str, Tensor]]:
    """What an optimizer keeps of each parameter, in their order."""
    found = [optimizer.state.get(p, {}) for group in optimizer.param_groups for p in group["params"]]
    return [dict(zip(state, whole(state.values()), strict=True)) for state in found]


def same_on_all(found: list[Any]) -> Any:
    """What the ranks returned, which must be the same to the last bit."""
    for other in found[1:]:
        torch.testing.assert_close(other, found[0], rtol=0, atol=0)
    return found[0]
