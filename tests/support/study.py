"""A study in another process, over a task slow enough to be disturbed, and what must be the same however it was."""

import sqlite3
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from steepest.workbench import Comparison, compare, executors
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.search.budget import parsed_budget
from steepest.workbench.store.record import DATABASE, Record
from steepest.workbench.study.study import Study
from steepest.workbench.task import TaskFunction
from steepest.workbench.training.recipe import Recipe
from steepest.workbench.training.trainer import Trainer

SLOW = """
    import time, torch
    from torch import nn
    from steepest.workbench import Task
    from steepest.workbench.task import Shuffled

    def task(seed):
        torch.manual_seed(seed)
        x = torch.linspace(-1, 1, 64)[:, None]
        model = nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Dropout(0.1), nn.Linear(4, 1))

        def loss(model, batch):
            time.sleep(0.001)
            return ((model(batch[0]) - batch[0].sin()) ** 2).mean()

        evaluate = lambda model: {"val_loss": ((model(x) - x.sin()) ** 2).mean().item()}
        return Task(model, loss, Shuffled(x, size=16, seed=seed), evaluate, steps=120, evaluations=4)
"""
FAST = SLOW.replace("time.sleep(0.001)", "pass").replace("steps=120", "steps=40")
"""The same without the sleep, and shorter."""
OPTIONS = ["--optimizers", "sgd,adam", "--budget", "trials=3", "--seeds", "2", "--no-controls", "--serial"]
"""`--serial`: on a busy machine these runs would be trained at once, with other last digits."""
PATIENCE = 400
"""Seconds for another process: it had 200 and was too slow once, with 16 busy processes on two cores."""
KEY = ["phase", "optimizer", "rate", "settings", "seed"]


def write_task(folder: Path, text: str = SLOW) -> Path:
    """The task's file."""
    file = folder / "slow.py"
    file.write_text(textwrap.dedent(text), encoding="utf-8")
    return file


def small(task: TaskFunction | str, out: Path, **changes: Any) -> Comparison:
    """A comparison of SGD and Adam with three trials and two fresh seeds, one run by one, unless it is changed."""
    arguments: dict[str, Any] = {
        "optimizers": ["sgd", "adam"],
        "budget": "trials=3",
        "seeds": 2,
        "out": out,
        "controls": False,
        "stacked": False,
    }
    return compare(task, **(arguments | changes))


def conduct(
    task: TaskFunction | str,
    out: Path,
    optimizers: Sequence[str],
    budget: str,
    workers: int = 1,
    sampler: str = "quasi-random",
    pruner: str = "none",
) -> Comparison:
    """A comparison with one fresh seed, and with a sampler and a pruner that are registered."""
    executor = executors.start(workers)
    try:
        trainer = Trainer(Recipe(task, optimizers, "constant", controls=False), seed=0)
        executor.prepare(trainer)
        names: dict[str, Any] = {"sampler": sampler, "pruner": pruner}
        study = Study(trainer, parsed_budget(budget), (), 1, watcher=Watcher(), command=[], out=out, **names)
        return study.conduct(executor)
    finally:
        executor.close()


WITHOUT_REPORT = """
from steepest.cli import main
from steepest.workbench.study import reports
reports._write = lambda *_, **__: None
main()
"""
"""For tests of what is run and stored: a report takes longer than these runs."""


def launch(folder: Path, out: Path, *options: str, report: bool = False) -> subprocess.Popen[str]:
    """`steepest compare` on the task in the folder."""
    program = ["-m", "steepest"] if report else ["-c", WITHOUT_REPORT]
    command = [sys.executable, *program, "compare", f"{folder / 'slow.py'}:task", *OPTIONS, *options]
    return subprocess.Popen([*command, "--out", str(out)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def runs_in(out: Path) -> int:
    """How many runs are in the record; none where there is no record yet."""
    try:
        database = sqlite3.connect(f"file:{out / DATABASE}?mode=ro", uri=True)
        try:
            return database.execute("SELECT count(*) FROM runs").fetchone()[0]
        finally:
            database.close()
    except sqlite3.OperationalError:
        return 0


def wait_for(process: subprocess.Popen[str], out: Path, runs: int) -> None:
    """Until so many runs are in the record."""
    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        assert process.poll() is None, process.communicate()
        if runs_in(out) >= runs:
            return
        time.sleep(0.02)
    raise AssertionError("the study does not get on")


def results(folder: Path) -> pl.DataFrame:
    """All that must be the same however often the study was stopped."""
    with Record(folder) as record:
        runs = record.runs().sort(KEY).select(*KEY, "status", "steps", "initial", "final")
        curves = record.curves().sort(*KEY, "name", "step").select(*KEY, "name", "step", "value")
    return pl.concat([runs, curves], how="diagonal")


def intact(out: Path) -> bool:
    """Whether the database finds nothing wrong with itself."""
    database = sqlite3.connect(out / DATABASE)
    try:
        return database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    finally:
        database.close()
