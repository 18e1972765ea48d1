"""What the runs in frameworks share: a net, its data by formula, both libraries, and when two runs are the same."""

import importlib
import importlib.util
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, distributed, nn
from torch.utils.data import DataLoader, TensorDataset

import steepest


def declare_operators_of_torchvision() -> None:
    """timm and torchmetrics import torchvision, whose wheel is built for CUDA: beside a torch for the CPU its operators
    cannot be loaded, and its import fails at two that it expects.  Nothing here calls them."""
    found = importlib.util.find_spec("torchvision")
    for library in Path(found.origin or "").parent.glob("_C*.so") if found else ():
        try:
            torch.ops.load_library(library)
        except OSError:
            for name in ("nms", "qnms"):
                torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")


declare_operators_of_torchvision()

LIBRARIES = {"torch": torch.optim, "steepest": steepest}
FEATURES, SIZE = 6, 48
X = torch.linspace(-9, 9, SIZE * FEATURES).sin().view(SIZE, FEATURES)
Y = torch.stack([X.sum(1).cos(), X[:, 0] * X[:, 1]], 1)


def needs(package: str) -> Any:
    """The package, or the tests of this file are skipped; one that is there, and cannot be imported, is an error."""
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed: make test-frameworks does it", allow_module_level=True)
    return importlib.import_module(package)


def net(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(FEATURES, 16), nn.Tanh(), nn.Linear(16, 2))


def loader(batch_size: int = 8) -> DataLoader[Any]:
    """The same batches in the same order each time."""
    return DataLoader(TensorDataset(X, Y), batch_size=batch_size)


def loss_of(model: nn.Module, batch: Any) -> Tensor:
    return (model(batch[0]) - batch[1]).square().mean()


def values(model: nn.Module) -> list[Tensor]:
    return [p.detach().float().clone() for p in model.parameters()]


def assert_near(found: Any, wanted: Any, tolerance: float = 2e-6) -> None:
    """Of the size of the rounding of float32."""
    torch.testing.assert_close(found, wanted, rtol=tolerance, atol=tolerance)


def assert_same(found: Any, wanted: Any) -> None:
    """To the last bit."""
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)


def assert_moved(found: Iterable[Tensor], start: Iterable[Tensor]) -> None:
    """Every tensor was trained."""
    for p, q in zip(found, start, strict=True):
        assert (p != q).any()


def as_if_started_by_torchrun(folder: Path) -> None:
    """What torchrun tells its processes, said by a rank of `support.ranks` to a framework that asks for it."""
    rank, count = str(distributed.get_rank()), str(distributed.get_world_size())
    os.environ |= {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": count, "LOCAL_WORLD_SIZE": count}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500", "TORCHELASTIC_RUN_ID": "tests"}
    os.chdir(folder)


def alike(found: Sequence[Any]) -> Any:
    """What one of the ranks found, which all have found."""
    for other in found[1:]:
        assert_same(other, found[0])
    return found[0]
