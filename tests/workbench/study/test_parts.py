"""A study of a task with two networks and an optimizer for each, from the range test to the line to paste."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steepest.workbench import Task, compare
from steepest.workbench.model.diagnostics import UPDATE_RATIO
from steepest.workbench.store.record import Record
from steepest.workbench.task import Shuffled

pytestmark = pytest.mark.usefixtures("without_figures")


def of_encoder(model: Any, batch: tuple[Tensor]) -> Tensor:
    return ((model.decoder(model.encoder(batch[0])) - batch[0]) ** 2).mean()


def of_decoder(model: Any, batch: tuple[Tensor]) -> Tensor:
    return ((model.decoder(model.encoder(batch[0]).detach()) - batch[0]) ** 2).mean()


def pair(seed: int) -> Task:
    """An autoencoder whose halves are trained by turns."""
    torch.manual_seed(seed)
    x = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
    model = nn.ModuleDict({"encoder": nn.Linear(4, 2), "decoder": nn.Linear(2, 4)})
    return Task(
        model,
        {"encoder": of_encoder, "decoder": of_decoder},
        Shuffled(x, size=16, seed=seed),
        lambda model: {"val_loss": of_encoder(model, (x,)).item()},
        steps=30,
        evaluations=2,
    )


def test_every_part_is_measured_counted_and_named(tmp_path: Path) -> None:
    found = compare(pair, ["adam"], "trials=3", 2, out=tmp_path / "study")
    row = next(row for row in found.numbers.rows if row.name == "adam")
    assert row.trained == 2
    with Record(tmp_path / "study") as record:
        memory = record.get("memory")["adam"]
        curves = record.curves()
    parameters = 4 * (4 * 2 + 2 + 2 * 4 + 4)
    assert memory["parameters"] == parameters
    assert 2 * parameters <= memory["state"] <= 2 * parameters + 64  # two moments, and the numbers of steps
    measured = {name for name in curves["name"].unique() if name.startswith(UPDATE_RATIO)}
    assert measured == {
        UPDATE_RATIO + f"{part}.{kind}" for part in ("encoder", "decoder") for kind in ("weight", "bias")
    }
    assert "model.<encoder|decoder>.parameters()" in row.call
