"""Runs at once end as each one ends alone; what cannot be trained so is trained alone, and a sentence says why."""

import re
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from steepest.workbench import Task
from steepest.workbench.model.diagnostics import RUNS_AT_ONCE
from steepest.workbench.model.job import Job
from steepest.workbench.model.key import DIAGNOSIS, SEARCH, Key
from steepest.workbench.model.outcome import DIVERGED, INTERRUPTED, Outcome
from steepest.workbench.task import Shuffled
from steepest.workbench.training.recipe import Recipe
from steepest.workbench.training.trainer import Trainer

STEPS = 12
RATES = (0.01, 0.003, 0.03, 0.1, 0.02)


def squares(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    return ((model(batch[0]).squeeze(1) - batch[1]) ** 2).mean()


def of(make: Callable[[], nn.Module], loss: Callable = squares) -> Callable[..., Task]:
    """A task with this model."""

    def task(seed: int) -> Task:
        torch.manual_seed(seed)
        model = make()
        x = torch.randn(48, 4, generator=torch.Generator().manual_seed(0))
        y = x @ torch.tensor([1.0, -2.0, 0.5, 3.0])
        return Task(
            model, loss, Shuffled(x[:32], y[:32], size=8, seed=seed),
            lambda trained: {"val_loss": squares(trained, (x[32:], y[32:])).item()}, steps=STEPS, evaluations=3,
        )  # fmt: skip

    return task


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def normalised() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8, bias=False), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))


def dropped() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.3), nn.Linear(8, 1))


def trainer(task: Callable[..., Task]) -> Trainer:
    return Trainer(Recipe(task, ["adamw", "momentum"], "linear", steps=STEPS, controls=False), 0)


def jobs(seeds: tuple[int, ...], phase: str = SEARCH, rates: tuple[float, ...] = RATES) -> list[Job]:
    names = ("adamw-linear", "momentum-linear")
    keys = [Key(phase, names[k % 2], rate, seed) for seed in seeds for k, rate in enumerate(rates)]
    return [Job(key, STEPS) for key in keys]


def never() -> bool:
    return False


def together(by: Trainer, given: list[Job], stop: Callable[[], bool] = never) -> dict[int, Outcome]:
    found: dict[int, Outcome] = {}
    by.train_together(given, stop, lambda step: None, lambda *_: False, found.__setitem__)
    return found


def alone(by: Trainer, job: Job) -> Outcome:
    return by.train(job, never, lambda step: None, lambda step, value: False)


def was_at_once(outcome: Outcome) -> bool:
    return any(name == RUNS_AT_ONCE for _, _, name, _ in outcome.trace.metrics)


def check_same(at_once: Outcome, by_itself: Outcome) -> None:
    assert at_once.status == by_itself.status
    curves = [[(step, loss) for step, _, loss in one.trace.curve] for one in (at_once, by_itself)]
    torch.testing.assert_close(torch.tensor(curves[0]), torch.tensor(curves[1]), rtol=1e-4, atol=1e-6)
    found, expected = (
        {(s, n): v for s, _, n, v in one.trace.metrics if n != RUNS_AT_ONCE} for one in (at_once, by_itself)
    )
    assert list(found) == list(expected)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, rel=1e-3, abs=1e-5, nan_ok=True), name


@pytest.mark.parametrize(("make", "seeds"), [(plain, (1, 2)), (normalised, (1, 2)), (dropped, (3,))])
def test_each_ends_as_it_does_alone(make: Callable[[], nn.Module], seeds: tuple[int, ...]) -> None:
    by, given = trainer(of(make)), jobs(seeds)
    found = together(by, given)
    assert len(found) == len(given)
    for place in (0, 1, len(given) - 1):
        assert was_at_once(found[place])
        check_same(found[place], alone(by, given[place]))


def test_steps_are_measured_as_in_a_run_alone_and_gradients_clipped() -> None:
    task = of(plain)
    by, given = trainer(lambda seed: replace(task(seed), clip_norm=0.5, accumulate=2)), jobs((1,), DIAGNOSIS)
    found = together(by, given)
    for place in (0, 1):
        assert any(name == "gradient norm" for _, _, name, _ in found[place].trace.metrics)
        check_same(found[place], alone(by, given[place]))


def test_one_that_diverges_reaches_no_other() -> None:
    by, given = trainer(of(plain)), jobs((1,), rates=(0.01, 1e30, 0.02, 1e30, 0.03))
    found = together(by, given)
    assert [found[place].status == DIVERGED for place in range(5)] == [False, True, False, True, False]
    for place in (0, 1, 4):
        check_same(found[place], alone(by, given[place]))


