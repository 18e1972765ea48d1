"""A study that searches numbers of the task and of the optimizers together: every run has what its setting says."""

from collections.abc import Callable
from dataclasses import replace
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
    assert "What the search tried, and what mattered" in page
    assert (tmp_path / "study" / "searched-1.png").exists()
    assert f"width={best.settings['width']}" in str(best)


def test_the_same_study_goes_on_and_another_space_is_another_study(tmp_path: Path, without_figures: None) -> None:
    arguments = {"seeds": 1, "controls": False, "out": tmp_path / "study"}
    compare(net, ["sgd"], "trials=2", search="width=4|8", **arguments)
    compare(net, ["sgd"], "trials=2", search="width=4|8", **arguments)
    from steepest.workbench.errors import WorkbenchError

    with pytest.raises(WorkbenchError, match="holds a comparison with space="):
        compare(net, ["sgd"], "trials=2", search="width=4|16", **arguments)


def test_a_number_that_the_task_cannot_use_is_refused_before_anything_is_trained(
    tmp_path: Path, without_figures: None
) -> None:
    MADE.clear()
    with pytest.raises(
        TaskError, match=r"of 64 rows; give 1 to that many. when it was made with batch=1000, an end of"
    ):
        compare(net, ["sgd"], "trials=3", 1, search="batch=8|1000", controls=False, out=tmp_path / "study")
    assert len(MADE) < 5, "the task was made, and trained with no optimizer"


def brittle(seed: int, width: int = 8) -> Task:
    """A task that can be made with every width, and trained with few of them."""
    made = net(seed, width)
    allowed = 20 if seed == 0 else 100

    def loss(model: nn.Module, batch: tuple[torch.Tensor]) -> torch.Tensor:
        assert width < allowed, f"{width} is too wide"
        return ((model(batch[0]) - batch[0].sin()) ** 2).mean()

    return replace(made, loss=loss)


def test_a_number_with_which_the_task_cannot_be_trained_names_the_run(tmp_path: Path, without_figures: None) -> None:
    with pytest.raises(TaskError, match=r"3[0-9] is too wide.* with sgd at .*, width 3[01], seed 0"):
        compare(brittle, ["sgd"], "trials=3", 1, search="width=30|31", controls=False, out=tmp_path / "study")


@pytest.mark.parametrize(
    ("search", "sentence"),
    [
        ("beta1=0.5..1.5", "beta1 cannot be searched with 1.5: adam raised .*Invalid beta parameter at index 0: 1.5"),
        ("weight_decay=-1..0.1", "weight_decay cannot be searched with -1.0: adam raised .*weight_decay"),
        ("width=8..0", "width cannot be searched: 8 to 0 is the wrong way round; give the lower bound first"),
        ("width=8..8", "width cannot be searched: 8 to 8 is one value; leave it out, or give a range"),
        ("eps=0.1", "'eps=0.1' does not say what to search"),
        ("dropuot=0..0.5", "Neither the task function nor adam has an argument 'dropuot'"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused_before_anything_is_trained(
    search: str, sentence: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=sentence):
        compare(net, ["adam"], "trials=3", 1, search=search, controls=False, out=tmp_path / "study")


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
