"""Subclasses of the schedulers, as users write them: they go on from what they made of the rates, as torch's do."""

import math
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as theirs

import steepest
from steepest import lr_scheduler as ours

P = torch.nn.Parameter
LIBRARIES = ((torch.optim, theirs), (steepest, ours))

ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "StepLR": (2, 0.5),
    "MultiStepLR": ([2, 5], 0.3),
    "ConstantLR": (0.25, 4),
    "LinearLR": (0.125, 1.0, 6),
    "ExponentialLR": (0.9,),
    "PolynomialLR": (20, 2.0),
    "CosineAnnealingLR": (7, 0.01),
    "CosineAnnealingWarmRestarts": (4, 2, 0.001),
    "LambdaLR": (lambda epoch: 1 / (1 + epoch),),
    "MultiplicativeLR": (lambda epoch: 0.9,),
    "CyclicLR": (0.01, 0.2, 3),
    "OneCycleLR": (1.0, 20),
}


def floor(parent: Any) -> Any:
    class Floor(parent):
        def get_lr(self) -> list[Any]:
            return [max(rate, 0.03) for rate in super().get_lr()]

    return Floor


def warmup(parent: Any) -> Any:
    class Warmup(parent):
        def get_lr(self) -> list[Any]:
            if self.last_epoch < 3:
                return [base * (self.last_epoch + 1) / 3 for base in self.base_lrs]
            return super().get_lr()

    return Warmup


def scaled(parent: Any) -> Any:
    class Scaled(parent):
        def get_lr(self) -> list[Any]:
            return [0.9 * rate for rate in super().get_lr()]

    return Scaled


def clamped_after_the_step(parent: Any) -> Any:
    class Clamped(parent):
        def step(self, *epoch: Any) -> None:
            super().step(*epoch)
            for group in self.optimizer.param_groups:
                group["lr"] = max(group["lr"], 0.04)
            self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

    return Clamped


def closed_form(parent: Any) -> Any:
    class ClosedForm(parent):
        def _get_closed_form_lr(self) -> list[Any]:
            return [0.5 * base for base in self.base_lrs]

    return ClosedForm


KINDS: dict[str, Callable[[Any], Any]] = {
    kind.__name__: kind for kind in (floor, warmup, scaled, clamped_after_the_step, closed_form)
}


def optimizer(library: Any) -> Any:
    p = P(torch.zeros(2))
    p.grad = torch.ones(2)
    return library.SGD([p], lr=0.1, momentum=0.9)


def rates(scheduler: Any, *epochs: Any) -> list[float]:
    found = []
    (group,) = scheduler.optimizer.param_groups
    for epoch in epochs:
        scheduler.optimizer.step()
        scheduler.step() if epoch is None else scheduler.step(epoch)
        found += [group["lr"], group["momentum"], *scheduler.get_last_lr()]
    return found


def assert_same_as_torchs(program: Callable[[Any, Any], list[float]]) -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The epoch parameter in `scheduler.step")
        theirs_found, ours_found = (program(library, schedulers) for library, schedulers in LIBRARIES)
    assert ours_found == pytest.approx(theirs_found, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ARGUMENTS)
def test_rates_of_a_subclass(name: str, kind: str) -> None:
    def program(library: Any, s: Any) -> list[float]:
        scheduler = KINDS[kind](getattr(s, name))(optimizer(library), *ARGUMENTS[name])
        found = rates(scheduler, *[None] * 4)
        scheduler.optimizer.param_groups[0]["lr"] *= 0.1  # by hand
        return found + rates(scheduler, None, None, 9, None)

    assert_same_as_torchs(program)


@pytest.mark.parametrize("name", ARGUMENTS)
def test_a_subclass_is_resumed(name: str) -> None:
    def program(library: Any, s: Any) -> list[float]:
        before, after = (scaled(getattr(s, name))(optimizer(library), *ARGUMENTS[name]) for _ in range(2))
        found = rates(before, None, None, None)
        after.optimizer.load_state_dict(before.optimizer.state_dict())
        after.load_state_dict(before.state_dict())
        return found + rates(after, None, None, None)

    assert_same_as_torchs(program)


def test_a_subclass_reads_where_it_is_in_the_cycle() -> None:
    def program(library: Any, s: Any) -> list[float]:
        class Halved(s.CosineAnnealingWarmRestarts):
            def get_lr(self) -> list[Any]:
                return [base * (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 4 for base in self.base_lrs]

        return rates(Halved(optimizer(library), 3, 2), *[None] * 5, 5.25, 5.5, 6.75, None, None)

    assert_same_as_torchs(program)


def test_a_subclass_whose_step_does_without_ours() -> None:
    def program(library: Any, s: Any) -> list[float]:
        class Own(s.ExponentialLR):
            def step(self, epoch: Any = None) -> None:
                self.last_epoch += 1
                for group in self.optimizer.param_groups:
                    group["lr"] = 0.1 / (1 + self.last_epoch)
                self._last_lr = [group["lr"] for group in self.optimizer.param_groups]

        return rates(Own(optimizer(library), 0.9), None, None, None)

    assert_same_as_torchs(program)


@pytest.mark.parametrize("place", [0, 1])
def test_a_subclass_in_a_chain_and_a_sequence(place: int) -> None:
    def program(library: Any, s: Any) -> list[float]:
        found = []
        for compose in (lambda sgd, parts: s.ChainedScheduler(parts), lambda sgd, p: s.SequentialLR(sgd, p, [3])):
            sgd = optimizer(library)
            parts = [floor(s.ExponentialLR)(sgd, 0.8), s.LinearLR(sgd, 0.1, total_iters=3)]
            found += rates(compose(sgd, parts if place else parts[::-1]), *[None] * 8)
        return found

    assert_same_as_torchs(program)
