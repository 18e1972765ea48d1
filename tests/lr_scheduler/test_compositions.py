"""Where torch is wrong (V13 to V16): the right rates, derived here; and what any composition must do."""

import copy
import gc
import math
import pickle
import warnings
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.optim import lr_scheduler as theirs

import steepest
from steepest import lr_scheduler as ours
from steepest.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    OneCycleLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)
from steepest.schedules import cosine

P = torch.nn.Parameter


def optimizer(lr: float = 0.1, library: Any = steepest) -> Any:
    return library.SGD([P(torch.zeros(3))], lr=lr, momentum=0.9)


def rates(scheduler: Any, steps: int) -> list[float]:
    found = []
    for _ in range(steps):
        found.append(scheduler.optimizer.param_groups[0]["lr"])
        scheduler.optimizer.step()
        scheduler.step()
    return found


# --- V13: chains ------------------------------------------------------------------------------------------------------

PARTS = {
    "restarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 5),
    "milestones": lambda s, o: s.MultiStepLR(o, [4, 8], gamma=0.1),
}


def product(epoch: int) -> float:
    """What both say, by their own definitions."""
    return 0.1 * (1 + math.cos(math.pi * (epoch % 5) / 5)) / 2 * 0.1 ** ((epoch >= 4) + (epoch >= 8))


@pytest.mark.parametrize("order", [["restarts", "milestones"], ["milestones", "restarts"]])
def test_a_chain_is_the_product_of_its_parts_in_any_order(order):
    sgd = optimizer()
    found = rates(ChainedScheduler([PARTS[name](ours, sgd) for name in order]), 12)
    assert found == pytest.approx([product(epoch) for epoch in range(12)], rel=1e-12, abs=1e-16)


def test_torchs_chain_depends_on_the_order():
    found = []
    for order in (["restarts", "milestones"], ["milestones", "restarts"]):
        sgd = optimizer(library=torch.optim)
        found.append(rates(theirs.ChainedScheduler([PARTS[name](theirs, sgd) for name in order]), 12))
    assert found[0] != pytest.approx(found[1], rel=1e-3)


def test_schedulers_that_are_stepped_one_by_one_multiply_too():
    sgd = optimizer()
    schedulers = [PARTS[name](ours, sgd) for name in PARTS]
    for epoch in range(12):
        assert sgd.param_groups[0]["lr"] == pytest.approx(product(epoch), rel=1e-12, abs=1e-16)
        sgd.step()
        for scheduler in schedulers if epoch % 2 else reversed(schedulers):
            scheduler.step()


# --- V14: sequences that go on ----------------------------------------------------------------------------------------


def warmed(s: Any, o: Any, **k: Any) -> Any:
    return s.SequentialLR(o, [s.LinearLR(o, 0.125, total_iters=8), s.ExponentialLR(o, 0.9)], milestones=[8], **k)


def by_hand(epoch: int) -> float:
    return 0.1 * (0.125 + 0.875 * epoch / 8 if epoch < 8 else 0.9 ** (epoch - 8))


@pytest.mark.parametrize("stop", [3, 5, 8, 11])
def test_a_sequence_rebuilt_with_last_epoch(stop):
    first = warmed(ours, optimizer())
    rates(first, stop)
    saved = copy.deepcopy(first.optimizer.state_dict())
    second = optimizer()
    second.load_state_dict(saved)
    scheduler = warmed(ours, second, last_epoch=stop - 1)
    assert rates(scheduler, 9) == pytest.approx([by_hand(epoch) for epoch in range(stop, stop + 9)], rel=1e-12)


def test_torchs_sequence_rebuilt_with_last_epoch_is_wrong():
    first = warmed(theirs, optimizer())
    rates(first, 5)
    second = optimizer()
    second.load_state_dict(copy.deepcopy(first.optimizer.state_dict()))
    found = rates(warmed(theirs, second, last_epoch=4), 9)
    assert found != pytest.approx([by_hand(epoch) for epoch in range(5, 14)], rel=1e-2)


