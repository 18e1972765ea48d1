"""Executors: every one gives the same results; another one is one line in `executors.start`."""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import polars as pl
import pytest

from steepest.workbench import Task, compare, executors
from steepest.workbench.executors.executor import Supervisor
from steepest.workbench.executors.in_process import InProcess
from steepest.workbench.model.job import Job
from steepest.workbench.model.outcome import Outcome
from steepest.workbench.training.trainer import Trainer
from support.study import FAST, results, write_task
from support.watching import Log

Make = Callable[[int], Task]
pytestmark = pytest.mark.usefixtures("without_figures")


class TwoInReverse:
    """Takes two runs at a time, and makes the second one first."""

    count = 2

    def __init__(self) -> None:
        self.made: list[Job] = []

    def prepare(self, trainer: Trainer) -> None:
        self.alone = InProcess()
        self.alone.prepare(trainer)

    def run(self, jobs: Iterator[Job], supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        while batch := list(islice(jobs, 2)):
            for job, outcome in self.alone.run(reversed(batch), supervisor):
                self.made.append(job)
                yield job, outcome

    def close(self) -> None:
        self.closed = True


def test_another_executor_gives_the_same_results(tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments: dict = {"budget": "trials=3", "seeds": 2, "controls": False}
    compare(tiny, ["sgd", "adam"], out=tmp_path / "one", **arguments)
    executor = TwoInReverse()
    monkeypatch.setattr(executors, "start", lambda workers, cluster: executor)
    compare(tiny, ["sgd", "adam"], out=tmp_path / "two", **arguments)
    assert results(tmp_path / "two").equals(results(tmp_path / "one"))
    assert len(executor.made) == 6 + 6 + 8 + 2
    assert executor.closed


def test_worker_processes_give_the_same_results_and_events(tmp_path: Path) -> None:
    task = f"{write_task(tmp_path, FAST)}:task"
    logs = {workers: Log() for workers in (1, 2)}
    for workers, log in logs.items():
        out = tmp_path / f"{workers}"
        compare(task, ["sgd", "adam"], "trials=3", 2, controls=False, workers=workers, out=out, watcher=log)
    assert results(tmp_path / "2").equals(results(tmp_path / "1"))
    for kind in ("started", "evaluated", "ended", "close"):
        assert logs[2].of(kind) == logs[1].of(kind)
    assert logs[2].of("begin") == [(2,)]


LOADER = """
import torch
from torch import nn
from steepest.workbench import Task

def task(seed):
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 128)[:, None]  # one epoch a run: each starts a process that imports torch
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), batch_size=16, shuffle=True, num_workers=1)
    loss = lambda model, batch: ((model(batch[0]) - batch[0]) ** 2).mean()
    return Task(nn.Linear(1, 1), loss, loader, lambda model: {"val_loss": float(((model(x) - x) ** 2).mean())}, steps=6)
"""


def test_workers_may_have_loaders_with_workers(tmp_path: Path) -> None:
    (tmp_path / "loader.py").write_text(LOADER, encoding="utf-8")
    task = f"{tmp_path / 'loader.py'}:task"
    found = compare(task, ["sgd"], None, 1, rates=[0.1], controls=False, workers=2, out=tmp_path / "study")
    assert found.runs["status"].to_list() == ["trained", "trained", "trained"]
    assert pl.Series(found.runs["steps"]).to_list() == [6, 6, 6]
