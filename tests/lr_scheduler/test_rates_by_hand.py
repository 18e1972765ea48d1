"""Programs that write the rate themselves beside a scheduler: what torch's schedulers make of it, ours do too."""

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import steepest
from steepest import lr_scheduler as ours
from support.schedulers import MAKERS, assert_same_as_torchs, optimizer, rates

OTHERS: dict[str, Callable[[Any, Any], Any]] = {
    "CosineAnnealingLR to 0": lambda s, o: s.CosineAnnealingLR(o, 25),
    "CosineAnnealingLR of a fraction": lambda s, o: s.CosineAnnealingLR(o, 4.5, 0.01),
    "LinearLR to 0": lambda s, o: s.LinearLR(o, 1.0, 0.0, total_iters=4),
    "PolynomialLR to 0": lambda s, o: s.PolynomialLR(o, 4),
    "a sequence of three": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, total_iters=3), s.CosineAnnealingLR(o, 3, 0.01), s.StepLR(o, 2, 0.5)], [3, 11]
    ),
    "a sequence that goes on": lambda s, o: s.SequentialLR(
        o, [s.ExponentialLR(o, 0.5), s.MultiplicativeLR(o, lambda epoch: 0.9)], [3]
    ),
}
FROM_THE_EPOCH = ["LambdaLR", "WarmRestarts", "CyclicLR", "OneCycleLR"]


def halved_once(step: int, group: dict[str, Any], before: bool) -> None:
    if before and step == 5:
        group["lr"] *= 0.5


def warmed_up(step: int, group: dict[str, Any], before: bool) -> None:
    """As YOLO's trainers do: a hand leads the rate for some batches, whatever the scheduler has said."""
    if before and step < 7:
        group["lr"] = float(np.interp(step, [0, 7], [0.001, 0.13]))


def never_under(step: int, group: dict[str, Any], before: bool) -> None:
    """A lowest rate, set after each step of the scheduler: it must not be a factor when the rate goes up again."""
    if not before:
        group["lr"] = max(group["lr"], 0.03)


HANDS: dict[str, Callable[[int, dict[str, Any], bool], None]] = {
    "halved once": halved_once,
    "warmed up": warmed_up,
    "never under": never_under,
}


def led(scheduler: Any, hand: Callable[[int, dict[str, Any], bool], None], steps: range) -> list[float]:
    sgd, found = scheduler.optimizer, []
    for step in steps:
        for group in sgd.param_groups:
            hand(step, group, True)
        found += [float(group["lr"]) for group in sgd.param_groups]
        sgd.step()
        scheduler.step()
        for group in sgd.param_groups:
            hand(step, group, False)
    return found


@pytest.mark.parametrize("hand", HANDS)
@pytest.mark.parametrize("name", MAKERS | OTHERS)
def test_a_hand_beside_a_scheduler(name: str, hand: str) -> None:
    def program(library: Any, s: Any) -> list[float]:
        return led((MAKERS | OTHERS)[name](s, optimizer(library, groups=2)), HANDS[hand], range(20))

    assert_same_as_torchs(program)


@pytest.mark.parametrize("at", [3, 5, 7, 11])
@pytest.mark.parametrize("name", MAKERS | OTHERS)
def test_a_hand_before_a_resume(name: str, at: int) -> None:
    def program(library: Any, s: Any) -> list[float]:
        first = (MAKERS | OTHERS)[name](s, optimizer(library))
        found = led(first, halved_once, range(at))
        first.optimizer.param_groups[0]["lr"] = 0.07
        second = (MAKERS | OTHERS)[name](s, optimizer(library))
        second.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
        second.load_state_dict(copy.deepcopy(first.state_dict()))
        return found + led(second, lambda *_: None, range(at, 25))

    assert_same_as_torchs(program)


