"""Every way to divide a parameter and its gradient among two processes: as one process alone."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.tensor import DTensor, Partial, Replicate, Shard, distribute_tensor

import steepest
from support.configurations import Configuration
from support.parallel import CLOSE, ELEMENTWISE, same_on_all, states, whole
from support.ranks import Group

Make = Callable[[Any], Any]

SHAPES = [(4, 6), (5, 3), (1, 3)]
"""Even, uneven, and smaller than the mesh: one process has nothing of it."""
OF_PARAMETERS = [Shard(0), Shard(1), Replicate()]
OF_GRADIENTS = [*OF_PARAMETERS, Partial()]
STEPS = 3


def values(step: int, shape: tuple[int, ...]) -> Tensor:
    return torch.linspace(-1, 2 + step, shape[0] * shape[1]).sin().view(shape)


def cases() -> list[tuple[tuple[int, ...], Any, Any]]:
    return [(shape, one, other) for shape in SHAPES for one in OF_PARAMETERS for other in OF_GRADIENTS]


def as_gradient(g: Tensor, mesh: Any, placement: Any) -> Any:
    if isinstance(placement, Partial):
        return DTensor.from_local(g / 2, mesh, [placement])
    return distribute_tensor(g, mesh, [placement])


def run(make: Make, is_divided: bool, call: tuple[Any, ...] = ()) -> tuple[list[Tensor], list[dict[str, Any]]]:
    """All cases as parameters of one optimizer; or the same as plain tensors."""
    mesh = init_device_mesh("cpu", (2,)) if is_divided else None
    parameters: list[Any] = [
        nn.Parameter(distribute_tensor(values(0, shape), mesh, [one]) if is_divided else values(0, shape))
        for shape, one, _ in cases()
    ]
    optimizer = make(parameters)
    for step in range(1, STEPS + 1):
        for p, (shape, _, other) in zip(parameters, cases(), strict=True):
            p.grad = as_gradient(values(step, shape), mesh, other) if is_divided else values(step, shape)
        optimizer.step(*call)
    for p in parameters if is_divided else []:
        kept: list[Any] = [value for value in optimizer.state.get(p, {}).values() if isinstance(value, Tensor)]
        assert all(value.placements == p.placements for value in kept if value.shape == p.shape and value.dim() == 2)
    return whole(parameters), [] if call else states(optimizer)


WHOLE = [Configuration("Muon", {"lr": 0.02}), Configuration("Adafactor", {"lr": 0.02})]


@pytest.mark.parametrize("chosen", [*ELEMENTWISE, *WHOLE], ids=lambda c: c.name)
def test_all_placements(chosen: Configuration, ranks: Group) -> None:
    found = same_on_all(ranks(2).run(run, chosen.ours, True))
    torch.testing.assert_close(found, run(chosen.ours, False), **CLOSE)


def loss() -> float:
    """The gradients are there already."""
    return 1.0


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs(search: str | None, ranks: Group) -> None:
    chosen = Configuration("LBFGS", {"lr": 0.02, "max_iter": 4, "line_search_fn": search})
    found = same_on_all(ranks(2).run(run, chosen.ours, True, (loss,)))
    torch.testing.assert_close(found, run(chosen.ours, False, (loss,)), **CLOSE)


def skipped_in_one() -> list[bool]:
    """Whether the last step was skipped, where a gradient is infinite in the last process alone, and in none."""
    mesh = init_device_mesh("cpu", (2,))
    p: Any = nn.Parameter(distribute_tensor(torch.ones(4), mesh, [Shard(0)]))
    optimizer = steepest.SGD([p], lr=0.1)
    found = []
    for last in (float("inf"), 1.0):
        p.grad = distribute_tensor(torch.tensor([1.0, 1.0, 1.0, last]), mesh, [Shard(0)])
        found.append(optimizer.last_step_skipped)
    return found


def test_all_processes_agree_on_whether_a_step_was_skipped(ranks: Group) -> None:
    assert ranks(2).run(skipped_in_one) == [[True, False], [True, False]]
