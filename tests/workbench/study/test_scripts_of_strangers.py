"""Scripts that nobody wrote for the workbench: what they are given, and the number that is read of what they print.

Each takes three steps down a parabola, w -= 2 lr w from w = 3, and says w squared in its own way.
"""

import json
import stat
import textwrap
from pathlib import Path
from typing import Any

import pytest

from steepest.workbench import tune_script
from steepest.workbench.errors import TaskError, UsageError
from steepest.workbench.store.record import Record

pytestmark = pytest.mark.usefixtures("without_figures")
DESCENT = """
import sys
def descend(lr):
    w = 3.0
    for epoch in (1, 2, 3):
        w -= 2 * lr * w
        yield epoch, w * w
"""
ARGPARSE = """
    import argparse
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=0.5)
    for epoch, value in descend(parser.parse_args().lr):
        print(f"Epoch {epoch}/3 | train loss: {value + 1:.4f} | val loss: {value:.4f}")
"""
HYDRA = """
    given = dict(one.split("=", 1) for one in sys.argv[1:])
    for epoch, value in descend(float(given["optim.lr"])):
        print({"epoch": epoch, "val_loss": value})
"""
JSON_CONFIG = """
    import json
    for epoch, value in descend(json.loads(sys.argv[1])["optim"]["lr"]):
        print(json.dumps({"epoch": epoch, "train": {"loss": value + 1}, "val_loss": value}))
"""
BARS = r"""
    for epoch, value in descend(float(sys.argv[1])):
        for step in range(5):
            sys.stderr.write(f"\rEpoch {epoch}: {20 * step}%|\x1b[34m###\x1b[0m| {step}/5 [00:01<00:02, loss={step}]")
        print(f"\n\x1b[1mval_loss\x1b[0m: \x1b[32m{value:.6f}\x1b[0m")
"""
TABLE = """
    print("| epoch | val_acc |\\n|-------|---------|")
    for epoch, value in descend(float(sys.argv[1])):
        print(f"epoch {epoch} val_acc {100 / (1 + value):.4f}%")
"""
NO_NUMBER_BEHIND = """
    for epoch, value in descend(float(sys.argv[1])):
        print(f"{epoch:>3} {value + 1:.4f} {value:.4f}")
"""
LR = "{lr:1e-3..0.4:log=0.01}"
STRANGERS = {
    "argparse": (ARGPARSE, [f"--lr={LR}"], "val loss", {}),
    "Hydra": (HYDRA, ["optim.lr={optim.lr:1e-3..0.4:log=0.01}", "optim.name=sgd"], "val_loss", {}),
    "JSON": (JSON_CONFIG, [f'{{"optim":{{"name":"sgd","lr":{LR}}}}}'], "val_loss", {}),
    "bars": (BARS, [LR], "val_loss", {}),
    "percent": (TABLE, [LR], "val_acc", {"higher_is_better": True}),
    "columns": (NO_NUMBER_BEHIND, [LR], "val_loss", {"pattern": r"^\s*(?P<step>\d+) \S+ (?P<val_loss>\S+)$"}),
}


def value_at(lr: float) -> float:
    """w squared after three steps, by hand."""
    return 9 * (1 - 2 * lr) ** 6


def runs(folder: str) -> list[dict[str, Any]]:
    with Record(Path(folder)) as record:
        return list(record.runs().iter_rows(named=True))


def write(text: str, name: str = "train.py", before: str = DESCENT) -> Path:
    file = Path(name)
    file.write_text(before + textwrap.dedent(text))
    return file


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_is_tuned(name, tmp_path, monkeypatch):
    text, arguments, metric, more = STRANGERS[name]
    monkeypatch.chdir(tmp_path)
    write(text)
    made = tune_script("train.py", arguments, "trials=3", 1, metric=metric, out="study", **more)
    found = runs("study")
    assert [row["phase"] for row in found].count("search") == 3
    for row in found:
        expected = value_at(row["rate"])
        expected = 100 / (1 + expected) if name == "percent" else expected
        assert row["final"] == pytest.approx(expected, abs=2e-4)
        assert row["steps"] == 3
    assert made.numbers.rows[0].rate > 0.01
    assert made.numbers.yardstick is not None


def test_a_shell_script_that_calls_python(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(HYDRA)
    shell = write('#!/bin/sh\nLR=$1\necho "on $(hostname)"\npython3 train.py optim.lr=$LR\n', "run.sh", before="")
    for program, arguments in {"./run.sh": [LR], "sh": ["run.sh", LR]}.items():
        if program == "./run.sh":
            with pytest.raises(UsageError, match=r"\./run\.sh is not executable; type chmod \+x \./run\.sh, or give"):
                tune_script(program, arguments, "trials=2", 1, metric="val_loss", out="study")
            shell.chmod(shell.stat().st_mode | stat.S_IXUSR)
        tune_script(program, arguments, "trials=2", 1, metric="val_loss", out="study", fresh=True)
        assert all(row["final"] == pytest.approx(value_at(row["rate"])) for row in runs("study"))


CANNOT = {
    "an option that it does not have": (ARGPARSE, [f"--rate={LR}"], r"ended with exit code 2", "error: unrecognized"),
    "asks a question": ("input('Go on? ')", [LR], r"ended with exit code 1", "EOFError: EOF when reading a line"),
    "a module is missing": ("import no_such_module", [LR], r"exit code 1", "No module named 'no_such_module'"),
    "a binary": ("sys.stdout.buffer.write(bytes(range(256)))", [LR], "it never reported val_loss", ""),
    "a segmentation fault": ("import os; os.kill(os.getpid(), 11)", [LR], "it was killed by SIGSEGV", ""),
    "infinite": ("print('val_loss', -float('inf'))", [LR], "val_loss was -inf at step 1", "val_loss -inf"),
}


@pytest.mark.parametrize("name", CANNOT)
def test_a_stranger_that_cannot_be_tuned_is_said_in_a_sentence(name, tmp_path, monkeypatch):
    text, arguments, reason, last = CANNOT[name]
    monkeypatch.chdir(tmp_path)
    write(text)
    with pytest.raises(TaskError, match=f"The first 3 runs of train.py failed, the same way: .*{reason}") as raised:
        tune_script("train.py", arguments, "trials=3", 1, metric="val_loss", out="study")
    assert last in raised.value.details
    assert json.dumps(raised.value.details).count("\\u001b") == 0
    assert len(runs("study")) == 3


def test_a_folder_is_no_script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train").mkdir()
    (tmp_path / "train.py").mkdir()
    with pytest.raises(UsageError, match=r"There is no file train\.py; give the path of the script"):
        tune_script("train.py", [LR], metric="val_loss")
    with pytest.raises(UsageError, match=r"There is no program \./train"):
        tune_script("./train", [LR], metric="val_loss")