@pytest.mark.parametrize("name", [name for name in MAKERS if name not in ("CyclicLR", "OneCycleLR")])
def test_a_hand_beside_a_rate_of_0(name: str) -> None:
    """Nothing is a multiple of 0: the scheduler goes on from what a hand has set."""

    def program(library: Any, s: Any) -> list[float]:
        scheduler = MAKERS[name](s, optimizer(library, lr=0.0))
        found = rates(scheduler, 2)
        scheduler.optimizer.param_groups[0]["lr"] = 0.2
        return found + rates(scheduler, 20)

    assert_same_as_torchs(program)


@pytest.mark.parametrize("hand", HANDS)
def test_a_hand_beside_a_chain_of_which_one_is_a_function_of_the_epoch(hand: str) -> None:
    def program(library: Any, s: Any) -> list[float]:
        sgd = optimizer(library)
        parts = [MAKERS["LambdaLR"](s, sgd), s.StepLR(sgd, 30, 0.5)]
        return led(s.ChainedScheduler(parts), HANDS[hand], range(20))

    assert_same_as_torchs(program)


@pytest.mark.parametrize("resumed", [False, True], ids=["", "resumed"])
@pytest.mark.parametrize("name", FROM_THE_EPOCH)
def test_what_a_plateau_did_stays(name: str, resumed: bool) -> None:
    """torch's scheduler sets the rate anew, as if the plateau had not been there."""

    def made() -> tuple[Any, Any]:
        sgd = optimizer(steepest)
        return MAKERS[name](ours, sgd), ours.ReduceLROnPlateau(sgd, factor=0.5, patience=0)

    straight = led(MAKERS[name](ours, optimizer(steepest)), lambda *_: None, range(12))
    scheduler, plateau = made()
    found = led(scheduler, lambda *_: None, range(5))
    plateau.step(1.0)
    plateau.step(1.0)
    if resumed:
        states = [copy.deepcopy(one.state_dict()) for one in (scheduler.optimizer, scheduler, plateau)]
        scheduler, plateau = made()
        for one, state in zip((scheduler.optimizer, scheduler, plateau), states, strict=True):
            one.load_state_dict(state)
    found += led(scheduler, lambda *_: None, range(5, 12))
    assert found == pytest.approx(straight[:5] + [0.5 * rate for rate in straight[5:]], rel=1e-12)


# --- a cycle that is begun anew ---------------------------------------------------------------------------------------

WRITTEN: dict[str, dict[str, Any]] = {
    "a restart": {"T_cur": 0},
    "later in the cycle": {"T_cur": 2},
    "a longer cycle": {"T_i": 9},
    "another cycle": {"T_cur": 0, "T_i": 3},
    "what a restart would have read": {"T_0": 7},
    "the epoch": {"last_epoch": 0},
    "T_mult": {"T_mult": 3},
}


@pytest.mark.parametrize("resumed", [False, True], ids=["", "resumed"])
@pytest.mark.parametrize("given", [None, 7, 11.5], ids=["", "an epoch", "a fraction"])
@pytest.mark.parametrize("factor", [1, 2])
@pytest.mark.parametrize("what", WRITTEN)
def test_where_a_cycle_is(what: str, factor: int, given: float | None, resumed: bool) -> None:
    if given is not None and factor == 1 and WRITTEN[what].keys() & {"T_i", "T_0"}:
        pytest.skip("torch counts the cycles of a given epoch by T_0 and draws them with T_i; here both are T_0")

    def program(library: Any, s: Any) -> list[float]:
        scheduler = s.CosineAnnealingWarmRestarts(optimizer(library), 4, factor)
        found = rates(scheduler, 9)
        for name, value in WRITTEN[what].items():
            setattr(scheduler, name, value)
        found += rates(scheduler, 3)
        if resumed:
            first, scheduler = scheduler, s.CosineAnnealingWarmRestarts(optimizer(library), 4, factor)
            scheduler.optimizer.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
            scheduler.load_state_dict(copy.deepcopy(first.state_dict()))
        if given is not None:
            scheduler.step(given)
        return found + rates(scheduler, 20)

    assert_same_as_torchs(program)
