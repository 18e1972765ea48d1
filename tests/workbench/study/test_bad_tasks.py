"""Tasks and arguments that cannot work: the message says what to change, and nothing is lost."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from steepest.workbench import Task, compare, lr_range
from steepest.workbench.errors import TaskError, UsageError, WorkbenchError
from steepest.workbench.report import warning_sentences
from support.study import PATIENCE, write_task

Make = Callable[[int], Task]


pytestmark = pytest.mark.usefixtures("without_figures")


def changed(tiny: Make, **parts: Any) -> Make:
    """The small task with other parts."""
    return lambda seed: replace(tiny(seed), **parts)


def small(task: Any, out: Path, **changes: Any) -> Any:
    arguments: dict[str, Any] = {"optimizers": ["sgd"], "budget": "trials=1", "seeds": 1, "controls": False, "out": out}
    return compare(task, **(arguments | changes))


def nan_loss(model: nn.Module, batch: Any) -> torch.Tensor:
    return model(batch[0]).sum() * float("nan")


def raises(model: nn.Module) -> dict[str, float]:
    raise KeyError("a mistake of the user")


BAD = {
    "a NaN at once": ({"loss": nan_loss}, "The loss is nan at the first step, before any parameter has changed"),
    "a metric that is NaN at once": ({"evaluate": lambda m: {"val_loss": float("nan")}}, "is nan before the first"),
    "no parameters": ({"model": nn.Flatten()}, "no parameter that requires a gradient"),
    "another name": ({"evaluate": lambda m: {"loss": 1.0}}, "the task's metric is 'val_loss'"),
    "a number in place of a dictionary": ({"evaluate": lambda m: 1.0}, "returned a float"),
    "a word for a number": ({"evaluate": lambda m: {"val_loss": "low"}}, "returned a str under 'val_loss'"),
    "many numbers for one": ({"evaluate": lambda m: {"val_loss": torch.ones(3)}}, "a Tensor of shape \\(3,\\) under"),
    "no evaluate": ({"evaluate": None}, "evaluate a NoneType; both are functions"),
    "a loss for each row": ({"loss": lambda m, b: m(b[0])}, "a Tensor of shape \\(16, 1\\), but a run minimises one"),
    "a loss that is cut off": ({"loss": lambda m, b: m(b[0]).sum().detach()}, "depends on no parameter"),
    "no batches": ({"train": []}, "`train` is empty"),
    "a generator": ({"train": (i for i in [])}, "`train` is empty"),
}


@pytest.mark.parametrize(("parts", "sentence"), BAD.values(), ids=BAD.keys())
def test_a_task_that_breaks_its_contract(tiny: Make, tmp_path: Path, parts: dict, sentence: str) -> None:
    with pytest.raises(TaskError, match=sentence):
        small(changed(tiny, **parts), tmp_path / "study")


def test_a_task_that_raises_shows_the_users_own_traceback(tiny: Make, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="in its first two steps with sgd; repair it") as raised:
        small(changed(tiny, evaluate=raises), tmp_path / "study")
    assert "a mistake of the user" in raised.value.details
    assert "test_bad_tasks.py" in raised.value.details
    assert "workbench/training/contract.py" not in raised.value.details


def test_a_model_that_depends_on_the_seed(tiny: Make, tmp_path: Path) -> None:
    def task(seed: int) -> Task:
        width = 8 if seed == 0 else 9
        model = nn.Sequential(nn.Linear(4, width), nn.Tanh(), nn.Linear(width, 1))
        return replace(tiny(seed), model=model)

    with pytest.raises(TaskError, match="shapes 9x4, 9, 1x9, 1 for seed 1 and had 8x4, 8, 1x8, 1 before"):
        small(task, tmp_path / "study")


def test_a_model_that_is_handed_out_again(tiny: Make, tmp_path: Path) -> None:
    """It would train on from run to run, and every number be of another problem."""
    shared = tiny(0)

    with pytest.raises(TaskError, match="begins with other values for seed 0 than the time before"):
        small(lambda seed: replace(tiny(seed), model=shared.model), tmp_path / "study")


def test_a_model_that_is_drawn_without_the_seed(tiny: Make, tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)

    def task(seed: int) -> Task:
        made = tiny(seed)
        for p in made.model.parameters():
            p.data = torch.randn(p.shape, generator=generator)
        return made

    with pytest.raises(TaskError, match="a draw of its own; make the model inside"):
        small(task, tmp_path / "study")


def test_a_forgotten_argument_is_the_users_own_mistake(tiny: Make, tmp_path: Path) -> None:
    def task(seed: int) -> Task:
        made = tiny(seed)
        return Task(made.model, made.loss, made.train)  # type: ignore[call-arg]

    with pytest.raises(TaskError, match="missing 1 required positional argument: 'evaluate' when it was first made"):
        small(task, tmp_path / "study")


def test_a_task_that_prints(tiny: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def task(seed: int) -> Task:
        print("loading", seed)
        return tiny(seed)

    small(task, tmp_path / "study")
    assert "loading 1" in capsys.readouterr().out


ARGUMENTS = [
    ({"budget": "trials=0"}, "at least 1"),
    ({"budget": "time=0s"}, "time=2h"),
    ({"budget": "steps=5"}, "less than one run of 40 steps"),
    ({"rates": "", "budget": None, "seeds": 0}, "at least 1, better 5"),
    ({"rates": "0.1,-1", "budget": None}, "write positive numbers"),
    ({"rates": "lots", "budget": None}, "LOWEST:HIGHEST:COUNT"),
    ({"rates": [float("nan")], "budget": None}, "cannot be tried"),
    ({"workers": 0}, "at least 1"),
    ({"seed": -1}, "give 0 or more"),
    ({"metric": "accuracy"}, "no metric 'accuracy'"),
    ({"higher_is_better": True}, "name the metric too"),
    ({"optimizers": ["torch.Adm"]}, "did you mean torch.Adam"),
    ({"optimizers": ["nowhere.py:Mine"]}, "There is no file nowhere.py"),
    ({"schedules": "cosin"}, "did you mean cosine"),
]


@pytest.mark.parametrize(("change", "sentence"), ARGUMENTS)
def test_an_argument_that_cannot_be_used(tiny: Make, tmp_path: Path, change: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        small(tiny, tmp_path / "study", **change)
    assert not (tmp_path / "study").exists()


def test_one_seed_is_a_smoke_test_and_no_verdict(tiny: Make, tmp_path: Path) -> None:
    found = small(tiny, tmp_path / "study", optimizers=["sgd", "adam"]).numbers
    assert found.pairs[0].decision == "tie"
    assert any("smoke test" in warning for warning in warning_sentences.warnings(found))


def test_workers_need_a_task_that_they_can_import(tiny: Make, tmp_path: Path) -> None:
    def local(seed: int) -> Task:
        return tiny(seed)

    with pytest.raises(UsageError, match=r"other processes can import.*give FILE\.py:NAME, or use one worker"):
        small(local, tmp_path / "study", workers=2)


SCRIPT = """
from pathlib import Path
from steepest.workbench import compare
from slow import task