def test_what_a_seed_draws_is_not_drawn_for_another() -> None:
    by, given = trainer(of(dropped)), jobs((1, 2))
    found = together(by, given)
    assert not was_at_once(found[0]), "dropout draws, and the seeds differ: they are made one by one"
    check_same(found[7], alone(by, given[7]))


def test_an_interrupted_group_goes_on_at_once_to_the_same_ends() -> None:
    by, given = trainer(of(dropped)), jobs((3,))
    whole, asked = together(by, given), iter(range(100))
    stopped = together(by, given, lambda: next(asked) == 4)
    assert {one.status for one in stopped.values()} == {INTERRUPTED}
    assert {one.trace.step for one in stopped.values()} == {5}
    again = [replace(job, saved=stopped[place].saved) for place, job in enumerate(given)]
    for place, outcome in together(by, again).items():
        assert outcome.trace.step == STEPS
        check_same(outcome, whole[place])
    check_same(alone(by, again[1]), whole[1])


class Reads(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input) * (1.0 if self.weight.sum().item() > 0 else 2.0)


class Branches(nn.Linear):
    def forward(self, input: Tensor) -> Tensor:
        found = super().forward(input)
        return found if found.sum() > 0 else -found


class BranchesOnData(nn.Linear):
    """The batch is the same for all runs of a seed."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input if input.sum() > 0 else -input)


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(1, 4, batch_first=True), nn.Linear(4, 1)

    def forward(self, input: Tensor) -> Tensor:
        return self.out(self.lstm(input[..., None])[0][:, -1])


def hooked() -> nn.Module:
    model = plain()
    model.register_forward_hook(lambda *_: None)
    return model


def large() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 500_000), nn.Linear(500_000, 1))


def own_step(seed: int) -> Task:
    def step(model: nn.Module, batch: tuple[Tensor, Tensor], optimizer: torch.optim.Optimizer) -> Tensor:
        optimizer.zero_grad()
        loss = squares(model, batch)
        loss.backward()
        optimizer.step()
        return loss

    return replace(of(plain)(seed), loss=None, step=step)


def in_parts(seed: int) -> Task:
    task = of(lambda: nn.ModuleDict({"one": nn.Linear(4, 1), "two": nn.Linear(4, 1)}))(seed)
    losses = {name: lambda model, batch, name=name: squares(model[name], batch) for name in ("one", "two")}
    return replace(task, loss=losses, evaluate=lambda model: {"val_loss": 1.0})


def scaled(seed: int) -> Task:
    return replace(of(plain)(seed), autocast=torch.float16)


def of_the_closure(seed: int) -> Task:
    """Its loss uses the model that it knows, not the one that it is given."""
    task = of(plain)(seed)
    return replace(task, loss=lambda model, batch: squares(task.model, batch))


def drawing(seed: int) -> Task:
    task, generator = of(plain)(seed), torch.Generator().manual_seed(seed)
    return replace(task, loss=lambda model, batch: squares(model, batch) * (1 + torch.rand((), generator=generator)))


REFUSED: dict[str, tuple[Callable[..., Task], str]] = {
    "item": (of(lambda: Reads(4, 1)), r"\.item\(\)"),
    "control flow": (of(lambda: Branches(4, 1)), "control flow"),
    "LSTM": (of(Recurrent), "for many"),
    "hooks": (of(hooked), "hooks"),
    "large": (of(large), "large enough"),
    "own step": (own_step, "its own steps"),
    "parts": (in_parts, "an optimizer each"),
    "scaler": (scaled, "GradScaler"),
    "closure": (of_the_closure, "."),
    "generator": (drawing, "generator of its own"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_trained_at_once_says_why(name: str) -> None:
    task, why = REFUSED[name]
    found = trainer(task).tried_at_once(jobs((0,))[0], measured=False)
    assert not found.most
    assert re.search(why, found.why), found.why


@pytest.mark.parametrize(
    ("make", "one_seed"),
    [(plain, False), (normalised, False), (dropped, True), (lambda: BranchesOnData(4, 1), True)],
)
def test_what_can_be_is_found_by_a_trial(make: Callable[[], nn.Module], one_seed: bool) -> None:
    found = trainer(of(make)).tried_at_once(jobs((0,))[0], measured=False)
    assert (found.most, found.one_seed, found.why) == (64, one_seed, "")


def test_an_lstm_that_was_taken_for_possible_is_trained_alone() -> None:
    by, given = trainer(of(Recurrent)), jobs((1,))
    found = together(by, given)
    assert len(found) == len(given)
    assert not any(map(was_at_once, found.values()))
    check_same(found[2], alone(by, given[2]))
