"""Scripts that were not written for it are tuned as they are: a plain loop, LightningCLI, Trainer, torchrun.

Their values are compared with those that the same scripts print when they are run by hand.
"""

import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from steepest.workbench import tune_script
from steepest.workbench.errors import TaskError, UsageError
from steepest.workbench.scripts.pattern import Pattern
from steepest.workbench.store.record import Record

SCRIPTS = Path(__file__).parent / "scripts"
OPERATORS = """
import importlib.util, pathlib, torch
found = importlib.util.find_spec("torchvision")
for library in pathlib.Path(found.origin).parent.glob("_C*.so"):
    try:
        torch.ops.load_library(library)
    except OSError:
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", "(Tensor boxes, Tensor scores, float threshold) -> Tensor")
"""
"""As `support.framework` says: torchvision's wheel is built for CUDA, and here torch is for the CPU."""
LIGHTNING = [
    "fit", "--model.lr", "{lr:1e-3..0.3:log=1e-3}", "--model.width", "{width:4|16}", "--seed_everything", "{seed}",
    "--trainer.max_epochs", "2", "--trainer.accelerator", "cpu", "--trainer.logger", "false",
    "--trainer.enable_checkpointing", "false", "--trainer.enable_progress_bar", "false",
]  # fmt: skip
TRAINER = [
    "--learning_rate", "{lr:1e-4..0.1:log=1e-3}", "--seed", "{seed}", "--max_steps", "6", "--use_cpu", "true",
    "--per_device_train_batch_size", "4", "--report_to", "none", "--save_strategy", "no", "--disable_tqdm", "true",
    "--output_dir", "out",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr("steepest.workbench.study.reports._write", lambda results, folder, record=None: None)
    if importlib.util.find_spec("torchvision") is not None:
        (tmp_path / "own").mkdir()
        (tmp_path / "own" / "sitecustomize.py").write_text(OPERATORS)
        own = os.pathsep.join(filter(None, [str(tmp_path / "own"), os.environ.get("PYTHONPATH", "")]))
        monkeypatch.setenv("PYTHONPATH", own)


def tuned(script: str, arguments: Sequence[str], **options: Any) -> tuple[Any, pl.DataFrame]:
    """The result, and the runs."""
    given: dict[str, Any] = {"budget": "trials=2", "seeds": 1, "metric": "val_loss", "out": "study"}
    made = tune_script(script, arguments, **given | options)
    with Record(Path("study")) as record:
        return made, record.runs()


def by_hand(command: str, metric: str) -> float:
    """What the line to paste prints."""
    words = [sys.executable if word == "python" else word for word in command.split()]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = Pattern.of_name(metric)
    values = [read[1][metric] for line in done.stdout.splitlines() if (read := found.values(line, 0))]
    return values[-1]


@pytest.mark.parametrize(
    ("script", "arguments", "metric", "package"),
    [
        ("plain_loop.py", ["--lr", "{lr:1e-3..0.3:log=1e-3}", "--seed", "{seed}"], "val_loss", "torch"),
        ("with_lightning.py", LIGHTNING, "val_loss", "lightning"),
        ("with_trainer.py", TRAINER, "eval_loss", "transformers"),
    ],
)
def test_untouched(script: str, arguments: list[str], metric: str, package: str) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    before = (SCRIPTS / script).read_bytes()
    made, runs = tuned(str(SCRIPTS / script), arguments, metric=metric)
    assert set(runs["status"]) == {"trained"}, runs["reason"].to_list()
    assert runs["final"].n_unique() >= 4  # other rates, other seeds
    row = made.numbers.rows[0]
    (searched,) = runs.filter((pl.col("phase") == "search") & (pl.col("rate") == row.rate))["final"]
    assert by_hand(row.call, metric) == pytest.approx(searched)
    assert (SCRIPTS / script).read_bytes() == before


@pytest.mark.parametrize(
    ("script", "arguments", "setting", "metric", "own"),
    [
        ("with_lightning.py", LIGHTNING, "Adam.lr", "val_loss", 1e-3),
        ("with_trainer.py", TRAINER, "AdamW.lr", "eval_loss", 5e-5),
    ],
)
def test_set_from_outside(script: str, arguments: list[str], setting: str, metric: str, own: float) -> None:
    """A rate that is set in the optimizer gives the number that the same rate gives as an argument."""
    package = "lightning" if "lightning" in script else "transformers"
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    place = next(number for number, one in enumerate(arguments) if one.startswith("{lr"))
    without = [one for number, one in enumerate(arguments) if number not in (place - 1, place)]
    fixed = [one.replace("{width:4|16}", "4").replace("{seed}", "0") for one in without]
    made, runs = tuned(str(SCRIPTS / script), fixed, metric=metric, settings=[f"{setting}=1e-5..0.3:log"])
    assert made.candidates[0].usual == {setting: own}
    rate, value = runs.filter(pl.col("phase") == "search").select("rate", "final").row(1)
    name = arguments[place - 1]
    line = " ".join(["python", str(SCRIPTS / script), *fixed, name, repr(rate)])
    if package == "lightning":  # a scheduler of Trainer's writes its own rates
        assert by_hand(line, metric) == pytest.approx(value)
    assert f"# in the script: {setting.partition('.')[0]}(..., lr=" in made.numbers.rows[0].call


TORCHRUN = ["--standalone", "--nproc-per-node", "2", str(SCRIPTS / "under_torchrun.py"), "{seed}"]


def torchrun() -> str:
    """Of this environment."""
    return str(Path(sys.executable).parent / "torchrun")


def test_torchrun_and_what_it_starts() -> None:
    settings = ["SGD.lr=1e-3..0.1:log", "SGD.momentum=0..0.9"]
    made, runs = tuned(torchrun(), TORCHRUN, settings=settings, budget="trials=1")
    assert set(runs["status"]) == {"trained"}, runs["reason"].to_list()
    assert made.candidates[0].usual == {"SGD.lr": 0.01, "SGD.momentum": 0.5}
    assert made.numbers.task == "under_torchrun.py"


def test_an_argument_that_there_is_not_is_said_through_torchrun_too() -> None:
    with pytest.raises(UsageError, match=r"--set SGD\.betas\.0: SGD has no argument 'betas'. It has lr, momentum"):
        tuned(torchrun(), TORCHRUN, settings=["SGD.betas.0=0.8|0.9"])
    with pytest.raises(UsageError, match=r"--set Adam\.lr: .*makes no Adam; it makes SGD\."):
        tuned(torchrun(), TORCHRUN, settings=["Adam.lr=1e-3..0.1:log"])


def test_what_torchrun_has_started_ends_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HANGS", "1")
    with pytest.raises(TaskError, match="ended after 25 s"):
        tuned(torchrun(), [*TORCHRUN[:-1], "{seed}", "{lr:1e-3..0.1:log}"], timeout=25, workers=3, budget="trials=3")
    left = [
        folder
        for folder in Path("/proc").glob("[0-9]*")
        if b"under_torchrun.py" in _read(folder / "cmdline") and str(Path.cwd()).encode() in _read(folder / "environ")
    ]
    assert not left


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""