compare(task, ["sgd"], "trials=1", 1, workers=2, controls=False, out="study")
"""


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    """Each worker imports the script, which would begin a study of its own."""
    import subprocess
    import sys

    write_task(tmp_path)
    (tmp_path / "script.py").write_text(SCRIPT, encoding="utf-8")
    ended = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert ended.returncode == 1
    assert "if __name__ == '__main__'" in ended.stderr


@pytest.mark.parametrize("optimizer", ["torch.SGD", "torch.optim.SGD"])
def test_an_optimizer_of_torch_stands_beside_ours(tiny: Make, tmp_path: Path, optimizer: str) -> None:
    """The same rule by either library, on the same problems, to rounding."""
    found = small(tiny, tmp_path / "study", optimizers=["sgd", optimizer], seeds=2)
    ours, theirs = sorted(found.numbers.rows, key=lambda row: row.name)
    assert theirs.name == "torch.SGD"
    assert theirs.values == pytest.approx(ours.values, rel=1e-4)
    assert theirs.call.startswith("torch.optim.SGD(model.parameters(), lr=")


OWN = """
import steepest


def halved(p, g, *, lr=0.1):
    '''Half a step.'''
    p = p - 0.5 * lr * g
    return p
"""


def test_an_optimizer_of_a_file_stands_beside_ours(tiny: Make, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN, encoding="utf-8")
    found = small(tiny, tmp_path / "study", optimizers=["sgd", "lion", f"{tmp_path / 'own.py'}:halved"])
    assert {row.name for row in found.numbers.rows} == {"sgd", "lion", "Halved"}


def test_a_range_test_of_a_bad_task_is_a_sentence_too(tiny: Make) -> None:
    with pytest.raises(TaskError, match="returned a float, but a run minimises one number"):
        lr_range(changed(tiny, loss=lambda m, b: 1.0), ["sgd"], seeds=1)


def test_a_folder_of_before_is_not_read_as_todays(tiny: Make, tmp_path: Path) -> None:
    import sqlite3

    small(tiny, tmp_path / "study")
    with sqlite3.connect(tmp_path / "study" / "study.db") as database:
        database.execute("PRAGMA user_version = 1")
    with pytest.raises(WorkbenchError, match="written with version 1 of the record"):
        small(tiny, tmp_path / "study")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seeds": 0}, "at least 1, better 5"),
        ({"steps": 0}, "trains nothing"),
        ({"optimizers": ["adamm"]}, "did you mean adam"),
        ({"optimizers": []}, "nothing to compare"),
        ({"optimizers": ["adam", "Adam"]}, "Named twice: adam"),
        ({"optimizers": ["adam", 5]}, "5 is not an optimizer"),
    ],
)
def test_arguments_that_cannot_be_used(tiny: Make, tmp_path: Path, change: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        small(tiny, tmp_path / "study", **change)
    assert not (tmp_path / "study").exists()


def test_the_tasks_own_direction_is_not_turned(tiny: Make, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a lower val_loss is better"):
        small(tiny, tmp_path / "study", metric="val_loss", higher_is_better=True)


@pytest.mark.parametrize("rates", ["0:1:5", "1e-5:x:3", 0.1, "0.1,,0.2"])
def test_rates_that_are_none(tiny: Make, tmp_path: Path, rates: Any) -> None:
    with pytest.raises(UsageError, match="cannot be tried"):
        small(tiny, tmp_path / "study", budget=None, rates=rates)
