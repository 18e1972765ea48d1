"""Problems for optimizers that call the closure themselves."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

Loss = Callable[[Any], torch.Tensor]
ROSENBROCK = [-1.2, 1.0]
TO_THE_END: dict[str, Any] = {"tolerance_change": 0.0, "tolerance_grad": 1e-9}


class Plain(nn.Module):
    """These values as parameters."""

    def __init__(self, *values: torch.Tensor) -> None:
        super().__init__()
        self.values = nn.ParameterList(values)

    def forward(self) -> list[torch.Tensor]:
        return list(self.values)


def point(*values: float) -> Plain:
    return Plain(torch.tensor(values, dtype=torch.float64))


def rosenbrock(model: Plain) -> torch.Tensor:
    x, y = model()[0]
    return 100 * (y - x**2) ** 2 + (1 - x) ** 2


def mixed() -> Plain:
    """One parameter of float32, one of float64."""
    return Plain(torch.linspace(0, 1, 4), torch.linspace(1, 2, 4, dtype=torch.float64))


def mixed_loss(model: Plain) -> torch.Tensor:
    a, b = model()
    return (a.double() - 2 * b).square().sum() + (b - 1).pow(4).sum()


def closure_of(model: nn.Module, optimizer: Any, loss: Loss) -> Callable[[], torch.Tensor]:
    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss(model)
        value.backward()
        return value

    return closure


def train(model: Any, optimizer: Any, loss: Loss, steps: int) -> list[float]:
    closure = closure_of(model, optimizer, loss)
    return [optimizer.step(closure).item() for _ in range(steps)]
