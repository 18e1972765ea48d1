"""A script that nobody wrote for the workbench, and a study of it in the working directory."""

import textwrap
from pathlib import Path
from typing import Any

import polars as pl

from steepest.workbench import Comparison, tune_script
from steepest.workbench.store.record import Record

TRAIN = """
    import random, sys, time
    given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
    lr, width, seed = float(given["--lr"]), int(given.get("--width", 16)), int(given.get("--seed", 0))
    random.seed(seed)
    w = 3 + random.random()
    for epoch in range(1, 6):
        w -= lr * (2 * w + random.gauss(0, 0.1))
        print(f"epoch {epoch} val_loss {w * w + 1 / width:.6f}")
"""
LR, SEED = ["--lr", "{lr:1e-3..0.9:log=0.01}"], ["--seed", "{seed}"]


def write(text: str = TRAIN, before: str = "") -> str:
    """The script's name, when it has been written."""
    Path("train.py").write_text(before + textwrap.dedent(text))
    return "train.py"


def tune(arguments: list[str], script: str = "train.py", **options: Any) -> Comparison:
    """A study of four trials and two fresh seeds, unless it is changed."""
    return tune_script(script, arguments, **{"budget": "trials=4", "seeds": 2, "metric": "val_loss"} | options)


def runs(folder: str = "runs/train") -> pl.DataFrame:
    """All runs of the study."""
    with Record(Path(folder)) as record:
        return record.runs()
