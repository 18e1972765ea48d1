"""`python -m benchmarks.device` as far as it goes without a GPU: every check over the driver that pretends."""

import contextlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

from benchmarks import device, device_bits, device_runs, device_speed

from support.on_gpu import on_gpu
from support.pretended_gpu import Pretended


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    """Both halves of a comparison are pretended then; that their bits are right is what `test_on_gpu.py` holds."""
    made = on_gpu(monkeypatch)

    def capture(function: Any) -> Any:
        with made.cuda.capturing() as graph:
            function()
        return graph.replay

    monkeypatch.setattr(device_runs, "capture", capture)
    monkeypatch.setattr(device_runs, "synchronize", lambda: None)
    monkeypatch.setattr(device_runs, "forget", lambda: None)
    monkeypatch.setattr(device_runs, "side_stream", contextlib.nullcontext)
    monkeypatch.setattr(device_runs, "never_waiting", contextlib.nullcontext)
    monkeypatch.setattr(device_runs, "on_gpu", lambda function, times: (function() and 1.0) or 1.0)
    monkeypatch.setattr(device_runs, "cases", lambda: [("nadam", {}), ("sgd", {"momentum": 0.9})])
    monkeypatch.setattr(device_bits, "IN_GRAPHS", [(5,), (3, 4)])
    monkeypatch.setattr(device_speed, "THEIRS", {"sgd": "SGD", "adam": "Adam"})
    monkeypatch.setattr(device_speed, "MODELS", {"GPT-2": lambda: [(3, 4)], "ResNet-50": lambda: [(5,)]})
    return made


def no_failures(rows: list[dict[str, Any]]) -> None:
    assert rows
    assert not [row for row in rows if "failed" in row]
    assert not [row for row in rows if row.get("differing")]


@pytest.mark.usefixtures("gpu")
def test_bits() -> None:
    rows = [*device_bits.bits("cpu", quick=True, sizes=[(0,), (3,), (17,)])]
    no_failures(rows)
    assert len(rows) == 1 + 4 + 3 + 2 * 2 + 2  # a first step, single checks, layouts, float32, some of bfloat16


def test_graphs(gpu: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(device_bits.GRAPHS, "a whole step of training")  # torch's part of it is not pretended
    rows = [*device_bits.graphs("cpu", quick=True)]
    no_failures(rows)
    assert rows[0]["steps"] == 11.0
    assert gpu.cuda.asked


@pytest.mark.usefixtures("gpu")
def test_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_speed, "copy_bandwidth", lambda device, size: 1e6)
    monkeypatch.setattr(device_speed, "SMALL", ((3, 5),))
    no_failures([device_speed._share("cpu", [(5,), (3, 4)], "bfloat16", 1e6)])
    no_failures([*device_speed.small("cpu", quick=True)])
    rows = [*device_speed.against_torch("cpu", quick=True)]
    assert {row["rule"] for row in rows} == {*device_speed.THEIRS, "lion"}
    no_failures(rows)


def test_a_step_moves_the_bytes_that_are_counted() -> None:
    run = device_runs.Run("cpu", "adam", {}, [(10, 3), (5,)], "bfloat16")
    run.step()
    assert run.bytes == 35 * 14


def test_other_bits_are_counted() -> None:
    a, b = torch.tensor([1.0, 0.0, 2.0]), torch.tensor([1.0, -0.0, 3.0])
    assert device_runs.differing([a, a], [b, a]) == 2


def test_every_rule_of_single_elements_is_compared() -> None:
    names = {name for name, _ in device_runs.cases()}
    assert {"adam", "lion", "adan"} <= names
    assert not {"muon", "adafactor", "lbfgs"} & names


def test_what_fails_is_a_row() -> None:
    row = device_runs.attempted({"what": "this"}, lambda: {"found": 1 / 0})
    assert row == {"what": "this", "failed": "ZeroDivisionError: division by zero"}


def test_a_part_that_dies_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "false")
    (row,) = device.rows_of("Bits", quick=True)
    assert row["failed"].startswith("its process ended with 1")


def test_what_is_known_is_written_at_once(tmp_path: Path) -> None:
    found = {"device": "A card", "torch": "2.11", "seconds": 3.0, "parts": {"Bits": [{"differing": 0}]}}
    device.report(tmp_path / "new", found)
    assert json.loads((tmp_path / "new" / "device.json").read_text()) == found
    assert "## Bits\n\n- differing: 0\n" in (tmp_path / "new" / "device.md").read_text()


def test_a_machine_without_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(sys, "argv", ["device"])
    with pytest.raises(SystemExit, match="torch sees no GPU here"):
        device.main()
