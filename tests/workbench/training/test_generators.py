"""Generators of the task's own: they continue with an interrupted run, or the difference is said."""

import functools
import itertools
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from steepest.workbench import Task
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import DIFFERS, TRAINED
from steepest.workbench.training.generators import generator_states, reachable, set_generator_states
from steepest.workbench.training.run import Run

Make = Callable[[int], Task]
Draw = Callable[[], float]
AT_MODULE_LEVEL = np.random.default_rng(0)


def of_torch(seed: int) -> Draw:
    generator = torch.Generator().manual_seed(seed)
    return lambda: torch.rand((), generator=generator).item()


def of_numpy(kind: Any) -> Callable[[int], Draw]:
    def make(seed: int) -> Draw:
        generator = np.random.Generator(kind(seed))
        return lambda: float(generator.random())

    return make


def of_numpys_old_kind(seed: int) -> Draw:
    return np.random.RandomState(seed).rand


def of_python(seed: int) -> Draw:
    return random.Random(seed).random


def in_an_object(seed: int) -> Draw:
    class Noise:
        __slots__ = ("source",)

        def __init__(self) -> None:
            self.source = {"generators": [np.random.default_rng(seed)]}

        def __call__(self) -> float:
            return self.source["generators"][0].random()

    return Noise()


def in_a_partial_function(seed: int) -> Draw:
    return functools.partial(lambda rng, times: times * rng.random(), random.Random(seed), times=1.0)


def in_a_default(seed: int) -> Draw:
    def draw(rng: Any = None) -> float:
        return rng.random()

    draw.__defaults__ = (np.random.default_rng(seed),)
    return draw


def in_a_global(seed: int) -> Draw:
    def draw() -> float:
        return sum(AT_MODULE_LEVEL.random() for _ in range(2))  # a function within the function

    return draw


KINDS: dict[str, Callable[[int], Draw]] = {
    "torch": of_torch,
    **{
        kind.__name__: of_numpy(kind)
        for kind in (np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64)
    },
    "object": in_an_object,
    "partial": in_a_partial_function,
    "default": in_a_default,
    "global": in_a_global,
}


def noisy(tiny: Make, of: Callable[[int], Draw], where: str = "loss") -> Make:
    """The small task with noise of its own in its loss, its evaluation, or its batches."""

    def make(seed: int) -> Task:
        task, draw = tiny(seed), of(seed)

        def loss(model: nn.Module, batch: Any) -> Tensor:
            return task.loss(model, batch) * (1 + draw())  # type: ignore[operator, misc]

        def evaluate(model: nn.Module) -> dict[str, float]:
            return {"val_loss": task.evaluate(model)["val_loss"] * (1 + 0.1 * draw())}

        return replace(task, **({"loss": loss} if where == "loss" else {"evaluate": evaluate}))

    return make


def continued(make: Make, at: int = 17) -> Any:
    """The whole run, and one that was interrupted and continued."""
    AT_MODULE_LEVEL.bit_generator.state = np.random.default_rng(0).bit_generator.state
    whole = Run(make, KNOWN["adam"], 0.02, seed=5).train()
    AT_MODULE_LEVEL.bit_generator.state = np.random.default_rng(0).bit_generator.state
    part = Run(make, KNOWN["adam"], 0.02, seed=5)
    stopped = part.train(stop=lambda: part.trace.step >= at)
    assert stopped.trace.step == at
    AT_MODULE_LEVEL.random()  # another process would have drawn otherwise
    return whole, Run(make, KNOWN["adam"], 0.02, seed=5, saved=stopped.saved).train()


def numbers(outcome: Any) -> list[float]:
    return [loss for _, _, loss in outcome.trace.curve] + [value for *_, value in outcome.trace.metrics]


@pytest.mark.parametrize("where", ["loss", "evaluate"])
@pytest.mark.parametrize("of", KINDS.values(), ids=KINDS.keys())
def test_a_generator_that_can_be_reached_goes_on(tiny: Make, of: Callable[[int], Draw], where: str) -> None:
    whole, rest = continued(noisy(tiny, of, where))
    assert numbers(rest) == numbers(whole)
    assert (rest.status, rest.reason) == (TRAINED, "")


