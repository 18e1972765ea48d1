"""`lr_range`: what it answers, and that nothing of the caller's is changed."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from steepest.workbench import Task, executors, lr_range
from steepest.workbench.errors import TaskError, UsageError
from steepest.workbench.executors.on_ray import OnRay
from steepest.workbench.model.machines import RayCluster
from steepest.workbench.task import Shuffled
from support.command import Done
from support.pretended_ray import Machines


def test_digits_are_bracketed_around_what_a_full_sweep_finds() -> None:
    """The middle of the rates within 5 % of the best, of whole runs with 5 seeds: see benchmarks/range_rules.py."""
    tested = lr_range("digits-mlp", ["sgd", "adam"])
    for name, best in (("sgd", 0.75), ("adam", 0.0056)):
        found = tested[name].bracket
        assert found is not None
        assert best / 3 <= found.default <= best * 3
        assert found.low <= found.default <= found.high
        assert found.default in [rate for rate, value in tested[name].tried if value is not None]
    assert "steepest.Adam(model.parameters(), lr=" in tested.summary()


def test_the_same_call_gives_the_same_answer() -> None:
    first, second = (lr_range("digits-mlp", ["momentum"], seeds=1, steps=250) for _ in range(2))
    assert first.found[0] == second.found[0]


def seed_all(seed: int) -> None:
    torch.manual_seed(seed)
    np.random.seed(seed)
    random.seed(seed)


def test_nothing_of_the_callers_is_changed() -> None:
    """A task that hands out one model again and again gets it back as it was; so do the random generators."""
    torch.manual_seed(1)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(), nn.Linear(4, 1))
    x = torch.randn(64, 3)

    def task(seed: int) -> Task:
        loss = lambda net, batch: (net(batch[0]) - batch[0].sum(1, keepdim=True)).square().mean()  # noqa: E731
        return Task(
            model, loss, Shuffled(x, size=16, seed=seed), lambda net: {"val_loss": float(loss(net, (x,)))}, steps=60
        )

    seed_all(2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    drawn = torch.rand(3), np.random.rand(3), random.random()
    seed_all(2)
    lr_range(task, ["adam"], seeds=2)
    after = torch.rand(3), np.random.rand(3), random.random()
    assert torch.equal(drawn[0], after[0])
    assert (drawn[1] == after[1]).all()
    assert drawn[2] == after[2]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(p.grad is None for p in model.parameters())


def hopeless(seed: int) -> Task:
    """Its loss does not depend on the parameters."""
    model = nn.Linear(1, 1)
    return Task(
        model,
        lambda model, batch: 0 * model.weight.sum() + 1,
        [torch.zeros(1)],
        lambda model: {"val_loss": 1.0},
        steps=100,
    )


def raises(seed: int) -> Task:
    raise RuntimeError("no such file: digits.npz")


def test_a_task_that_cannot_be_trained_is_said_so() -> None:
    tested = lr_range(hopeless, ["sgd"], seeds=1)
    assert tested["sgd"].bracket is None
    assert "the loss fell at no rate" in tested.summary()


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (("digits-mpl",), UsageError, "digits-mlp"),
        (("digits-mlp", ["adm"]), UsageError, "did you mean adam"),
        (("digits-mlp", ["adam"], 0), UsageError, "seeds=0"),
        ((raises, ["adam"]), TaskError, r"no such file: digits\.npz"),
    ],
)
def test_what_cannot_work_is_said(arguments, error, said) -> None:
    with pytest.raises(error, match=said):
        lr_range(*arguments)


def test_the_command_prints_what_to_paste_and_draws(tmp_path: Path, steepest: Callable[..., Done]) -> None:
    done = steepest(
        "lr-range", "digits-mlp", "--optimizers", "adam", "--seeds", "1", "--out", str(tmp_path / "curves.svg")
    )
    assert done.code == 0, done.err
    assert "steepest.Adam(model.parameters(), lr=" in done.out
    assert "learning rate" in (tmp_path / "curves.svg").read_text()


def test_a_program_gets_json_and_quiet_is_quiet(steepest: Callable[..., Done]) -> None:
    done = steepest("lr-range", "digits-mlp", "--optimizers", "sgd", "--seeds", "1", "--steps", "50", "--json")
    (line,) = done.out.splitlines()
    found = json.loads(line)
    assert (found["task"], found["metric"]) == ("digits-mlp", "val_loss")
    (sgd,) = found["optimizers"]
    assert sgd["low"] <= sgd["default"] <= sgd["high"]
    assert f"lr={sgd['default']:g}" in sgd["call"]
    assert [rate for rate, _ in sgd["tried"]] == sorted(rate for rate, _ in sgd["tried"])
    quiet = steepest("lr-range", "digits-mlp", "--optimizers", "sgd", "--seeds", "1", "--steps", "50", "--quiet")
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_a_name_that_says_no_format_is_refused_before_anything_is_run(steepest: Callable[..., Done]) -> None:
    done = steepest("lr-range", "digits-mlp", "--out", "curves.pdf")
    assert done.code == 2
    assert "give a file that ends in .png, .svg, .html" in done.err


def test_on_machines_it_finds_what_it_finds_here(tiny: Callable[[int], Task], monkeypatch: pytest.MonkeyPatch) -> None:
    here = lr_range(tiny, ["sgd", "adam"], seeds=2)
    machines = Machines("a", "b")
    made = OnRay(RayCluster("auto"), None, machines.as_connection())
    monkeypatch.setattr(executors, "start", lambda workers, cluster: made)
    there = lr_range(tiny, ["sgd", "adam"], seeds=2, ray="auto")
    assert repr(there.found) == repr(here.found)  # as text: the last loss of a curve may be NaN
    assert there.metric == here.metric
    assert {actor.node for actor in machines.actors if actor.made} == {"a", "b"}
    assert machines.left == 1
