"""A run that diverges and makes the task raise is a run that diverged; every other exception is the task's own."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steepest.workbench import Task, compare
from steepest.workbench.errors import TaskError
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import DIVERGED, TRAINED
from steepest.workbench.model.user_code import in_one_line
from steepest.workbench.store.record import Record
from steepest.workbench.training.rising_run import rising_run
from steepest.workbench.training.run import Run

Make = Callable[[int], Task]
TOO_HIGH = 1e4


class Normal(nn.Module):
    """A mean for each row, from weights that a high rate makes huge."""

    def __init__(self) -> None:
        super().__init__()
        self.mean = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.mean(x)


def likelihood(model: nn.Module, batch: Any) -> Tensor:
    """torch.distributions raises for a mean that is not finite; its message fills several lines."""
    x, y = batch
    return -torch.distributions.Normal(model(x).squeeze(1), 1.0, validate_args=True).log_prob(y).mean()


def sklearns(task: Task) -> Callable[[nn.Module], dict[str, float]]:
    """scikit-learn's metrics raise for predictions that are not finite."""
    from sklearn.metrics import mean_squared_error

    x, y = task.train.tensors  # type: ignore[attr-defined]
    return lambda model: {"val_loss": mean_squared_error(y.numpy(), model(x).reshape(-1).numpy())}


def with_a_hidden_gradient(model: nn.Module, batch: Any) -> Tensor:
    """A finite loss whose gradient is not a number: the root at zero that `where` leaves out."""
    error = (model(batch[0]).squeeze(1) - batch[1]) * 0
    return torch.where(error == 0, error, error.sqrt()).mean()


def gradients_checked(model: nn.Module, batch: Any) -> Tensor:
    """A loss that raises where a gradient of the step before is not finite, as `error_if_nonfinite` does."""
    for p in model.parameters():
        if p.grad is not None and not p.grad.isfinite().all():
            raise RuntimeError("The total norm of the gradients is not finite")
    return ((model(batch[0]).squeeze(1) - batch[1]) ** 2).mean()


def with_parts(tiny: Make, **parts: Any) -> Make:
    return lambda seed: replace(tiny(seed), model=Normal(), **parts)


def test_a_distribution_that_refuses_what_is_not_finite(tiny: Make) -> None:
    outcome = Run(with_parts(tiny, loss=likelihood), KNOWN["sgd"], TOO_HIGH, seed=0, steps=2000).train()
    assert outcome.status == DIVERGED
    assert "the task raised ValueError: Expected parameter loc" in outcome.reason
    assert "\n" not in outcome.reason
    assert f"after step {outcome.trace.step}," in outcome.reason
    assert 0 < outcome.trace.step < 100
    assert outcome.final("val_loss") is None


def test_a_metric_that_refuses_what_is_not_finite(tiny: Make) -> None:
    def make(seed: int) -> Task:
        task = replace(tiny(seed), model=Normal(), loss=with_a_hidden_gradient)
        return replace(task, evaluate=sklearns(task))

    outcome = Run(make, KNOWN["sgd"], 0.01, seed=0, steps=1).train()
    assert outcome.status == DIVERGED
    assert "the task raised ValueError: Input contains" in outcome.reason


def test_weights_are_finite_and_what_the_model_gives_is_not() -> None:
    """The loss of the step before is finite as well: the output alone shows that the run diverged."""

    def make(seed: int) -> Task:
        model = nn.Linear(1, 1, bias=False)
        nn.init.constant_(model.weight, 1.0)

        def loss(model: nn.Module, batch: Tensor) -> Tensor:
            given = model(batch)
            if not given.isfinite().all():
                raise ValueError("an infinite prediction")
            return given.mean()

        batches = [torch.tensor([[1.0]]), torch.full((2, 1), 3e38)]
        return Task(model, loss, batches, lambda model: {"val_loss": 0.0}, steps=4)

    outcome = Run(make, KNOWN["sgd"], 100.0, seed=0).train()
    assert outcome.reason.startswith("an output of the model was not finite after step 1, and the task raised")
    assert outcome.trace.curve[-1][2] == 1.0


def test_a_gradient_that_is_not_finite(tiny: Make) -> None:
    outcome = Run(with_parts(tiny, loss=gradients_checked), KNOWN["sgd"], 1e20, seed=0).train()
    assert outcome.status == DIVERGED


@pytest.mark.parametrize("rate", [0.01, 1e20])
def test_an_exception_before_the_first_step_is_the_tasks(tiny: Make, rate: float) -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        raise ValueError("a mistake")

    with pytest.raises(ValueError, match="a mistake"):
        Run(with_parts(tiny, loss=loss), KNOWN["sgd"], rate, seed=0).train()


def test_an_exception_with_finite_numbers_is_the_tasks(tiny: Make) -> None:
    calls = []

    def loss(model: nn.Module, batch: Any) -> Tensor:
        calls.append(1)
        if len(calls) == 20:
            raise KeyError("a mistake")
        return ((model(batch[0]).squeeze(1) - batch[1]) ** 2).mean()

    with pytest.raises(KeyError, match="a mistake"):
        Run(with_parts(tiny, loss=loss), KNOWN["sgd"], 0.01, seed=0).train()


def test_a_lack_of_memory_is_no_divergence(tiny: Make) -> None:
    calls = []

    def loss(model: nn.Module, batch: Any) -> Tensor:
        calls.append(1)
        if len(calls) == 5:
            raise MemoryError
        return (model(batch[0]) * float("nan" if len(calls) > 2 else 1)).mean()

    with pytest.raises(MemoryError):
        Run(with_parts(tiny, loss=loss), KNOWN["sgd"], 0.01, seed=0, steps=1000).train()


def test_a_rising_rate_ends_where_the_task_raises(tiny: Make) -> None:
    curve = rising_run(with_parts(tiny, loss=likelihood), replace(KNOWN["sgd"], centre=1e30), 0)
    assert len(curve.rates) == len(curve.losses) < 200
    assert not curve.losses[-1] < 1e12


def test_the_study_goes_on(tiny: Make, tmp_path: Path, without_figures: None) -> None:
    task = with_parts(tiny, loss=likelihood)
    compare(task, ["sgd"], seeds=1, rates=[0.01, TOO_HIGH], steps=2000, controls=False, out=tmp_path / "study")
    with Record(tmp_path / "study") as record:
        ended = record.ended("search", "sgd")
        reasons = record.runs()["reason"].to_list()
    assert [status for _, status, _ in ended] == [TRAINED, DIVERGED]
    assert any("the task raised ValueError: Expected parameter loc" in reason for reason in reasons)


def test_a_long_message_is_quoted_by_its_type_and_first_line(tiny: Make, tmp_path: Path) -> None:
    def evaluate(model: nn.Module) -> dict[str, float]:
        raise torch.linalg.LinAlgError(  # type: ignore[attr-defined]
            "\nThe matrix is singular:\n[[0, 0],\n[0, 0]]"
        )

    with pytest.raises(TaskError) as raised:
        compare(with_parts(tiny, evaluate=evaluate), ["sgd"], out=tmp_path / "study")
    assert "raised torch._C._LinAlgError: The matrix is singular: in its first two steps" in raised.value.args[0]
    assert in_one_line(ValueError("x" * 1000)).endswith("x ...")
    assert in_one_line(KeyError("name")) == "KeyError: 'name'"
    assert in_one_line(AssertionError()) == "AssertionError"
