"""A study in TensorBoard, MLflow and W&B, read back with their own libraries."""

from __future__ import annotations

import json
import re
import resource
import struct
import sys
from collections.abc import Iterator
from math import isfinite
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from steepest.workbench import Comparison, compare
from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.model.outcome import TRAINED, Outcome, Trace
from steepest.workbench.model.plan import Plan
from steepest.workbench.progress import loggers
from steepest.workbench.progress.loggers.logger import LOSS, LoggedRun, LoggedStudy
from steepest.workbench.store.past_runs import past_runs
from steepest.workbench.store.record import Record
from support.framework import needs
from support.study import FAST, write_task

for package in ("tensorboardX", "tensorboard", "mlflow", "wandb"):
    needs(package)
event_accumulator = needs("tensorboard.backend.event_processing.event_accumulator")
plugin_data = needs("tensorboard.plugins.hparams.plugin_data_pb2")
tracking = needs("mlflow.tracking")
wandb_records = needs("wandb.proto.wandb_internal_pb2")

SMALL: dict[str, Any] = {"optimizers": ["sgd", "adam"], "budget": "trials=2", "seeds": 1, "controls": False}
Curve = dict[int, float]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    """Logged once, and again when it was finished: nothing is there twice."""
    folder = tmp_path_factory.mktemp("logged")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.setenv("WANDB_MODE", "offline")
        patch.delenv("WANDB_DIR", raising=False)
        patch.chdir(folder)
        targets = ["tensorboard", f"mlflow:sqlite:///{folder}/mlflow.db", "wandb:my-project"]
        task = f"{write_task(folder, FAST)}:task"
        for _ in range(2):
            found = compare(task, **SMALL, out=folder / "study", log_to=targets)
    return found


@pytest.fixture(scope="module")
def expected(study: Comparison) -> dict[str, tuple[dict[str, Any], dict[str, Curve]]]:
    """By optimizer, phase, rate and seed as text: the parameters, and the curves."""
    found = {}
    with Record(study.folder) as record:
        for key, outcome, _ in past_runs(record):
            curves: dict[str, Curve] = {LOSS: {step: loss for step, _, loss in outcome.trace.curve}}
            for step, _, name, value in outcome.trace.metrics:
                curves.setdefault(name, {})[step] = value
            parameters = {"phase": key.phase, "optimizer": key.optimizer, "lr": key.rate, "seed": key.seed}
            found[identity(parameters)] = parameters | key.values, {name: one for name, one in curves.items() if one}
    assert len(found) == study.runs.height
    return found


def identity(parameters: dict[str, Any]) -> str:
    return f"{parameters['phase']} {parameters['optimizer']} {float(parameters['lr']):.6g} {int(parameters['seed'])}"


@pytest.fixture
def without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorBoard reads by itself: where TensorFlow is there for Keras, it would be imported for that, in minutes."""
    monkeypatch.setitem(sys.modules, "tensorboard.compat.notf", ModuleType("notf"))


def test_tensorboard(study: Comparison, expected: dict[str, Any], without_tensorflow: None) -> None:
    [root] = (study.folder / "tensorboard").iterdir()
    found = {}
    for place in root.glob("*/*/written"):
        [events] = place.parent.glob("events*")
        read = event_accumulator.EventAccumulator(str(events))
        read.Reload()
        content = read.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
        session = plugin_data.HParamsPluginData.FromString(content).session_start_info
        parameters = {
            name: value.string_value if value.HasField("string_value") else value.number_value
            for name, value in session.hparams.items()
        }
        tags = [tag for tag in read.Tags()["scalars"] if not tag.startswith("final/")]
        curves = {tag: {event.step: event.value for event in read.Scalars(tag)} for tag in tags}
        found[identity(parameters)] = parameters, curves
    assert found.keys() == expected.keys()
    for name, (parameters, curves) in expected.items():
        assert found[name][0] == parameters
        finite = {
            one: {step: value for step, value in curve.items() if isfinite(value)} for one, curve in curves.items()
        }
        assert found[name][1] == {re.sub(r"[^-/\w.]", "_", one): pytest.approx(curve) for one, curve in finite.items()}
    read = event_accumulator.EventAccumulator(str(root / "study"))
    read.Reload()
    verdict = read.Tensors("verdict/text_summary")[0].tensor_proto.string_val[0].decode()
    assert study.numbers.rows[0].call in verdict
    assert (root / "study" / "report.html").read_bytes() == (study.folder / "report.html").read_bytes()


@pytest.fixture
def full_disk() -> Iterator[None]:
    """No file may grow beyond 8 KB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8192, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_tensorboard_on_a_full_disk_fails_at_once(tmp_path: Path, full_disk: None) -> None:
    """With tensorboardX's own writer it hung, until the study had waited two minutes for it."""
    plan = Plan("task", [{"name": "sgd", "centre": 0.1}], "trials=2", 1, 400, "val_loss", False)
    made = loggers._made("tensorboard", str(tmp_path))
    made.open(LoggedStudy(plan, tmp_path, "0123"))
    trace = Trace(400, 1.0, [(step, 0.0, 1.0) for step in range(400)])
    with pytest.raises(OSError, match="too large"):
        made.run(LoggedRun(Key(SEARCH, "sgd", 0.1, 0), Outcome(TRAINED, "", trace), 1e9, "val_loss"))
    assert not list(tmp_path.rglob("written"))