@pytest.mark.parametrize("of", [of_numpys_old_kind, of_python], ids=["RandomState", "Random"])
def test_a_method_of_a_generator_reaches_it(tiny: Make, of: Callable[[int], Draw]) -> None:
    """`rng.random` is a function of C that knows its generator."""
    whole, rest = continued(noisy(tiny, of))
    assert numbers(rest) == numbers(whole)


def test_a_loader_with_a_generator_goes_on(tiny: Make) -> None:
    def make(seed: int) -> Task:
        task = tiny(seed)
        rows = torch.utils.data.TensorDataset(*task.train.tensors)  # type: ignore[attr-defined]
        generator = torch.Generator().manual_seed(seed)
        loader = torch.utils.data.DataLoader(rows, batch_size=16, shuffle=True, generator=generator)
        return replace(task, train=loader)

    whole, rest = continued(make)
    assert numbers(rest) == numbers(whole)


@pytest.mark.parametrize(
    ("where", "what"), [("loss", "the loss of the next step"), ("evaluate", "what `evaluate` gave")]
)
def test_a_source_that_nothing_can_reach_is_found_out(tiny: Make, where: str, what: str) -> None:
    def hidden(seed: int) -> Draw:
        drawn = itertools.cycle([0.1, 0.9, 0.4])  # an iterator of C: its position cannot be set
        return lambda: next(drawn)

    whole, rest = continued(noisy(tiny, hidden, where))
    assert numbers(rest) != numbers(whole)
    assert rest.status == TRAINED
    assert f"{DIFFERS}: {what} was" in rest.reason
    assert "keep it in a buffer of the model" in rest.reason


def test_a_difference_is_said_and_stored(tmp_path: Path, without_figures: None) -> None:
    from steepest.workbench.errors import Interrupted
    from steepest.workbench.progress.watcher import Watcher
    from steepest.workbench.store.record import Record
    from support.study import small

    class Stops(Watcher):
        def evaluated(self, key: Any, step: int, value: float, worker: int = 0) -> None:
            if key.phase == "search" and step == 10:
                import os
                import signal

                os.kill(os.getpid(), signal.SIGINT)

    def make(seed: int) -> Task:
        drawn = itertools.cycle([0.1, 0.9, 0.4])
        torch.manual_seed(seed)
        x = torch.linspace(-1, 1, 16)[:, None]
        return Task(
            nn.Linear(1, 1),
            lambda model, batch: ((model(batch) - batch.sin()) ** 2).mean() * (1 + next(drawn)),
            [x],
            lambda model: {"val_loss": ((model(x) - x.sin()) ** 2).mean().item()},
            steps=40,
            evaluations=4,
        )

    with pytest.raises(Interrupted):
        small(make, tmp_path / "study", optimizers=["sgd"], watcher=Stops())
    with pytest.warns(UserWarning, match=DIFFERS):
        small(make, tmp_path / "study", optimizers=["sgd"])
    with Record(tmp_path / "study") as record:
        assert sum(DIFFERS in reason for reason in record.runs()["reason"]) == 1


def test_states_come_back_and_paths_are_the_same_in_a_task_made_again(tiny: Make) -> None:
    make = noisy(tiny, in_an_object)
    first, second = make(0), make(0)
    assert list(reachable(first)) == list(reachable(second))
    states = generator_states(first)
    drawn = first.loss(first.model.eval(), first.train.tensors)  # type: ignore[operator, misc, attr-defined]
    set_generator_states(first, states)
    assert len(states) == 1
    assert drawn.isfinite()


def test_a_task_that_refers_to_itself_or_to_much_ends(tiny: Make) -> None:
    task = tiny(0)
    endless: list[Any] = [list(range(5)) for _ in range(100_000)]
    endless.append(endless)
    assert isinstance(reachable(replace(task, evaluate=lambda model: {"val_loss": len(endless)})), dict)
