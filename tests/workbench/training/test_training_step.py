"""What a task can say of its training gives what a loop written by hand gives, bit for bit."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from steepest.workbench import Task
from steepest.workbench.errors import TaskError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.optimizers import KNOWN, NOTHING
from steepest.workbench.model.outcome import DIVERGED, FAILED, INTERRUPTED, TRAINED
from steepest.workbench.task import Shuffled, without_decay_of_vectors
from steepest.workbench.training.rising_run import rising_run
from steepest.workbench.training.run import Run

Make = Callable[[int], Task]
STEPS, RATE = 24, 0.02
ADAM = Candidate("adam", torch.optim.Adam, 1e-3, "", {"weight_decay": 0.1})


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(64, 4, generator=generator)
    return x, x @ torch.tensor([1.0, -2.0, 0.5, 3.0])


def mean_square(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    x, y = batch
    return ((model(x).float().squeeze(1) - y) ** 2).mean()


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))


def plain(seed: int, **parts: Any) -> Task:
    """A network of two layers, and batches of 16."""
    torch.manual_seed(seed)
    x, y = data()
    given: dict[str, Any] = {"loss": mean_square, "steps": STEPS, "evaluations": 6} | parts
    return Task(
        model=network(),
        train=Shuffled(x, y, size=16, seed=seed),
        evaluate=lambda model: {"val_loss": mean_square(model, (x, y)).item()},
        **given,
    )


def of(**parts: Any) -> Make:
    return lambda seed: plain(seed, **parts)


def trained(make: Make, candidate: Candidate = ADAM, **arguments: Any) -> Run:
    """A run to its end."""
    run = Run(make, candidate, RATE, seed=3, **arguments)
    run.outcome = run.train()  # type: ignore[attr-defined]
    return run


def by_hand(step: Callable[[nn.Module, Any, Iterator[Any]], None], decay: float = 0.1) -> nn.Module:
    """The model after a loop written by hand."""
    task = plain(3)
    optimizer = torch.optim.Adam(task.model.parameters(), lr=RATE, weight_decay=decay)
    batches = iter(task.train)
    for _ in range(STEPS):
        step(task.model, optimizer, batches)
    return task.model


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_the_textbook_loop() -> None:
    def step(model: nn.Module, optimizer: Any, batches: Iterator[Any]) -> None:
        optimizer.zero_grad()
        mean_square(model, next(batches)).backward()
        optimizer.step()

    assert same(trained(plain).model, by_hand(step))


def test_clipping_to_a_value_and_to_a_norm() -> None:
    def step(model: nn.Module, optimizer: Any, batches: Iterator[Any]) -> None:
        optimizer.zero_grad()
        mean_square(model, next(batches)).backward()
        nn.utils.clip_grad_value_(model.parameters(), 0.5)
        nn.utils.clip_grad_norm_(model.parameters(), 0.7)
        optimizer.step()

    assert same(trained(of(clip_value=0.5, clip_norm=0.7)).model, by_hand(step))
    assert not same(trained(of(clip_norm=0.7)).model, by_hand(step))


def test_several_batches_for_one_step() -> None:
    def step(model: nn.Module, optimizer: Any, batches: Iterator[Any]) -> None:
        optimizer.zero_grad()
        for batch in islice(batches, 3):
            (mean_square(model, batch) / 3).backward()
        optimizer.step()

    assert same(trained(of(accumulate=3)).model, by_hand(step))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_with_accumulation_and_clipping(dtype: torch.dtype) -> None:
    scaler = torch.amp.GradScaler("cpu", enabled=dtype is torch.float16)  # type: ignore[attr-defined]

    def step(model: nn.Module, optimizer: Any, batches: Iterator[Any]) -> None:
        optimizer.zero_grad()
        for batch in islice(batches, 2):
            with torch.autocast("cpu", dtype):
                loss = mean_square(model, batch)
            scaler.scale(loss / 2).backward()
        scaler.unscale_(optimizer)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()

    run = trained(of(autocast=dtype, accumulate=2, clip_norm=1.0))
    assert same(run.model, by_hand(step))
    assert (run.training.scaler is not None) == (dtype is torch.float16)


def test_decay_and_rate_by_group() -> None:
    def groups(model: Any) -> list[dict[str, Any]]:
        return [
            {"params": [model[0].weight, model[2].weight]},
            {"params": [model[0].bias, model[2].bias], "weight_decay": 0.0, "lr_factor": 0.1},
        ]

    task = plain(3)
    model: Any = task.model
    optimizer = torch.optim.Adam(
        [
            {"params": [model[0].weight, model[2].weight], "lr": RATE, "weight_decay": 0.1},
            {"params": [model[0].bias, model[2].bias], "lr": RATE * 0.1, "weight_decay": 0.0},
        ]
    )
    for batch in islice(task.train, STEPS):
        optimizer.zero_grad()
        mean_square(model, batch).backward()
        optimizer.step()
    assert same(trained(of(groups=groups)).model, model)


@pytest.mark.parametrize("cls", ["AdamW", torch.optim.AdamW])
def test_the_rates_of_groups_follow_the_schedule_in_proportion(cls: Any) -> None:
    def groups(model: Any) -> list[dict[str, Any]]:
        return [{"params": model[0].parameters()}, {"params": model[2].parameters(), "lr_factor": 0.5}]

    candidate = Candidate("adamw", cls, 1e-3, "", schedule=f"linear(RATE, 0.0, {2 * STEPS})")
    run = trained(of(groups=groups), candidate)
    rates = [group["lr"] for group in run.training.optimizers[""].param_groups]
    assert rates[1] == pytest.approx(rates[0] / 2)
    assert rates[0] == pytest.approx(RATE / 2, rel=0.1)


def test_no_decay_of_vectors() -> None:
    decayed, spared = without_decay_of_vectors(network())
    assert [p.ndim for p in decayed["params"]] == [2, 2]
    assert [p.ndim for p in spared["params"]] == [1, 1]
    assert (spared["weight_decay"], "weight_decay" in decayed) == (0.0, False)
    without = Candidate("asgd", KNOWN["adagrad"].cls, 0.01, "")
    assert trained(of(groups=without_decay_of_vectors), without).outcome.status == TRAINED  # type: ignore[attr-defined]
    rprop = Candidate("rprop", torch.optim.Rprop, 0.01, "")  # which has no decay at all
    assert trained(of(groups=without_decay_of_vectors), rprop).outcome.trace.step == STEPS  # type: ignore[attr-defined]


def test_nothing_moves_no_group() -> None:
    run = Run(of(groups=without_decay_of_vectors), NOTHING, 0.0, seed=3)
    run.train()
    assert same(run.model, plain(3).model)


# Two networks that learn against each other.


def generated(model: Any, batch: Any) -> Tensor:
    return model.generator(batch[0][:, :2])


def of_critic(model: Any, batch: Any) -> Tensor:
    real, fake = model.critic(batch[1][:, None]), model.critic(generated(model, batch).detach())
    return nn.functional.softplus(-real).mean() + nn.functional.softplus(fake).mean()


def of_generator(model: Any, batch: Any) -> Tensor:
    return nn.functional.softplus(-model.critic(generated(model, batch))).mean()


def two(seed: int, **parts: Any) -> Task:
    torch.manual_seed(seed)
    x, y = data()
    model = nn.ModuleDict({"generator": nn.Linear(2, 1), "critic": nn.Sequential(nn.Linear(1, 8), nn.Linear(8, 1))})
    given: dict[str, Any] = {"loss": {"critic": of_critic, "generator": of_generator}} | parts
    evaluate = lambda model: {"distance": (generated(model, (x, y)).mean() - y.mean()).abs().item()}  # noqa: E731
    return Task(
        model, train=Shuffled(x, y, size=16, seed=seed), evaluate=evaluate, metric="distance", steps=STEPS, **given
    )


def two_by_hand(**of_the_generator: Any) -> nn.Module:
    task = two(3)
    model: Any = task.model
    usual = {"lr": RATE, "weight_decay": 0.1}
    critic = torch.optim.Adam(model.critic.parameters(), **usual)
    generator = torch.optim.Adam(model.generator.parameters(), **(usual | of_the_generator))
    for batch in islice(task.train, STEPS):
        critic.zero_grad()
        of_critic(model, batch).backward()
        critic.step()
        generator.zero_grad()
        of_generator(model, batch).backward()
        generator.step()
    return model


def test_a_loss_and_an_optimizer_for_each_part() -> None:
    run = trained(two)
    assert same(run.model, two_by_hand())
    assert list(run.training.optimizers) == ["critic", "generator"]


OF_THE_GENERATOR = {"betas": (0.5, 0.99), "weight_decay": 0.01}


def with_own_values(seed: int) -> Task:
    """A quarter of the rate, and averages and decay of its own, for one of the two."""
    task = two(seed)
    part: Any = task.model
    own = {"lr_factor": 0.25} | OF_THE_GENERATOR
    groups = lambda module: [{"params": module.parameters(), **(own if module is part.generator else {})}]  # noqa: E731
    return replace(task, groups=groups)


@pytest.mark.parametrize("cls", ["Adam", torch.optim.Adam])
def test_each_part_has_betas_decay_and_rate_of_its_own(cls: Any) -> None:
    found = trained(with_own_values, replace(ADAM, cls=cls)).model
    expected = two_by_hand(lr=RATE * 0.25, **OF_THE_GENERATOR)
    for ours, theirs in zip(found.state_dict().values(), expected.state_dict().values(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    assert not same(found, two_by_hand(lr=RATE * 0.25))


def test_a_value_that_an_optimizer_does_not_have_is_no_hindrance() -> None:
    """A comparison tries optimizers with betas and without."""
    assert trained(with_own_values, KNOWN["sgd"]).outcome.trace.step == STEPS  # type: ignore[attr-defined]


def own_step(model: Any, batch: Any, optimizer: Any) -> Tensor:
    optimizer["critic"].zero_grad()
    loss = of_critic(model, batch)
    loss.backward()
    optimizer["critic"].step()
    optimizer["generator"].zero_grad()
    of_generator(model, batch).backward()
    optimizer["generator"].step()
    return loss


def test_a_step_of_the_tasks_own_with_two_optimizers() -> None:
    run = trained(lambda seed: two(seed, loss=None, step=own_step, optimizers=("critic", "generator")))
    assert same(run.model, two_by_hand())


def test_a_step_of_the_tasks_own_with_one_optimizer() -> None:
    """Sharpness-aware minimisation: two gradients for one update, which no other field can say."""

    def sharp(model: nn.Module, batch: Any, optimizer: Any) -> float:
        optimizer.zero_grad()
        mean_square(model, batch).backward()
        moves = [0.05 * p.grad for p in model.parameters() if p.grad is not None]
        with torch.no_grad():
            for p, move in zip(model.parameters(), moves, strict=True):
                p.add_(move)
        optimizer.zero_grad()
        loss = mean_square(model, batch)
        loss.backward()
        with torch.no_grad():
            for p, move in zip(model.parameters(), moves, strict=True):
                p.sub_(move)
        optimizer.step()
        return loss.item()

    run = trained(of(loss=None, step=sharp))
    by_turns: Any = lambda model, optimizer, batches: sharp(model, next(batches), optimizer)  # noqa: E731
    assert same(run.model, by_hand(by_turns))
    assert run.outcome.status == TRAINED  # type: ignore[attr-defined]


def test_a_reported_loss_is_the_mean_over_the_batches_and_the_sum_over_the_parts() -> None:
    task = two(3)
    batch = next(iter(task.train))
    expected = of_critic(task.model, batch).item()
    curve = trained(two, steps=1).trace.curve
    assert curve[0][2] == pytest.approx(expected + of_generator(task.model, batch).item(), rel=0.05)
    task = plain(3)
    losses = [mean_square(task.model, batch).item() for batch in islice(task.train, 3)]
    assert trained(of(accumulate=3), steps=1).trace.curve[0][2] == pytest.approx(sum(losses) / 3)


EVERYTHING = {
    "accumulation": of(accumulate=3, clip_norm=0.7),
    "half precision": of(autocast=torch.float16, accumulate=2),
    "groups": of(groups=without_decay_of_vectors),
    "two parts": two,
    "a step of its own": lambda seed: two(seed, loss=None, step=own_step, optimizers=("critic", "generator")),
    "patience": of(patience=3, evaluations=24),
}


@pytest.mark.parametrize("make", EVERYTHING.values(), ids=EVERYTHING.keys())
def test_an_interrupted_run_of_each_kind_goes_on_bit_for_bit(make: Make) -> None:
    whole = trained(make)
    part = Run(make, ADAM, RATE, seed=3)
    stopped = part.train(stop=lambda: part.trace.step >= 11)
    assert stopped.status == INTERRUPTED
    rest = trained(make, saved=stopped.saved)
    assert same(whole.model, rest.model)
    assert [point[2] for point in whole.trace.curve] == [point[2] for point in rest.trace.curve]
    assert whole.trace.step == rest.trace.step


@pytest.mark.parametrize("make", EVERYTHING.values(), ids=EVERYTHING.keys())
def test_a_range_test_takes_the_same_steps(make: Make) -> None:
    curve = rising_run(make, ADAM, seed=3)
    first = trained(make, steps=1).trace.curve[0][2]
    assert curve.losses[0] == pytest.approx(first, rel=0.5)
    assert len(curve.losses) > 20


def test_a_rising_loss_below_zero_does_not_end_a_range_test() -> None:
    """A likelihood or a return may be negative: four times its value is lower, not higher."""
    below = of(loss=lambda model, batch: mean_square(model, batch) - 1000)
    assert len(rising_run(below, ADAM, seed=3).losses) == 200


# The best of a run, and runs that end early.


def scripted(values: list[float], **parts: Any) -> Make:
    """Evaluations that go as written."""

    def make(seed: int) -> Task:
        left = iter(values)
        return replace(
            plain(seed, **parts), evaluate=lambda model: {"val_loss": next(left)}, evaluations=len(values) - 1
        )

    return make


def test_the_best_of_a_run_in_place_of_its_last() -> None:
    last, best = (trained(scripted([9.0, 4.0, 2.0, 5.0], best=way)).outcome for way in (False, True))  # type: ignore[attr-defined]
    assert (last.final("val_loss"), best.final("val_loss")) == (5.0, 2.0)
    highest = trained(scripted([1.0, 4.0, 2.0, 3.0], best=True, higher_is_better=True)).outcome  # type: ignore[attr-defined]
    assert highest.final("val_loss") == 4.0


def test_the_best_is_a_value_after_the_first_step() -> None:
    worse = trained(scripted([1.0, 4.0, 2.0, 3.0], best=True)).outcome  # type: ignore[attr-defined]
    assert worse.status == FAILED
    assert worse.reason == "val_loss was at best 2, no better than 1 before the first step"
    diverged = trained(scripted([9.0, 4.0, 2.0, float("nan")], best=True)).outcome  # type: ignore[attr-defined]
    assert (diverged.status, diverged.final("val_loss")) == (DIVERGED, None)


def test_a_run_ends_when_its_patience_does() -> None:
    values = [9.0, 4.0, 2.0, 3.0, 2.0, 2.5, 1.0, 0.5]
    outcome = trained(scripted(values, patience=3, steps=70)).outcome  # type: ignore[attr-defined]
    assert (outcome.status, outcome.trace.step, outcome.final("val_loss")) == (TRAINED, 50, 2.0)
    whole = trained(scripted(values, patience=4, steps=70)).outcome  # type: ignore[attr-defined]
    assert (whole.trace.step, whole.final("val_loss")) == (70, 0.5)


# What cannot be.

WRONG: dict[str, tuple[Make, str]] = {
    "norm": (of(clip_norm=-1.0), "clip_norm=-1.0, and gradients cannot be clipped to that; give a positive number"),
    "value": (of(clip_value=0), "clip_value=0, and"),
    "accumulate": (of(accumulate=0), "accumulate=0; give a whole number of batches for each step"),
    "patience": (of(patience=2.5), "patience=2.5; give a whole number of evaluations"),
    "autocast": (of(autocast=torch.float32), "give torch.bfloat16 or torch.float16"),
    "no loss": (of(loss=None), "The task's loss is a NoneType"),
    "no losses": (of(loss={}), "an empty dictionary"),
    "two ways": (of(step=own_step), "makes its own step and has loss too, .* leave it out \\(loss=None\\)"),
    "three ways": (of(loss=None, step=own_step, clip_norm=1.0, accumulate=2), "has clip_norm and accumulate too"),
    "part": (
        lambda seed: two(seed, loss={"critics": of_critic}),
        "'critics', .* \\(did you mean critic\\?\\); its parts",
    ),
    "left out": (lambda seed: two(seed, loss={"critic": of_critic}), "No optimizer trains generator.weight and others"),
    "groups": (of(groups=lambda model: list(model.parameters())), "`groups\\(model\\)` gave a Parameter of shape"),
    "lr": (of(groups=lambda m: [{"params": m.parameters(), "lr": 0.1}]), "give lr_factor"),
    "factor": (of(groups=lambda m: [{"params": m.parameters(), "lr_factor": 0}]), "lr_factor=0; give a positive"),
    "group left out": (of(groups=lambda m: [{"params": m[0].parameters()}]), "leaves out 2.weight and others"),
    "not a function": (of(groups=[]), "The task's groups is a list; give a function"),
    "no value": (of(loss=None, step=lambda *a: None), "returned a NoneType; return the loss of the step"),
    "models": (lambda seed: replace(plain(seed), model=[network()]), "is a list; give a torch.nn.Module, and several"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize(("make", "sentence"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_field_is_answered_with_what_to_do(make: Make, sentence: str) -> None:
    with pytest.raises(TaskError, match=sentence):
        trained(make)