def test_mlflow(study: Comparison, expected: dict[str, Any], tmp_path: Path) -> None:
    client = tracking.MlflowClient(f"sqlite:///{study.folder.parent}/mlflow.db")
    [experiment] = [one for one in client.search_experiments() if one.name == "slow.py:task"]
    runs = list(client.search_runs([experiment.experiment_id], max_results=1000))
    [parent] = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    children = [run for run in runs if run is not parent]
    assert {run.data.tags["mlflow.parentRunId"] for run in children} == {parent.info.run_id}
    found = {identity(run.data.params): run for run in children}
    assert len(children) == len(found)
    assert found.keys() == expected.keys()
    for name, (parameters, curves) in expected.items():
        run = found[name]
        assert run.data.params == {one: str(value) for one, value in parameters.items()}
        for one, curve in curves.items():
            history = client.get_metric_history(run.info.run_id, re.sub(r"[^-/\w. ]", "_", one))
            assert {point.step: point.value for point in history} == pytest.approx(curve, nan_ok=True)
            assert len(history) == len(curve)
        assert run.info.status in ("FINISHED", "FAILED")
        assert 0 <= run.info.end_time - run.info.start_time < 600_000
    assert parent.info.status == "FINISHED"
    assert parent.data.params["optimizers"] == "sgd, adam"
    assert study.numbers.rows[0].call in parent.data.tags["mlflow.note.content"]
    report = client.download_artifacts(parent.info.run_id, "report.html", str(tmp_path))
    assert Path(report).read_bytes() == (study.folder / "report.html").read_bytes()
    figures = {Path(one.path).name for one in client.list_artifacts(parent.info.run_id, "figures")}
    assert figures == {path.name for path in study.folder.glob("*.png")}


def test_wandb(study: Comparison, expected: dict[str, Any]) -> None:
    found = {}
    for file in (study.folder / "wandb").glob("offline-run-*/run-*.wandb"):
        records = list(read_wandb(file))
        [run] = [one.run for one in records if one.WhichOneof("record_type") == "run"]
        assert run.project == "my-project"
        config = values(run.config.update) | {"group": run.run_group}
        history = [values(one.history.item) for one in records if one.WhichOneof("record_type") == "history"]
        summary = [values(one.summary.update) for one in records if one.WhichOneof("record_type") == "summary"]
        name = identity(config) if run.job_type != "study" else "study"
        assert name not in found
        found[name] = config, history, summary, records
    config, _, summary, records = found.pop("study")
    assert config["metric"] == "val_loss"
    assert any(study.numbers.rows[0].name in str(one.get("verdict")) for one in summary)
    artifacts = [one for one in records if "artifact" in str(one)[:400] and "report.html" in str(one)]
    assert artifacts
    assert found.keys() == expected.keys()
    assert {config["group"] for config, *_ in found.values()} == {config["group"]}
    for name, (parameters, curves) in expected.items():
        config, history, *_ = found[name]
        assert parameters.items() <= config.items()
        for one, curve in curves.items():
            assert {row["step"]: row[one] for row in history if one in row} == pytest.approx(curve, nan_ok=True)


def values(items: Any) -> dict[str, Any]:
    return {"".join(item.nested_key) or item.key: json.loads(item.value_json) for item in items}


def read_wandb(file: Path) -> Iterator[Any]:
    """The records of a run's file, with W&B's own messages: it has a reader for them no longer, in Python.

    The file is LevelDB's log: blocks of 32 KiB, in which every piece has a sum, a length, and whether it is a whole
    record (1), or its first (2), middle (3) or last piece (4).
    """
    data, place, pieces = file.read_bytes(), 7, b""
    while place + 7 <= len(data):
        left = 32768 - place % 32768
        if left < 7:
            place += left
            continue
        _, length, kind = struct.unpack("<IHB", data[place : place + 7])
        pieces += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            yield wandb_records.Record.FromString(pieces)
            pieces = b""