@pytest.mark.parametrize("make", [warmed, lambda s, o: s.LinearLR(o, 0.125, total_iters=8)], ids=["sequence", "linear"])
def test_built_after_the_optimizer_was_loaded(make):
    """torch's LinearLR multiplies the loaded rate by 1/8."""
    straight = rates(make(ours, optimizer()), 14)
    first = make(ours, optimizer())
    rates(first, 6)
    saved, state = copy.deepcopy(first.optimizer.state_dict()), copy.deepcopy(first.state_dict())
    second = optimizer()
    second.load_state_dict(saved)
    scheduler = make(ours, second)
    scheduler.load_state_dict(state)
    assert rates(scheduler, 8) == pytest.approx(straight[6:], rel=1e-12)


# --- V15: nests -------------------------------------------------------------------------------------------------------


def test_a_nested_sequence_is_the_direct_one():
    one = optimizer()
    inner = SequentialLR(one, [LinearLR(one, 0.5, total_iters=3), ConstantLR(one, 0.7, 4)], milestones=[3])
    nested = SequentialLR(one, [inner, ExponentialLR(one, 0.9)], milestones=[6])
    other = optimizer()
    parts = [LinearLR(other, 0.5, total_iters=3), ConstantLR(other, 0.7, 4), ExponentialLR(other, 0.9)]
    direct = SequentialLR(other, parts, milestones=[3, 6])
    line = [0.05 + 0.05 * epoch / 3 for epoch in range(3)]
    expected = [*line, *[0.07] * 3, *(0.1 * 0.9**epoch for epoch in range(6))]
    assert rates(nested, 12) == pytest.approx(expected, rel=1e-12)
    assert rates(direct, 12) == pytest.approx(expected, rel=1e-12)


