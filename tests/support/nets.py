"""A small net that both libraries train, and what must come out the same."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

X = torch.linspace(-1, 1, 6 * 4, dtype=torch.float64).sin().view(6, 4)
Y = torch.linspace(0, 3, 6, dtype=torch.float64).cos().view(6, 1)


def net(dtype: torch.dtype = torch.float64, seed: int = 0) -> nn.Sequential:
    """Two layers, a parameter that gets no gradient and one that is frozen."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(4, 7), nn.Tanh(), nn.Linear(7, 1)).to(dtype)
    model.register_parameter("unused", nn.Parameter(torch.ones(3, dtype=dtype)))
    model.register_parameter("frozen", nn.Parameter(torch.ones(2, dtype=dtype), requires_grad=False))
    return model


def loss_of(model: nn.Module) -> torch.Tensor:
    dtype = next(model.parameters()).dtype
    return ((model(X.to(dtype)) - Y.to(dtype)) ** 2).mean()


def train(model: nn.Module, optimizer: Any, steps: int) -> None:
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(model).backward()
        optimizer.step()


def assert_same_run(ours: tuple[Any, Any], theirs: tuple[Any, Any], **tolerances: Any) -> None:
    """Equal parameters and state dicts: values, names, their order, shapes, dtypes."""
    for p, q in zip(ours[0].parameters(), theirs[0].parameters(), strict=True):
        torch.testing.assert_close(p, q, **tolerances)
    one, other = ours[1].state_dict(), theirs[1].state_dict()
    assert [*one["state"]] == [*other["state"]]
    for key, wanted in other["state"].items():
        assert [*one["state"][key]] == [*wanted], "state names, in their order"
        for name, value in wanted.items():
            torch.testing.assert_close(one["state"][key][name], value, **tolerances)
    for group, wanted in zip(one["param_groups"], other["param_groups"], strict=True):
        assert {*group} == {*wanted}
        assert {k: v for k, v in group.items() if k != "foreach"} == {k: v for k, v in wanted.items() if k != "foreach"}


def both(configuration, during: Callable[[Any, Any, int], None], steps: int = 8, dtype=torch.float64, **tolerances):
    """Train with ours and with torch's, `during(model, optimizer, step)` called before each step; compare."""
    runs = []
    for make in (configuration.ours, configuration.theirs):
        model = net(dtype)
        optimizer = make(model.parameters())
        for step in range(steps):
            during(model, optimizer, step)
            train(model, optimizer, 1)
        runs.append((model, optimizer))
    assert_same_run(*runs, **tolerances)
