"""`python -m benchmarks.device` as far as it goes without a GPU: its tables, what it compares, what it writes."""

import json
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

from benchmarks import device

from support.pretended_gpu import Pretended


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    return Pretended(monkeypatch)


def test_bits_are_compared_with_the_processors(gpu: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "cases", lambda: [("nadam", {}), ("sgd", {"momentum": 0.9})])
    rows = [*device.bits(gpu, "cpu", quick=True, sizes=[(0,), (3,), (17,)])]
    assert len(rows) == 2 * 4 * 2
    assert {row["differing"] for row in rows} == {0}


def test_other_bits_are_counted() -> None:
    a, b = torch.tensor([1.0, 0.0, 2.0]), torch.tensor([1.0, -0.0, 3.0])
    assert device.differing([a, a], [b, a]) == 2


def test_a_step_moves_the_bytes_that_are_counted(gpu: Pretended) -> None:
    run = device.Tensors(gpu, "cpu", "adam", {}, [(10, 3), (5,)], "bfloat16")
    assert run.bytes == 35 * 14
    before = run.everything()
    run.step()
    assert device.differing(run.everything(), before) > 35


def test_every_rule_of_single_elements_is_compared() -> None:
    names = {name for name, _ in device.cases()}
    assert {"adam", "lion", "adan", "sparse_adam"} <= names
    assert not {"muon", "adafactor", "lbfgs"} & names


def test_what_is_known_is_written_at_once(tmp_path: Path) -> None:
    found = {"device": "A card", "torch": "2.11", "seconds": 3.0, "compiled": 2, "parts": {"Bits": [{"differing": 0}]}}
    device.report(tmp_path / "new", found)
    assert json.loads((tmp_path / "new" / "device.json").read_text()) == found
    assert "## Bits\n\n- differing: 0\n" in (tmp_path / "new" / "device.md").read_text()


def test_a_machine_without_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["device"])
    with pytest.raises(SystemExit, match="torch sees no GPU here"):
        device.main()
