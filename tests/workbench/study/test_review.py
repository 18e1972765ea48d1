"""What a review found, each as the case in which it went wrong."""

import functools
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from steepest.workbench import Task, compare
from steepest.workbench.analysis.study_data import held
from steepest.workbench.analysis.summarize import numbers_of
from steepest.workbench.errors import UsageError, WorkbenchError
from steepest.workbench.model.optimizers import KNOWN, reference
from steepest.workbench.model.plan import Plan
from steepest.workbench.report.page import page
from steepest.workbench.search.budget import Budget
from steepest.workbench.store.record import Record
from steepest.workbench.study.compare import report_together
from steepest.workbench.study.stages import Protocol

Make = Callable[[int], Task]
OWN = "def mine(p, g, *, lr=0.1):\n    '''{} of a step.'''\n    p = p - {} * lr * g\n    return p\n"


def small(task: Make, out: Path, **changes: Any) -> Any:
    arguments: dict[str, Any] = {"optimizers": ["sgd"], "budget": "trials=2", "seeds": 1, "controls": False, "out": out}
    return compare(task, **(arguments | changes))


@pytest.mark.usefixtures("without_figures")
def test_an_optimizer_whose_every_trial_failed_is_beaten(tiny: Make, tmp_path: Path) -> None:
    """It has no fresh seeds, and was called level with the best."""

    def hopeless(parameters: Any, lr: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=lr * 1e30)

    found = small(tiny, tmp_path / "study", optimizers=["sgd", hopeless], seeds=5).numbers
    assert [row.name for row in found.rows] == ["sgd", "hopeless"]
    assert found.pairs[0].outcome == "sgd wins"
    assert found.verdict[0] == "sgd wins on tiny_task."


@pytest.mark.usefixtures("without_figures")
def test_an_optimizer_that_was_edited_is_another(tiny: Make, tmp_path: Path) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN.format("Half", 0.5), encoding="utf-8")
    small(tiny, tmp_path / "study", optimizers=[f"{file}:mine"])
    small(tiny, tmp_path / "study", optimizers=[f"{file}:mine"])
    file.write_text(OWN.format("All", 1.0), encoding="utf-8")
    with pytest.raises(WorkbenchError, match=r"file=\w+, not file=\w+, for Mine"):
        small(tiny, tmp_path / "study", optimizers=[f"{file}:mine"])


def test_no_setting_is_tried_twice_however_many_there_are(tmp_path: Path) -> None:
    """1500 rates of three digits in three decades: drawn, some come again."""
    plan = Plan("x", [], "trials=1500", 1, 10, "val_loss", False)
    with Record(tmp_path, write=True) as record:
        settings = Protocol(plan, Budget("trials", 1500), [KNOWN["sgd"]], record)._settings(KNOWN["sgd"])
        tried = list(islice(settings, 1500))
    assert len(set(tried)) == 1500


@pytest.mark.usefixtures("without_figures")
def test_a_study_without_a_trial_of_a_scheduled_optimizer_can_be_reported(tiny: Make, tmp_path: Path) -> None:
    small(tiny, tmp_path / "study", optimizers=[reference(40), "sgd"])
    with Record(tmp_path / "study", write=True) as record:
        record.connection.execute("DELETE FROM runs WHERE optimizer = 'adamw-linear' AND phase != 'range'")
        record.set(finished=False)
        found = numbers_of(held(record))
    assert "not finished" in page(found)


@pytest.mark.usefixtures("without_figures")
def test_searches_over_other_rates_are_other_searches(tiny: Make, tmp_path: Path) -> None:
    for name, rates in (("low", "0.01,0.1"), ("high", "0.1,0.2")):
        small(tiny, tmp_path / name, budget=None, rates=rates)
    found = report_together([tmp_path / "low", tmp_path / "high"], tmp_path / "both")
    assert {row.name for row in found.rows} == {"sgd", "sgd (high)"}
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(WorkbenchError, match="is a file"):
        report_together([tmp_path / "low", tmp_path / "high"], tmp_path / "file")


@pytest.mark.parametrize("rates", ["0:1:5", "1e-5:x:3", 0.1, "0.1,,0.2"])
def test_rates_that_are_none(tiny: Make, tmp_path: Path, rates: Any) -> None:
    with pytest.raises(UsageError, match="cannot be tried"):
        small(tiny, tmp_path / "study", budget=None, rates=rates)


@pytest.mark.usefixtures("without_figures")
def test_a_partial_function_is_an_optimizer_too(tiny: Make, tmp_path: Path) -> None:
    made = functools.partial(torch.optim.SGD, momentum=0.5)
    found = small(tiny, tmp_path / "study", optimizers=[made])
    assert [row.name for row in found.numbers.rows] == ["SGD"]


def test_the_tasks_own_direction_is_not_turned(tiny: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a lower val_loss is better"):
        small(tiny, tmp_path / "study", metric="val_loss", higher_is_better=True)


LOADER = """
import torch
from torch import nn
from steepest.workbench import Task

def task(seed):
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 64)[:, None]
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), batch_size=16, shuffle=True, num_workers=1)
    loss = lambda model, batch: ((model(batch[0]) - batch[0]) ** 2).mean()
    return Task(nn.Linear(1, 1), loss, loader, lambda model: {"val_loss": float(((model(x) - x) ** 2).mean())}, steps=6)
"""


@pytest.mark.usefixtures("without_figures")
def test_workers_may_have_loaders_with_workers(tmp_path: Path) -> None:
    (tmp_path / "loader.py").write_text(LOADER, encoding="utf-8")
    task = f"{tmp_path / 'loader.py'}:task"
    found = compare(task, ["sgd"], None, 1, rates=[0.1], controls=False, workers=2, out=tmp_path / "study")
    assert found.runs["status"].to_list() == ["trained", "trained", "trained"]
