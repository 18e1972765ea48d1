"""A task that trains in a few milliseconds, and studies that are made once for all tests that only read them."""

import math
import random
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from steepest.workbench import Candidate, Comparison, Task, compare
from steepest.workbench.analysis.results import Results
from steepest.workbench.store.record import Record
from steepest.workbench.task import Shuffled
from support.command import Done, run_command
from support.hostile import METRIC, NAMES, TASK
from support.study import write_task


def _data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(96, 4, generator=generator)
    return x, x @ torch.tensor([1.0, -2.0, 0.5, 3.0]) + 0.3 * torch.randn(96, generator=generator)


def _loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    noise = 1 + 1e-3 * (random.random() + np.random.rand())  # the global generators must be restored too
    return ((model(x).squeeze(1) - y) ** 2).mean() * noise


def tiny_task(seed: int) -> Task:
    """Linear regression with all that a continued run must restore: dropout, batch normalisation, other generators."""
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


def diverging(p, g, *, lr=0.1):
    """A rule whose every run diverges, so that a report has failed runs to show."""
    p = p + lr * 1e30 * g
    return p


@pytest.fixture(scope="session")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """One study with a report, for tests that only read it; every name in it is hostile."""

    def make(seed: int) -> Task:
        task = tiny_task(seed)
        return replace(task, metric=METRIC, evaluate=lambda model: {METRIC: task.evaluate(model)["val_loss"]})

    make.__name__ = TASK
    candidates = ["sgd", *(Candidate(name, "Adam", 0.01, "") for name in NAMES), diverging]
    out = tmp_path_factory.mktemp("recorded") / "study"
    return compare(make, candidates, "trials=3", 2, out=out, command=["steepest", "compare", "x"])


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a slow task, and beside it, in `whole`, the study that one process made of it without a break."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("steepest.workbench.study.reports._write", _write_nothing)
        task = f"{write_task(folder)}:task"
        compare(task, ["sgd", "adam"], "trials=3", 2, out=folder / "whole", controls=False)
    return folder


@pytest.fixture(autouse=True)
def one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train runs at once only where a test asks for it: whether that is faster depends on what else is running here."""
    monkeypatch.setattr("steepest.workbench.study.together.WORTH", math.inf)


@pytest.fixture
def steepest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Done]:
    """`steepest("compare", ...)`: the command line, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return partial(run_command, monkeypatch, capsys, "steepest")


def _write_nothing(results: Results, folder: Path, record: Record | None = None) -> None:
    """In the place of a report."""


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write no report, for tests of what is run and stored: drawing takes longer than these runs."""
    monkeypatch.setattr("steepest.workbench.study.reports._write", _write_nothing)
