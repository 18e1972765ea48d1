"""The rates with which the steps of a run are taken."""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

import steepest
from steepest.workbench import Task
from steepest.workbench.model.optimizers import choose
from steepest.workbench.model.schedules import with_schedules
from steepest.workbench.training.run import Run

Make = Callable[[int], Task]


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
    (candidate,) = with_schedules(choose([optimizer]), "cosine", 20)
    found = rates_of(Run(tiny, candidate, 0.01, seed=0, steps=20))
    assert found == pytest.approx([0.01 * (1 + math.cos(math.pi * step / 20)) / 2 for step in range(20)], rel=1e-12)


@pytest.mark.parametrize("optimizer", ["adam", torch.optim.Adam], ids=["ours", "torch's"])
def test_a_run_that_was_stopped_goes_on_with_the_rate_of_its_step(tiny: Make, optimizer: Any) -> None:
    (candidate,) = with_schedules(choose([optimizer]), "cosine", 30)
    whole = Run(tiny, candidate, 0.01, seed=0, steps=30).train()
    count = iter(range(30))
    stopped = Run(tiny, candidate, 0.01, seed=0, steps=30).train(stop=lambda: next(count) == 11)
    assert stopped.saved is not None
    resumed = Run(tiny, candidate, 0.01, seed=0, steps=30, saved=stopped.saved).train()
    assert resumed.trace.last("val_loss") == whole.trace.last("val_loss")
