"""What programs do with schedulers: replace, change, wrap, mix them, skip ahead.  The rates are torch's."""

import copy
import gc
import math
import warnings
import weakref
from typing import Any

import numpy as np
import pytest
import torch
from torch.optim import lr_scheduler as theirs

import steepest
from steepest import lr_scheduler as ours
from steepest.torch.internals import SCHEDULER_FLAGS
from support.schedulers import LIBRARIES, MAKERS, Make, P, assert_same_as_torchs, optimizer, rates

FOLLOWS_THE_PRESENT_RATE = [
    "MultiplicativeLR", "StepLR", "MultiStepLR", "ConstantLR", "LinearLR", "ExponentialLR", "PolynomialLR",
    "CosineAnnealingLR",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _no_warning_of_torchs():
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The epoch parameter in `scheduler.step")
        warnings.filterwarnings("ignore", message=r"Detected call of `lr_scheduler.step\(\)` before")
        yield


# --- one after the other on the same optimizer ------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [True, False], ids=["kept", "garbage"])
@pytest.mark.parametrize("second", MAKERS)
@pytest.mark.parametrize("first", MAKERS)
def test_a_second_phase(first: str, second: str, kept: bool) -> None:
    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        scheduler = MAKERS[first](s, sgd)
        found = rates(scheduler, 5)
        old = scheduler if kept else None
        scheduler = MAKERS[second](s, sgd)
        found += rates(scheduler, 12)
        del old
        return found

    assert_same_as_torchs(program)


@pytest.mark.parametrize("second", MAKERS)
def test_after_a_scheduler_of_torchs(second: str) -> None:
    """Whoever has led the rate to nearly 0, the next one begins as in torch."""

    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        rates(theirs.OneCycleLR(sgd, 1.0, total_steps=6, cycle_momentum=False), 5)
        return rates(MAKERS[second](s, sgd), 12)

    assert_same_as_torchs(program)


def test_the_first_is_stepped_again() -> None:
    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        first = s.LambdaLR(sgd, lambda epoch: 1 / (1 + epoch))
        rates(first, 3)
        second = s.LambdaLR(sgd, lambda epoch: 0.5**epoch)
        return [*rates(second, 3), *rates(first, 3), *rates(second, 3)]

    assert_same_as_torchs(program)


def test_one_that_was_made_and_never_stepped() -> None:
    """A warmup that somebody made, and another scheduler that is used: the rate is that one's."""

    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        unused = s.LambdaLR(sgd, lambda epoch: (1 + epoch) / 10)
        found = rates(s.LambdaLR(sgd, lambda epoch: 1 / (1 + epoch)), 6)[2:]
        del unused
        return found

    assert_same_as_torchs(program)


def test_a_plateau_and_a_second_phase() -> None:
    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        plateau = s.ReduceLROnPlateau(sgd, factor=0.5, patience=0)
        found = rates(s.StepLR(sgd, 2, 0.5), 4)
        for _ in range(3):
            plateau.step(1.0)
        return found + rates(s.ExponentialLR(sgd, 0.9), 4)

    assert_same_as_torchs(program)


# --- public attributes that are changed midway ------------------------------------------------------------------------

CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "gamma": ("ExponentialLR", {"gamma": 0.5}),
    "step_size": ("StepLR", {"step_size": 2}),
    "gamma of steps": ("StepLR", {"gamma": 0.1}),
    "T_max": ("CosineAnnealingLR", {"T_max": 15}),
    "eta_min": ("CosineAnnealingLR", {"eta_min": 0.03}),
    "power": ("PolynomialLR", {"power": 1.0}),
    "total_iters": ("PolynomialLR", {"total_iters": 30}),
    "end_factor": ("LinearLR", {"end_factor": 0.5}),
    "base_lrs": ("StepLR", {"base_lrs": [10.0]}),
    "base_lrs of a cosine": ("CosineAnnealingLR", {"base_lrs": [0.2]}),
    "base_lrs of a lambda": ("LambdaLR", {"base_lrs": [10.0]}),
    "lr_lambdas": ("LambdaLR", {"lr_lambdas": [lambda epoch: 2.0 * epoch]}),
    "lr_lambdas that multiply": ("MultiplicativeLR", {"lr_lambdas": [lambda epoch: 0.5]}),
    "max_lrs": ("CyclicLR", {"max_lrs": [3.0]}),
    "total_size": ("CyclicLR", {"total_size": 9.0}),
    "total_steps": ("OneCycleLR", {"total_steps": 60}),
    "last_epoch": ("LambdaLR", {"last_epoch": 1}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_an_attribute_that_is_changed_midway(name: str) -> None:
    which, changed = CHANGES[name]

    def program(library: Any, s: Any) -> list[float]:
        scheduler = MAKERS[which](s, optimizer(library))
        found = rates(scheduler, 4)
        for attribute, value in changed.items():
            setattr(scheduler, attribute, value)
        return found + rates(scheduler, 12)

    assert_same_as_torchs(program)


@pytest.mark.parametrize("name", ["CosineAnnealingLR", "StepLR", "LambdaLR", "ExponentialLR", "LinearLR"])
def test_a_constructor_that_is_called_a_second_time(name: str) -> None:
    again: dict[str, tuple[Any, ...]] = {
        "CosineAnnealingLR": (9,), "StepLR": (1, 0.3), "LambdaLR": (lambda epoch: 0.5**epoch,),
        "ExponentialLR": (0.7,), "LinearLR": (0.5, 1.0, 3),
    }  # fmt: skip

    def program(library: Any, s: Any) -> list[float]:
        scheduler = MAKERS[name](s, optimizer(library))
        found = rates(scheduler, 4)
        scheduler.__init__(scheduler.optimizer, *again[name])
        return found + rates(scheduler, 5)

    assert_same_as_torchs(program)


def test_a_function_is_called_once_a_step() -> None:
    """As in torch: it may count its calls."""

    def program(library: Any, s: Any) -> list[float]:
        calls = []
        scheduler = s.LambdaLR(optimizer(library), lambda epoch: calls.append(epoch) or 0.9**epoch)
        rates(scheduler, 4)
        return [float(epoch) for epoch in calls]

    assert_same_as_torchs(program)


@pytest.mark.parametrize("by_hand", [1.0, 5.0], ids=["", "by hand too"])
def test_a_new_base_ends_what_a_hand_did(by_hand: float) -> None:
    """Where programs set a rate anew they write it into the group, its initial rate and `base_lrs`."""

    def program(library: Any, s: Any) -> list[float]:
        scheduler = s.LambdaLR(optimizer(library), lambda epoch: 1 / (1 + epoch))
        found = rates(scheduler, 2)
        for group in scheduler.optimizer.param_groups:
            group["lr"] *= by_hand
            group["initial_lr"] = 0.5
        scheduler.base_lrs = [0.5]
        sgd = scheduler.optimizer
        for _ in range(4):
            sgd.step()
            scheduler.step()
            found.append(sgd.param_groups[0]["lr"])
        return found

    assert_same_as_torchs(program)


class GradualWarmup(theirs.LRScheduler):
    """As the wrapper of that name that is copied from program to program: it hands over the rate and its bases."""

    def __init__(self, sgd: Any, multiplier: float, steps: int, after: Any) -> None:
        self.multiplier, self.steps, self.after, self.finished = multiplier, steps, after, False
        super().__init__(sgd)

    def get_lr(self) -> list[Any]:
        if self.last_epoch > self.steps:
            if not self.finished:
                self.after.base_lrs = [base * self.multiplier for base in self.base_lrs]
                self.finished = True
            return self.after.get_last_lr()
        return [base * ((self.multiplier - 1.0) * self.last_epoch / self.steps + 1.0) for base in self.base_lrs]

    def step(self, epoch: Any = None) -> None:
        if self.finished:
            self.after.step(None if epoch is None else epoch - self.steps)
            self._last_lr = self.after.get_last_lr()
        else:
            super().step(epoch)


@pytest.mark.parametrize("after", [*FOLLOWS_THE_PRESENT_RATE, "LambdaLR", "WarmRestarts"])
def test_a_gradual_warmup(after: str) -> None:
    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        return rates(GradualWarmup(sgd, 4.0, 5, MAKERS[after](s, sgd)), 15)

    assert_same_as_torchs(program)


# --- groups that are added later --------------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.1, 0.01])
@pytest.mark.parametrize("name", [name for name in FOLLOWS_THE_PRESENT_RATE if name != "MultiplicativeLR"])
def test_a_group_that_is_added_later(name: str, lr: float) -> None:
    """Before the cosine turns: then torch looks for an initial rate, which the group does not have."""

    def program(library: Any, s: Any) -> list[float]:
        scheduler = MAKERS[name](s, optimizer(library))
        found = rates(scheduler, 3)
        scheduler.optimizer.add_param_group({"params": [P(torch.zeros(1))], "lr": lr})
        return found + rates(scheduler, 4)

    assert_same_as_torchs(program)


@pytest.mark.parametrize("name", [*MAKERS])
def test_a_group_that_torch_cannot_schedule_goes_on_in_proportion(name: str) -> None:
    scheduler = MAKERS[name](ours, optimizer(steepest))
    rates(scheduler, 3)
    before = float(scheduler.optimizer.param_groups[0]["lr"])
    scheduler.optimizer.add_param_group({"params": [P(torch.zeros(1))], "lr": before})
    straight = MAKERS[name](ours, optimizer(steepest))
    rates(straight, 3)
    found = rates(scheduler, 9)
    assert found[::2] == pytest.approx(rates(straight, 9), rel=1e-9)
    assert found[1::2] == pytest.approx(found[::2], rel=0.1)


# --- a given epoch ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("SequentialLR", "ChainedScheduler")])
def test_a_given_epoch(name: str) -> None:
    if name == "MultiplicativeLR":
        pytest.skip("torch multiplies once, however far the epoch is")

    def program(library: Any, s: Any) -> list[float]:
        scheduler = MAKERS[name](s, optimizer(library))
        found = rates(scheduler, 3)
        scheduler.step(7)
        found += scheduler.get_last_lr()
        scheduler.step(2)
        return found + rates(scheduler, 5)

    assert_same_as_torchs(program)


@pytest.mark.parametrize("when", ["at once", "after a step that was taken", "after one that was left out"])
def test_an_epoch_that_is_reached_with_old_gradients_lying_about(when: str) -> None:
    """Gradients that are not finite are no reason to stay where one is, if they are not new."""
    sgd = optimizer(steepest)
    gradient = sgd.param_groups[0]["params"][0].grad
    if when == "at once":
        gradient.fill_(math.inf)
    scheduler = ours.ExponentialLR(sgd, 0.5)
    advanced = 0
    if when != "at once":
        gradient.fill_(math.inf)
        if when == "after a step that was taken":
            sgd.step()
            advanced = 1
        scheduler.step()
    for _ in range(5):
        scheduler.step()
    assert scheduler.last_epoch == 5 + advanced


# --- counts of any kind -----------------------------------------------------------------------------------------------

NUMBERS: dict[str, Make] = {
    "step_size 2.5": lambda s, o: s.StepLR(o, 2.5, 0.5),
    "step_size NumPy": lambda s, o: s.StepLR(o, np.int64(3), np.float64(0.5)),
    "milestones NumPy": lambda s, o: s.MultiStepLR(o, np.array([2, 4, 4])),
    "milestones fractions": lambda s, o: s.MultiStepLR(o, [2.5, 4.0]),
    "milestone 0": lambda s, o: s.MultiStepLR(o, [0, 3]),
    "milestone -1": lambda s, o: s.MultiStepLR(o, [-1, 3]),
    "constant 2.5": lambda s, o: s.ConstantLR(o, 0.5, 2.5),
    "constant 0": lambda s, o: s.ConstantLR(o, 0.5, 0),
    "constant NumPy": lambda s, o: s.ConstantLR(o, np.float64(0.5), np.int32(3)),
    "linear 4.5": lambda s, o: s.LinearLR(o, 0.25, total_iters=4.5),
    "linear 0": lambda s, o: s.LinearLR(o, 0.25, total_iters=0),
    "linear NumPy": lambda s, o: s.LinearLR(o, np.float64(0.25), np.float64(0.5), np.int64(5)),
    "polynomial 4.5": lambda s, o: s.PolynomialLR(o, 4.5, 2),
    "polynomial 0": lambda s, o: s.PolynomialLR(o, 0),
    "polynomial NumPy": lambda s, o: s.PolynomialLR(o, np.int64(6), np.float64(1.5)),
    "exponential NumPy": lambda s, o: s.ExponentialLR(o, np.float64(0.9)),
    "cosine 4.5": lambda s, o: s.CosineAnnealingLR(o, 4.5),
    "cosine NumPy": lambda s, o: s.CosineAnnealingLR(o, np.int64(7), np.float64(0.01)),
    "cyclic NumPy": lambda s, o: s.CyclicLR(o, np.float64(0.01), 1.0, np.int64(3), np.int64(2), cycle_momentum=False),
    "cyclic 2.5": lambda s, o: s.CyclicLR(o, 0.01, 1.0, 2.5, cycle_momentum=False),
    "cyclic up at once": lambda s, o: s.CyclicLR(o, 0.01, 1.0, 4, 0, cycle_momentum=False),
    "one cycle of two steps": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=12, pct_start=0.5, cycle_momentum=False),
    "lambda of nothing": lambda s, o: s.LambdaLR(o, lambda epoch: max(0.0, (0 - epoch) / max(1, 0))),
    "lambda NumPy": lambda s, o: s.LambdaLR(o, lambda epoch: np.float32(0.5) ** epoch),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_counts_and_factors_of_any_kind(name: str) -> None:
    assert_same_as_torchs(lambda library, s: rates(NUMBERS[name](s, optimizer(library)), 11))


def test_no_steps_at_all() -> None:
    """torch divides by zero at its first step; nothing is left to anneal."""
    assert rates(ours.CosineAnnealingLR(optimizer(steepest), 0, eta_min=0.01), 3) == [0.1, 0.01, 0.01]
    scheduler: Any = ours.StepLR(optimizer(steepest, lr=0.1), 1)
    scheduler.step_size = 0
    scheduler.optimizer.step()
    with pytest.raises(ValueError, match="Give it a step_size of at least 1"):
        scheduler.step()


@pytest.mark.parametrize("which", ["CyclicLR", "OneCycleLR"])
def test_limits_of_the_momentum_that_are_tensors(which: str) -> None:
    limits = {"base_momentum": torch.tensor(0.8), "max_momentum": torch.tensor(0.95)}

    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        scheduler = {
            "CyclicLR": lambda: s.CyclicLR(sgd, 0.1, 1.0, step_size_up=4, **limits),
            "OneCycleLR": lambda: s.OneCycleLR(sgd, 1.0, total_steps=12, **limits),
        }[which]()
        found = []
        for _ in range(10):
            assert isinstance(sgd.param_groups[0]["momentum"], torch.Tensor)
            found.append(float(sgd.param_groups[0]["momentum"]))
            sgd.step()
            scheduler.step()
        return found

    theirs_found, ours_found = (program(library, schedulers) for library, schedulers in LIBRARIES)
    assert ours_found == pytest.approx(theirs_found, rel=1e-6)


# --- mixed with schedulers that are not ours --------------------------------------------------------------------------


class InverseSquareRoot(theirs.LRScheduler):
    """As a user writes one."""

    def get_lr(self) -> list[Any]:
        return [base / math.sqrt(1 + self.last_epoch) for base in self.base_lrs]


class Decay(theirs.LRScheduler):
    """As a user writes one that goes on from the present rate."""

    def get_lr(self) -> list[Any]:
        return [group["lr"] * (0.7 if self.last_epoch else 1.0) for group in self.optimizer.param_groups]

    def _get_closed_form_lr(self) -> list[Any]:
        return [base * 0.7**self.last_epoch for base in self.base_lrs]


FOREIGN: dict[str, Make] = {
    "LambdaLR of torch": lambda s, o: theirs.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "StepLR of torch": lambda s, o: theirs.StepLR(o, 2, 0.5),
    "user's": lambda s, o: InverseSquareRoot(o),
    "user's that goes on": lambda s, o: Decay(o),
}
SINGLE = [name for name in MAKERS if name not in ("SequentialLR", "ChainedScheduler", "CyclicLR", "OneCycleLR")]


@pytest.mark.parametrize("foreign_first", [True, False], ids=["foreign first", "foreign last"])
@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("name", SINGLE)
def test_a_sequence_with_a_foreign_one(name: str, foreign: str, foreign_first: bool) -> None:
    if foreign_first and name in ("MultiplicativeLR", "WarmRestarts"):
        pytest.skip("torch does not begin these two anew: it asks them for an epoch that they are not at")

    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        parts = [MAKERS[name](s, sgd), FOREIGN[foreign](s, sgd)]
        return rates(s.SequentialLR(sgd, parts[::-1] if foreign_first else parts, milestones=[4]), 10)

    assert_same_as_torchs(program)


@pytest.mark.parametrize("foreign", FOREIGN)
@pytest.mark.parametrize("name", FOLLOWS_THE_PRESENT_RATE)
def test_a_chain_with_a_foreign_one(name: str, foreign: str) -> None:
    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        return rates(s.ChainedScheduler([FOREIGN[foreign](s, sgd), MAKERS[name](s, sgd)]), 10)

    assert_same_as_torchs(program)


def test_three_with_a_foreign_one_between() -> None:
    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        parts = [s.LinearLR(sgd, 0.1, total_iters=3), InverseSquareRoot(sgd), s.StepLR(sgd, 2, 0.5)]
        return rates(s.SequentialLR(sgd, parts, milestones=[3, 6]), 12)

    assert_same_as_torchs(program)


@pytest.mark.parametrize("stop", [2, 4, 6])
def test_a_sequence_with_a_foreign_one_is_resumed(stop: int) -> None:
    def made() -> Any:
        sgd = optimizer(steepest)
        return ours.SequentialLR(sgd, [ours.LinearLR(sgd, 0.1, total_iters=4), InverseSquareRoot(sgd)], milestones=[4])

    straight = rates(made(), 12)
    first = made()
    rates(first, stop)
    saved, state = copy.deepcopy(first.optimizer.state_dict()), copy.deepcopy(first.state_dict())
    second = made()
    second.load_state_dict(state)
    second.optimizer.load_state_dict(saved)
    assert rates(second, 12 - stop) == pytest.approx(straight[stop:], rel=1e-12)


# --- optimizers that only look like one -------------------------------------------------------------------------------


class Wrapper(torch.optim.Optimizer):
    """As accelerate, opacus and many programs have one: never set up as an optimizer, it hands on what it is asked."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    param_groups = property(lambda self: self.inner.param_groups)  # type: ignore[assignment]
    state = property(lambda self: self.inner.state)  # type: ignore[assignment]
    defaults = property(lambda self: self.inner.defaults)  # type: ignore[assignment]

    def step(self, closure: Any = None) -> Any:
        return self.inner.step(closure)


class Lookahead(torch.optim.Optimizer):
    """As copied from repositories: groups and state are the inner optimizer's."""

    def __init__(self, inner: Any) -> None:
        self.optimizer, self.param_groups, self.state, self.defaults = inner, inner.param_groups, inner.state, {}
        self.defaults = inner.defaults

    def step(self, closure: Any = None) -> Any:
        return self.optimizer.step(closure)


@pytest.mark.parametrize("wrapper", [Wrapper, Lookahead])
@pytest.mark.parametrize("name", MAKERS)
def test_a_wrapper_that_was_not_set_up(name: str, wrapper: Any) -> None:
    def program(library: Any, s: Any) -> list[float]:
        wrapped = wrapper(optimizer(library))
        return rates(MAKERS[name](s, wrapped), 9, wrapped)

    assert_same_as_torchs(program)


def test_one_scheduler_on_the_wrapper_and_one_on_what_it_wraps() -> None:
    def program(library: Any, s: Any) -> list[float]:
        inner = optimizer(library)
        one, other = s.ExponentialLR(Wrapper(inner), 0.9), s.StepLR(inner, 2, 0.5)
        found = []
        for _ in range(6):
            found.append(inner.param_groups[0]["lr"])
            inner.step()
            one.step()
            other.step()
        return found

    assert_same_as_torchs(program)


# --- what a scheduler is ----------------------------------------------------------------------------------------------


def test_the_old_name_of_the_base() -> None:
    assert ours._LRScheduler is theirs._LRScheduler


@pytest.mark.parametrize("name", MAKERS)
def test_attributes_are_torchs(name: str) -> None:
    mine, yours = (MAKERS[name](s, optimizer(library)) for library, s in reversed(LIBRARIES))
    assert vars(mine).keys() - {*SCHEDULER_FLAGS} == vars(yours).keys() - {*SCHEDULER_FLAGS}
    other = MAKERS[name](ours, optimizer(steepest))
    rates(mine, 3)
    other.load_state_dict(copy.deepcopy(mine.state_dict()))
    for key, value in vars(mine).items():
        if key not in ("optimizer", "lr_lambdas", "_schedulers", "_scale_fn_ref"):
            assert vars(other)[key] == value, key


@pytest.mark.parametrize("name", MAKERS)
def test_freed_without_the_collector(name: str) -> None:
    def made() -> list[Any]:
        sgd = optimizer(steepest)
        scheduler = MAKERS[name](ours, sgd)
        rates(scheduler, 3)
        return [weakref.ref(one) for one in (sgd, scheduler, sgd.param_groups[0]["params"][0])]

    gc.collect()
    gc.disable()
    try:
        alive = [one() for one in made()]
    finally:
        gc.enable()
    assert alive == [None, None, None]


@pytest.mark.parametrize("inner", ["foreign first", "foreign last"])
def test_a_sequence_with_a_foreign_one_within_another(inner: str) -> None:
    """torch raises at the second milestone; each begins anew where its turn comes."""
    sgd = optimizer(steepest)
    parts = [InverseSquareRoot(sgd), ours.StepLR(sgd, 1, 0.5)]
    within = ours.SequentialLR(sgd, parts if inner == "foreign first" else parts[::-1], milestones=[2])
    found = rates(ours.SequentialLR(sgd, [ours.ConstantLR(sgd, 0.1, 9), within], milestones=[3]), 8)
    root, halved = [0.1, 0.1 / math.sqrt(2), 0.1 / math.sqrt(3)], [0.1, 0.05, 0.025]
    first, last = (root, halved) if inner == "foreign first" else (halved, root)
    assert found == pytest.approx([*[0.01] * 3, *first[:2], *last], rel=1e-12)


@pytest.mark.parametrize("foreign", [True, False])
def test_a_sequence_that_begins_with_another(foreign: bool) -> None:
    sgd = optimizer(steepest)
    first = InverseSquareRoot(sgd) if foreign else ours.ExponentialLR(sgd, 0.5)
    within = ours.SequentialLR(sgd, [first, ours.ConstantLR(sgd, 0.1, 9)], milestones=[2])
    found = rates(ours.SequentialLR(sgd, [within, InverseSquareRoot(sgd)], milestones=[3]), 5)
    begun = [0.1, 0.1 / math.sqrt(2)] if foreign else [0.1, 0.05]
    assert found == pytest.approx([*begun, 0.01, 0.1, 0.1 / math.sqrt(2)], rel=1e-12)
