"""Schedules as a dimension of a study: names, records, the line to paste."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import steepest
from steepest.workbench import Task, compare
from steepest.workbench.errors import UsageError, WorkbenchError

Make = Callable[[int], Task]
pytestmark = pytest.mark.usefixtures("without_figures")


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


def test_every_optimizer_with_every_schedule(tiny: Make, tmp_path: Path) -> None:
    result = study(tiny, tmp_path / "study", optimizers=["sgd", "adam"], schedules="constant,wsd")
    names = ["sgd", "sgd-wsd", "adam", "adam-wsd"]
    assert result.numbers.order == names
    assert set(result.runs["optimizer"]) == set(names)


def test_the_line_to_paste_makes_what_was_run(tiny: Make, tmp_path: Path) -> None:
    result = study(tiny, tmp_path / "study", schedules=["cosine"])
    model = torch.nn.Linear(1, 1)
    pasted = eval(str(result.best()), {"steepest": steepest, "model": model})
    assert pasted.schedules[0]["lr"] == steepest.schedules.cosine(result.best().rate, 40)
    assert result.best().build(model.parameters()).schedules == pasted.schedules


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
