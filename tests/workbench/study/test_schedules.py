"""Schedules as a dimension of a study: the rates that runs are really taken with, names, records, the report."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import steepest
from steepest.workbench import Task, compare
from steepest.workbench.errors import UsageError, WorkbenchError
from steepest.workbench.model.optimizers import KNOWN, choose
from steepest.workbench.model.schedules import scheduled
from steepest.workbench.report.figures import for_page
from steepest.workbench.training.run import Run

Make = Callable[[int], Task]


def study(task: Make, out: Path, **changes: Any) -> Any:
    arguments: dict[str, Any] = {
        "optimizers": ["adam"],
        "budget": "trials=3",
        "seeds": 2,
        "out": out,
        "steps": 40,
        "controls": False,
    }
    return compare(task, **(arguments | changes))


def rates_of(run: Run) -> list[float]:
    """The rates of a run's steps."""
    seen: list[float] = []
    build = run.candidate.build

    def watched(*arguments: Any) -> Any:
        optimizer = build(*arguments)
        optimizer.register_step_post_hook(lambda o, *_: seen.append(o.param_groups[0]["lr"]))
        return optimizer

    object.__setattr__(run.candidate, "build", watched)
    run.train()
    return seen


@pytest.mark.parametrize("optimizer", ["adam", torch.optim.Adam, steepest.Adam], ids=["named", "torch's", "a class"])
def test_each_step_is_taken_with_the_rate_of_the_schedule(tiny: Make, optimizer: Any) -> None:
    (candidate,) = scheduled(choose([optimizer]), "cosine", 20)
    found = rates_of(Run(tiny, candidate, 0.01, seed=0, steps=20))
    assert found == pytest.approx([0.01 * (1 + math.cos(math.pi * step / 20)) / 2 for step in range(20)], rel=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", torch.optim.Adam], ids=["ours", "torch's"])
def test_a_run_that_was_stopped_goes_on_with_the_rate_of_its_step(tiny: Make, optimizer: Any) -> None:
    (candidate,) = scheduled(choose([optimizer]), "cosine", 30)
    whole = Run(tiny, candidate, 0.01, seed=0, steps=30).train()
    count = iter(range(30))
    stopped = Run(tiny, candidate, 0.01, seed=0, steps=30).train(stop=lambda: next(count) == 11)
    assert stopped.saved is not None
    resumed = Run(tiny, candidate, 0.01, seed=0, steps=30, saved=stopped.saved).train()
    assert resumed.trace.last("val_loss") == whole.trace.last("val_loss")


ENDS = {
    "linear": 0.0,
    "cosine": 0.0,
    "warmup-cosine": 0.0,
    "wsd": 0.0,
    "one-cycle": 1 / 25e4,
    "inverse-sqrt": 0.05**0.5,
}


@pytest.mark.parametrize("name", ENDS)
def test_a_schedule_ends_where_the_run_does(name: str) -> None:
    (candidate,) = scheduled([KNOWN["adam"]], name, 1000)
    curve = candidate.curve(1.0)
    assert curve(1000) == pytest.approx(ENDS[name], abs=1e-12)
    assert max(curve(step) for step in range(1001)) == pytest.approx(1.0)


def test_every_optimizer_with_every_schedule(tiny: Make, tmp_path: Path) -> None:
    result = study(tiny, tmp_path / "study", optimizers=["sgd", "adam"], schedules="constant,wsd")
    names = ["sgd", "sgd-wsd", "adam", "adam-wsd"]
    assert result.numbers.order == names
    assert set(result.runs["optimizer"]) == set(names)


def test_the_line_to_paste_makes_what_was_run(tiny: Make, tmp_path: Path) -> None:
    result = study(tiny, tmp_path / "study", schedules=["cosine"])
    model = torch.nn.Linear(1, 1)
    pasted = eval(str(result.best()), {"steepest": steepest, "model": model})
    assert pasted.param_groups[0]["schedules"]["lr"] == steepest.schedules.cosine(result.best().rate, 40)
    assert result.best().build(model.parameters()).param_groups[0]["schedules"] == pasted.param_groups[0]["schedules"]


def test_the_report_has_the_rate_under_the_loss(tiny: Make, tmp_path: Path) -> None:
    result = study(tiny, tmp_path / "study", schedules="constant,linear")
    assert (tmp_path / "study" / "rates.svg").exists()
    rows = for_page(result.numbers)["rates"]["datasets"]["rates"]
    best = {row.name: row.rate for row in result.numbers.rows}
    line = {row["x"]: row["rate"] for row in rows if row["optimizer"] == "adam-linear"}
    assert line[10] == pytest.approx(best["adam-linear"] * 0.75)
    assert 40 not in line  # zero has no place on a log scale
    assert {row["rate"] for row in rows if row["optimizer"] == "adam"} == {best["adam"]}


def test_without_schedules_there_is_no_such_figure(tiny: Make, tmp_path: Path) -> None:
    assert "rates" not in for_page(study(tiny, tmp_path / "study").numbers)
    assert 'id="rates"' not in (tmp_path / "study" / "report.html").read_text()


def test_other_schedules_are_another_study(tiny: Make, tmp_path: Path) -> None:
    study(tiny, tmp_path / "study")
    with pytest.raises(WorkbenchError, match=r"optimizers=adam@0\.001, not optimizers=adam-cosine@0\.001"):
        study(tiny, tmp_path / "study", schedules="cosine")


@pytest.mark.parametrize(
    ("schedules", "steps", "words"),
    [
        ("cosin", 40, "There is no schedule called 'cosin' (did you mean cosine?)"),
        ("cosine,cosine", 40, "name each once"),
        ([], 40, "name each once"),
        ("one-cycle", 1, "does not fit into 1 steps"),
    ],
)
def test_what_cannot_be_used_is_said(tiny: Make, tmp_path: Path, schedules: Any, steps: int, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        study(tiny, tmp_path / "study", schedules=schedules, steps=steps)
    assert words in str(caught.value)
