"""The seams hold: another backend, and another way to keep state, obey every law with one line of registration each."""

from collections.abc import Iterator

import pytest
import torch

import steepest
from steepest.kernels import backend
from steepest.testing import check_rule
from support import halves
from support.configurations import TABLE, Configuration
from support.numpy_backend import NumpyBackend

CONFIGURATIONS = list({row.name: row for row in TABLE}.values())
"""The last row of each optimizer, which has the most options."""


STAND_FOR = ("SGD", "RMSprop", "NAdam", "ASGD", "Rprop", "Lion")
"""One array or two, numbers beside them, first steps of their own, signs."""
SOME = [row if row.name in STAND_FOR else pytest.param(row, marks=pytest.mark.exhaustive) for row in CONFIGURATIONS]


@pytest.fixture
def numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(backend.BACKENDS, "cpu", NumpyBackend())


@pytest.fixture
def in_halves() -> Iterator[None]:
    with halves.registered():
        yield


def options(configuration: Configuration) -> dict:
    known = configuration.rule.hyperparameters
    return {name: value for name, value in configuration.options.items() if name in known}


def obeys_every_law(configuration: Configuration) -> None:
    outcome = check_rule(configuration.rule.function, **options(configuration))
    assert outcome["kernel equals rule"] == "holds"


@pytest.mark.usefixtures("numpy")
@pytest.mark.parametrize("row", SOME, ids=lambda row: row.id)
def test_a_second_backend_obeys_every_law(row: Configuration) -> None:
    obeys_every_law(row)


@pytest.mark.usefixtures("in_halves")
@pytest.mark.parametrize("row", SOME, ids=lambda row: row.id)
def test_a_storage_of_two_parts_obeys_every_law(row: Configuration) -> None:
    obeys_every_law(row)


@pytest.mark.usefixtures("numpy", "in_halves")
@pytest.mark.parametrize("name", ["Adam", "RMSprop", "ASGD"])
def test_both_together(name: str) -> None:
    obeys_every_law(next(row for row in CONFIGURATIONS if row.name == name))


def run(row: Configuration, steps: int = 4) -> torch.Tensor:
    p = torch.nn.Parameter(torch.linspace(-1, 1, 300))
    optimizer = row.ours([p])
    for step in range(steps):
        p.grad = torch.cos(step + torch.arange(300.0))
        optimizer.step()
    return p.detach()


def test_the_state_is_kept_in_two_parts(in_halves: None) -> None:
    p = torch.nn.Parameter(torch.ones(3))
    p.grad = torch.tensor([1.0, -2.0, 3.0])
    optimizer = steepest.Adam([p], betas=(0.5, 0.75))
    optimizer.step()
    kept = optimizer.state[p]["exp_avg"]
    assert isinstance(kept, halves.Halves)
    assert kept.high.tolist() == [0x3F00, 0xBF80 - 0x10000, 0x3FC0]  # 0.5, -1, 1.5: the upper halves of their bits
    assert kept.whole().tolist() == [0.5, -1.0, 1.5]


@pytest.mark.parametrize("row", CONFIGURATIONS, ids=lambda row: row.id)
def test_bits_are_those_of_the_cpu(row: Configuration, monkeypatch: pytest.MonkeyPatch) -> None:
    right = run(row)
    with halves.registered():
        assert torch.equal(run(row), right)
        monkeypatch.setitem(backend.BACKENDS, "cpu", NumpyBackend())
        assert torch.equal(run(row), right)


def test_a_device_without_a_backend_takes_the_rule_on_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    row = CONFIGURATIONS[0]
    right = run(row)
    monkeypatch.delitem(backend.BACKENDS, "cpu")
    torch.testing.assert_close(run(row), right)
