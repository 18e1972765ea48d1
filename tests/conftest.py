"""The table of optimizer configurations that every law is crossed with, and a kernel cache for this session alone.

A test that takes an argument `configuration` runs once for each row of TABLE.
"""

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from typing import Any

import pytest

import torch

# Set before anything compiles: kernels are compiled once for the session, and the user's own cache is left alone.
os.environ["STEEPEST_CACHE_DIR"] = tempfile.mkdtemp(prefix="steepest-tests-")
atexit.register(shutil.rmtree, os.environ["STEEPEST_CACHE_DIR"], ignore_errors=True)

import steepest  # noqa: E402 - after the variable that it reads
from steepest.rule import Rule  # noqa: E402

Params = Any


@dataclass(frozen=True)
class Configuration:
    """One optimizer with one choice of options."""

    name: str
    options: dict[str, Any]

    @property
    def id(self) -> str:
        """As pytest prints it."""
        return "-".join([self.name, *(k if v is True else f"{k}={v}" for k, v in self.options.items())])

    def ours(self, params: Params, **more: Any) -> Any:
        """Our optimizer."""
        return getattr(steepest, self.name)(params, **self.options, **more)

    def theirs(self, params: Params, **more: Any) -> Any:
        """torch's, one tensor at a time: the path that torch's own tests hold the others to."""
        return getattr(torch.optim, self.name)(params, **self.options, **{"foreach": False, **more})

    @property
    def rule(self) -> Rule:
        """The rule behind it."""
        return getattr(steepest, self.name).rule

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Those of the rule, defaults included."""
        return self.rule.hyperparameters | {k: v for k, v in self.options.items() if k != "maximize"}

    @property
    def maximize(self) -> bool:
        """Whether the step goes up the gradient."""
        return self.options.get("maximize", False)


_OPTIONS: dict[str, list[dict[str, Any]]] = {
    "SGD": [
        {"lr": 0.01},
        {"lr": 0.01, "momentum": 0.9},
        {"lr": 0.01, "momentum": 0.9, "dampening": 0.3},
        {"lr": 0.01, "momentum": 0.9, "nesterov": True},
        {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.1},
        {"lr": 0.01, "weight_decay": 0.1, "maximize": True},
    ],
    "RMSprop": [
        {"lr": 0.001},
        {"lr": 0.001, "centered": True},
        {"lr": 0.001, "momentum": 0.9},
        {"lr": 0.001, "momentum": 0.9, "centered": True},
        {"lr": 0.001, "alpha": 0.9, "weight_decay": 0.1},
        {"lr": 0.001, "maximize": True},
    ],
    "Adagrad": [
        {"lr": 0.01},
        {"lr": 0.01, "lr_decay": 0.1},
        {"lr": 0.01, "initial_accumulator_value": 0.5},
        {"lr": 0.01, "weight_decay": 0.1},
        {"lr": 0.01, "maximize": True},
    ],
    "Adam": [
        {"lr": 0.001},
        {"lr": 0.001, "amsgrad": True},
        {"lr": 0.001, "weight_decay": 0.1},
        {"lr": 0.001, "weight_decay": 0.1, "decoupled_weight_decay": True},
        {"lr": 0.001, "maximize": True},
        {"lr": 0.001, "betas": (0.5, 0.7), "eps": 1e-3},
        {"lr": 0.001, "betas": (0.0, 0.99)},
    ],
    "AdamW": [
        {"lr": 0.001, "weight_decay": 0.1},
        {"lr": 0.001, "amsgrad": True},
        {"lr": 0.001, "maximize": True},
    ],
}

TABLE = [Configuration(name, options) for name, rows in _OPTIONS.items() for options in rows]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Cross every law with the table."""
    if "configuration" in metafunc.fixturenames:
        metafunc.parametrize("configuration", TABLE, ids=[row.id for row in TABLE])


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture
def threads():
    """Sets torch's thread count for one test: `threads(3)`."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)
