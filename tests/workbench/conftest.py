"""A task that trains in a few milliseconds and uses everything that a resumed run must restore."""

import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from steepest.workbench import Task
from steepest.workbench.task import Shuffled


def _data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(96, 4, generator=generator)
    return x, x @ torch.tensor([1.0, -2.0, 0.5, 3.0]) + 0.3 * torch.randn(96, generator=generator)


def _loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    noise = 1 + 1e-3 * (random.random() + np.random.rand())  # the global generators must be restored too
    return ((model(x).squeeze(1) - y) ** 2).mean() * noise


def tiny_task(seed: int) -> Task:
    """Linear regression with dropout and batch normalisation."""
    torch.manual_seed(seed)
    x, y = _data()
    return Task(
        model=nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.1), nn.Linear(8, 1)),
        loss=_loss,
        train=Shuffled(x[:64], y[:64], size=16, seed=seed),
        evaluate=lambda model: {"val_loss": ((model(x[64:]).squeeze(1) - y[64:]) ** 2).mean().item()},
        steps=40,
        evaluations=4,
    )


@pytest.fixture(scope="session")
def tiny() -> Callable[[int], Task]:
    """The task function."""
    return tiny_task


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the report out, for tests of what is run and kept: drawing takes longer than these runs."""
    monkeypatch.setattr("steepest.workbench.study.compare._write", lambda found, folder, record=None: None)
