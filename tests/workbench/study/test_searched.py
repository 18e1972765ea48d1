"""A study that searches numbers of the task and of the optimizers together: every run has what its setting says."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from steepest.workbench import Dimension, Task, compare
from steepest.workbench.analysis.dimensions import dimensions
from steepest.workbench.errors import TaskError, UsageError
from steepest.workbench.model.key import values_of
from steepest.workbench.task import Shuffled
from support.command import Done

MADE: list[tuple[int, str]] = []


def net(seed: int, width: int = 8, act: str = "tanh", batch: int = 16) -> Task:
    """A network whose width, activation and batch size are numbers of the task."""
    torch.manual_seed(seed)
    MADE.append((width, act))
    x = torch.linspace(-1, 1, 64)[:, None]
    middle = nn.Tanh() if act == "tanh" else nn.ReLU()
    return Task(
        nn.Sequential(nn.Linear(1, width), middle, nn.Linear(width, 1)),
        lambda model, given: ((model(given[0]) - given[0].sin()) ** 2).mean(),
        Shuffled(x, size=batch, seed=seed),
        lambda model: {"val_loss": ((model(x) - x.sin()) ** 2).mean().item()},
        steps=20,
        evaluations=2,
    )


SEARCH = [Dimension("width", 4, 32, scale="log", integer=True), Dimension("act", choices=("tanh", "relu")), "eps"]


def test_a_joint_search_of_task_and_optimizer(tmp_path: Path) -> None:
    MADE.clear()
    found = compare(net, ["sgd", "adam"], "trials=6", 2, search=SEARCH, controls=False, out=tmp_path / "study")
    runs = found.runs.filter(found.runs["phase"] == "search")
    values = {
        name: [values_of(v) for v in runs.filter(runs["optimizer"] == name)["settings"]] for name in ("sgd", "adam")
    }
    assert {tuple(sorted(v)) for v in values["sgd"]} == {("act", "width")}
    assert {tuple(sorted(v)) for v in values["adam"]} == {("act", "eps", "width")}
    assert {(v["width"], v["act"]) for v in values["sgd"] + values["adam"]} <= set(MADE)
    data = {one.name: one for one in dimensions(found.numbers)}
    assert list(data) == ["eps", "act", "width"] or set(data) == {"eps", "act", "width"}
    assert len(data["width"].points) == 12
    assert {row.optimizer for row in data["eps"].rows} == {"adam"}
    best = found.best()
    row = next(row for row in data["width"].rows if row.optimizer == best.candidate.name)
    assert row.recommended == best.settings["width"]
    assert 4 <= row.low <= row.high <= 32
    page = (tmp_path / "study" / "report.html").read_text()
    assert "What was searched beside the rate" in page
    assert (tmp_path / "study" / "searched-1.png").exists()
    assert f"width={best.settings['width']}" in str(best)


def test_the_same_study_goes_on_and_another_space_is_another_study(tmp_path: Path, without_figures: None) -> None:
    arguments = {"seeds": 1, "controls": False, "out": tmp_path / "study"}
    compare(net, ["sgd"], "trials=2", search="width=4|8", **arguments)
    compare(net, ["sgd"], "trials=2", search="width=4|8", **arguments)
    from steepest.workbench.errors import WorkbenchError

    with pytest.raises(WorkbenchError, match="holds a comparison with space="):
        compare(net, ["sgd"], "trials=2", search="width=4|16", **arguments)


def test_a_number_that_the_task_cannot_use_names_the_run(tmp_path: Path, without_figures: None) -> None:
    with pytest.raises(TaskError, match=r"of 64 rows; give 1 to that many. with sgd at .*, batch 100[01], seed 0"):
        compare(net, ["sgd"], "trials=3", 1, search="batch=1000|1001", controls=False, out=tmp_path / "study")


def test_given_rates_leave_nothing_to_search(tmp_path: Path) -> None:
    for task, rates in ((net, "0.1"), ("quadratic-deep", None)):
        with pytest.raises(UsageError, match="leave out `rates`, and give a `budget`, or leave out `search`"):
            compare(task, ["sgd"], rates=rates, search="momentum=0.5..0.9", out=tmp_path / "study")


def test_the_command_line(steepest: Callable[..., Done], tmp_path: Path, without_figures: None) -> None:
    (tmp_path / "mine.py").write_text(Path(__file__).read_text(), encoding="utf-8")
    options = ["--optimizers", "sgd", "--budget", "trials=2", "--seeds", "1", "--no-controls", "--json"]
    done = steepest("compare", "mine.py:net", *options, "--search", "width=4|8")
    assert done.code == 0
    assert '"width"' in done.out
    wrong = steepest("compare", "mine.py:net", *options, "--search", "widths=4|8")
    assert (wrong.code, "did you mean width" in wrong.err) == (2, True)