def test_a_chain_within_a_sequence_and_a_sequence_within_a_chain():
    one = optimizer()
    chain = ChainedScheduler([StepLR(one, 2, 0.5), ExponentialLR(one, 0.9)])
    sequence = SequentialLR(one, [ConstantLR(one, 0.1, 9), chain], milestones=[3])
    expected = [0.01] * 3 + [0.1 * 0.5 ** (epoch // 2) * 0.9**epoch for epoch in range(6)]
    assert rates(sequence, 9) == pytest.approx(expected, rel=1e-12)
    other = optimizer()
    inner = SequentialLR(other, [ConstantLR(other, 0.1, 9), StepLR(other, 2, 0.5)], milestones=[3])
    chained = ChainedScheduler([inner, ExponentialLR(other, 0.9)])
    expected = [(0.01 if epoch < 3 else 0.1 * 0.5 ** ((epoch - 3) // 2)) * 0.9**epoch for epoch in range(9)]
    assert rates(chained, 9) == pytest.approx(expected, rel=1e-12)


def test_a_momentum_that_is_cycled_within_a_sequence():
    sgd = optimizer()
    parts = [ConstantLR(sgd, 0.5, 9), OneCycleLR(sgd, 0.2, 20, max_momentum=0.95, base_momentum=0.85)]
    sequence = SequentialLR(sgd, parts, milestones=[3])
    rates(sequence, 3 + 5)
    assert sgd.param_groups[0]["momentum"] == pytest.approx(0.85)  # at 0.3 * 20 - 1 = 5 it is at the peak
    assert sgd.param_groups[0]["lr"] == pytest.approx(0.2)


# --- V16: steps that were skipped -------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", [steepest, torch.optim], ids=["ours", "torch's"])
@pytest.mark.parametrize("clears", ["before backward", "after the step"])
@pytest.mark.parametrize("fused", [False, True])
def test_a_step_that_the_scaler_left_out_advances_nothing_and_warns_of_nothing(library, clears, fused):
    if library is torch.optim and clears == "after the step" and not fused:
        pytest.skip("torch's optimizers do not say what was in the gradients that were cleared")
    p = P(torch.ones(3))
    sgd = library.SGD([p], lr=0.1, fused=fused)
    scheduler = ExponentialLR(sgd, 0.5)
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    found = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for step in range(6):
            if clears == "before backward":
                sgd.zero_grad()
            scaler.scale((p * (math.inf if step in (0, 3) else 1.0)).sum()).backward()
            scaler.step(sgd)
            scaler.update()
            if clears == "after the step":
                sgd.zero_grad()
            scheduler.step()
            found.append(sgd.param_groups[0]["lr"])
    assert found == pytest.approx([0.1, 0.05, 0.025, 0.025, 0.0125, 0.00625])


def test_a_curve_can_be_drawn_without_any_step():
    scheduler = StepLR(optimizer(), 2, 0.5)
    with pytest.warns(UserWarning, match=r"before `optimizer.step\(\)`"):
        scheduler.step()
    for _ in range(3):
        scheduler.step()
    assert scheduler.last_epoch == 4
    assert scheduler.get_last_lr() == [0.025]


def test_steps_on_some_batches_only_advance_on_each():
    """Gradients that are gathered over batches are finite: the scheduler is asked at each batch, as torch's."""
    p = P(torch.ones(3))
    sgd = steepest.SGD([p], lr=1.0)
    scheduler = ExponentialLR(sgd, 0.5)
    for batch in range(6):
        p.sum().backward()
        if batch % 2 == 0:
            sgd.step()
            sgd.zero_grad()
        scheduler.step()
    assert scheduler.last_epoch == 6


# --- who else writes --------------------------------------------------------------------------------------------------


def test_a_rate_that_is_set_by_hand_is_scheduled_from_there():
    scheduler = StepLR(optimizer(), 3, 0.5)
    rates(scheduler, 4)
    scheduler.optimizer.param_groups[0]["lr"] = 1.0
    assert rates(scheduler, 6) == [1.0, 1.0, 0.5, 0.5, 0.5, 0.25]


def test_a_plateau_beside_a_schedule():
    """ReduceLROnPlateau has a state, and multiplies what is there."""
    sgd = optimizer()
    scheduler, plateau = ExponentialLR(sgd, 0.9), ReduceLROnPlateau(sgd, factor=0.5, patience=0)
    for epoch in range(6):
        assert sgd.param_groups[0]["lr"] == pytest.approx(0.1 * 0.9**epoch * 0.5 ** max(epoch - 1, 0), rel=1e-12)
        sgd.step()
        plateau.step(1.0)
        scheduler.step()


HANDED: dict[str, Any] = {
    "cosine": lambda o: CosineAnnealingLR(o, 40),
    "exponential": lambda o: ExponentialLR(o, 0.9),
    "linear": lambda o: LinearLR(o, 0.125, total_iters=9),
    "sequence": lambda o: warmed(ours, o),
    "chain": lambda o: ChainedScheduler([StepLR(o, 4, 0.5), ExponentialLR(o, 0.9)]),
}


@pytest.mark.parametrize("order", ["optimizer first", "scheduler first", "built last"])
@pytest.mark.parametrize("name", HANDED)
def test_what_was_done_by_hand_is_still_done_after_a_resume(name, order):
    """torch keeps it too: its schedulers multiply the rate that the optimizer was loaded with.

    The next part of a sequence sets its own rates, in torch too.
    """
    straight = rates(HANDED[name](optimizer()), 14)
    first = HANDED[name](optimizer())
    rates(first, 6)
    first.optimizer.param_groups[0]["lr"] *= 0.5
    saved, state = copy.deepcopy(first.optimizer.state_dict()), copy.deepcopy(first.state_dict())
    second = optimizer()
    if order == "built last":
        second.load_state_dict(saved)
    scheduler = HANDED[name](second)
    if order == "optimizer first":
        second.load_state_dict(saved)
    scheduler.load_state_dict(state)
    if order == "scheduler first":
        second.load_state_dict(saved)
    until = 8 if name == "sequence" else 14
    expected = [rate * (0.5 if epoch < until else 1.0) for epoch, rate in enumerate(straight)]
    assert rates(scheduler, 8) == pytest.approx(expected[6:], rel=1e-12)


def test_a_scheduler_that_is_made_anew_each_epoch():
    """With last_epoch it goes on; the ones before it are still a part of the rate, which does not jump."""
    sgd = optimizer()
    scheduler = StepLR(sgd, 2, 0.5)
    found = []
    for _ in range(6):
        found.append(sgd.param_groups[0]["lr"])
        sgd.step()
        scheduler.step()
        scheduler = StepLR(sgd, 2, 0.5, last_epoch=int(scheduler.last_epoch) - 1)
    assert found == pytest.approx([0.1, 0.1, 0.05, 0.05, 0.025, 0.025], rel=1e-12)


def test_a_scheduler_that_is_forgotten_leaves_its_factor():
    sgd = optimizer()
    first = ExponentialLR(sgd, 0.9)
    rates(first, 5)
    del first
    gc.collect()
    assert rates(StepLR(sgd, 2, 0.5), 4) == pytest.approx([0.1 * 0.9**5 * f for f in (1, 1, 0.5, 0.5)], rel=1e-12)


def test_a_subclass_that_says_its_rates_as_torchs_do():
    class Halving(StepLR):
        def get_lr(self):
            return [group["lr"] / 2 for group in self.optimizer.param_groups]

    assert rates(Halving(optimizer(1.0), 5), 3) == [0.5, 0.25, 0.125]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["copied", "pickled"])
def test_schedulers_that_are_copied_with_their_optimizer_go_on(copied):
    sgd = optimizer()
    schedulers = [ExponentialLR(sgd, 0.9), StepLR(sgd, 3, 0.5)]

    def go_on(parts, first):
        for epoch in range(first, first + 5):
            expected = 0.1 * 0.9**epoch * 0.5 ** (epoch // 3)
            assert parts[0].optimizer.param_groups[0]["lr"] == pytest.approx(expected, rel=1e-12)
            parts[0].optimizer.step()
            for part in parts:
                part.step()

    go_on(schedulers, 0)
    another = copied(schedulers)
    go_on(another, 5)
    go_on(schedulers, 5)


def test_a_rate_that_is_a_schedule_already_has_no_scheduler():
    sgd = steepest.SGD([P(torch.zeros(3))], lr=cosine(0.1, 10))
    with pytest.raises(ValueError, match="The rate of this optimizer is a schedule already"):
        StepLR(sgd, 3)


# --- any composition --------------------------------------------------------------------------------------------------

FACTOR, LENGTH = st.floats(0.1, 1.0), st.integers(1, 12)
PLAIN = st.one_of(
    st.builds(lambda n, f: lambda o: StepLR(o, n, f), LENGTH, FACTOR),
    st.builds(lambda n, f: lambda o: LinearLR(o, f, total_iters=n), LENGTH, FACTOR),
    st.builds(lambda f: lambda o: ExponentialLR(o, f), FACTOR),
    st.builds(lambda n: lambda o: CosineAnnealingLR(o, n), LENGTH),
    st.builds(lambda n, m: lambda o: CosineAnnealingWarmRestarts(o, n, m), LENGTH, st.integers(1, 2)),
    st.builds(lambda n, m: lambda o: MultiStepLR(o, [n, n + m]), LENGTH, LENGTH),
    st.builds(lambda n: lambda o: LambdaLR(o, lambda e: min(e / n, 1.0)), LENGTH),
)


def composed(parts: Any) -> Any:
    return st.one_of(
        st.builds(lambda a, b, n: lambda o: SequentialLR(o, [a(o), b(o)], [n]), parts, parts, LENGTH),
        st.builds(lambda a, b: lambda o: ChainedScheduler([a(o), b(o)]), parts, parts),
    )


ANY = st.recursive(PLAIN, composed, max_leaves=4)


@settings(max_examples=60, deadline=None)
@given(ANY, st.integers(0, 20), st.booleans())
def test_restored_anywhere_any_composition_goes_on(make, stop, built_last):
    straight = rates(make(optimizer()), 30)
    first = make(optimizer())
    assert rates(first, stop) == straight[:stop]
    saved, state = copy.deepcopy(first.optimizer.state_dict()), copy.deepcopy(first.state_dict())
    second = optimizer()
    if built_last:
        second.load_state_dict(saved)
    scheduler = make(second)
    scheduler.load_state_dict(state)
    if not built_last:
        second.load_state_dict(saved)
    assert rates(scheduler, 30 - stop) == pytest.approx(straight[stop:], rel=1e-12, abs=1e-18)


@settings(max_examples=60, deadline=None)
@given(ANY, ANY)
def test_the_order_of_a_chain_does_not_matter(one, other):
    found = []
    for parts in ((one, other), (other, one)):
        sgd = optimizer()
        found.append(rates(ChainedScheduler([part(sgd) for part in parts]), 20))
    assert found[0] == pytest.approx(found[1], rel=1e-12, abs=1e-18)
