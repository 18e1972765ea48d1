"""A rate that is a schedule, among those who read and write `group["lr"]`: a step is taken with what they wrote."""

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.distributed.checkpoint import state_dict as dcp
from torch.optim import lr_scheduler, swa_utils

import steepest
from steepest.schedules import constant, cosine, linear, warmup

P = nn.Parameter


def optimizer(lr: Any, **options: Any) -> Any:
    p = P(torch.zeros(1, dtype=torch.float64))
    p.grad = torch.ones_like(p)
    return steepest.SGD([p], lr=lr, **options)


def used(sgd: Any) -> float:
    """The rate of one step, as the parameter shows it: the gradient is 1."""
    p = sgd.param_groups[0]["params"][0]
    before = p.item()
    sgd.step()
    assert before - p.item() == pytest.approx(float(sgd.param_groups[0]["lr"]), rel=1e-12)
    return before - p.item()


@pytest.fixture
def told():
    """The warnings that name the schedule."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        yield lambda: [one for one in found if "is a schedule" in str(one.message)]


def test_a_plateau_takes_effect(told) -> None:
    sgd = optimizer(constant(0.1))
    plateau = lr_scheduler.ReduceLROnPlateau(sgd, patience=0, factor=0.1)
    found = []
    for _ in range(4):
        found.append(used(sgd))
        plateau.step(1.0)
    assert [*found, used(sgd)] == pytest.approx([0.1, 0.1, 0.01, 0.001, 1e-4])
    assert "somebody else wrote 0.01 into its parameter group" in str(told()[0].message)


def test_a_change_by_hand_goes_on_in_proportion(told) -> None:
    sgd = optimizer(linear(1.0, 0.0, 10))
    assert [used(sgd) for _ in range(3)] == pytest.approx([1.0, 0.9, 0.8])
    sgd.param_groups[0]["lr"] = 0.35
    assert [used(sgd) for _ in range(4)] == pytest.approx([0.35, 0.3, 0.25, 0.2])
    assert len(told()) == 1


WRITERS: dict[str, Callable[[Any], Any]] = {
    "lambda": lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1 / (1 + epoch)),
    "one cycle": lambda o: lr_scheduler.OneCycleLR(o, 1.0, total_steps=9, cycle_momentum=False),
    "averaging": lambda o: swa_utils.SWALR(o, swa_lr=0.3, anneal_epochs=4),
    "constant": lambda o: lr_scheduler.LambdaLR(o, lambda _: 1.0),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_scheduler_that_writes_every_step_sets_the_rate(name: str, told) -> None:
    """And what it logs is what was used."""
    sgd = optimizer(cosine(0.5, 9))
    scheduler = WRITERS[name](sgd)
    for _ in range(6):
        logged = scheduler.get_last_lr()[0]
        assert used(sgd) == pytest.approx(logged, rel=1e-12)
        scheduler.step()
    assert told()


def test_a_rate_that_is_0_all_run_is_told_of(told) -> None:
    """As Trainer does, which multiplies the first rate of a warmup, 0."""
    sgd = optimizer(warmup(5).then(constant(0.1)))
    scheduler = lr_scheduler.LambdaLR(sgd, lambda _: 1.0)
    for _ in range(3):
        assert used(sgd) == 0.0
        scheduler.step()
    assert "Steps with it change nothing." in str(told()[-1].message)


def test_what_is_not_the_rate_takes_effect_too(told) -> None:
    sgd = optimizer(0.1, momentum=linear(0.5, 0.9, 4))
    used(sgd)
    sgd.param_groups[0]["momentum"] = 0.0
    used(sgd)
    assert used(sgd) == pytest.approx(0.1)  # the buffer was forgotten, so this is the gradient alone


def test_one_of_several_numbers(told) -> None:
    adam = steepest.Adam([P(torch.zeros(2))], betas=(linear(0.9, 0.5, 4), 0.99))
    adam.param_groups[0]["params"][0].grad = torch.ones(2)
    adam.step()
    adam.param_groups[0]["betas"] = (0.4, 0.95)
    adam.step()
    assert adam.param_groups[0]["betas"] == (0.4, 0.95)
    adam.step()
    assert adam.param_groups[0]["betas"] == (pytest.approx(0.4 * 0.7 / 0.8), 0.95)
    assert "'betas'[0] of this Adam is a schedule" in str(told()[0].message)


def test_nobody_is_told_of_what_nobody_wrote(told) -> None:
    sgd = optimizer(cosine(0.5, 9))
    for _ in range(3):
        rate, sgd.param_groups[0]["lr"] = sgd.param_groups[0]["lr"], 0.0
        sgd.param_groups[0]["lr"] = rate
        sgd.load_state_dict(copy.deepcopy(sgd.state_dict()))
        used(sgd)
    assert not told()


# --- checkpoints ------------------------------------------------------------------------------------------------------


def test_a_factor_is_there_after_a_resume(told) -> None:
    sgd = optimizer(linear(1.0, 0.0, 10))
    used(sgd)
    sgd.param_groups[0]["lr"] = 0.45
    assert used(sgd) == pytest.approx(0.45)
    saved = copy.deepcopy(sgd.state_dict())
    assert saved["param_groups"][0]["schedule_factors"] == [pytest.approx(0.5)]
    resumed = optimizer(linear(1.0, 0.0, 10))
    resumed.load_state_dict(saved)
    assert [used(resumed) for _ in range(2)] == pytest.approx([0.4, 0.35])


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("name", ["AdamW", "SGD", "NAdam", "Muon"])
def test_reading_the_state_moves_nothing(name: str, flat: bool, told) -> None:
    model = nn.Linear(3, 2, bias=False)
    before = model.weight.detach().clone()
    ours = getattr(steepest, name)(model.parameters(), lr=linear(0.1, 0.0, 10), weight_decay=0.5)
    options = dcp.StateDictOptions(flatten_optimizer_state_dict=flat)
    dcp.get_optimizer_state_dict(model, ours, options=options)
    assert torch.equal(model.weight, before)
    for _ in range(3):
        model(torch.ones(3)).sum().backward()
        ours.step()
    saved = copy.deepcopy(dcp.get_optimizer_state_dict(model, ours, options=options))
    rate = ours.param_groups[0]["lr"]
    model.zero_grad()  # torch makes no state where there are gradients, and unflattens what there is
    resumed = getattr(steepest, name)(model.parameters(), lr=linear(0.1, 0.0, 10), weight_decay=0.5)
    dcp.set_optimizer_state_dict(model, resumed, saved, options=options)
    model(torch.ones(3)).sum().backward()
    resumed.step()
    assert rate == pytest.approx(0.07)  # torch counts the step that made the state
    assert resumed.param_groups[0]["lr"] == pytest.approx(0.06)
    assert not told()


@pytest.mark.parametrize("name", ["AdamW", "NAdam", "RAdam"])
def test_groups_that_are_saved_have_torchs_keys(name: str) -> None:
    """Where the state counts the steps: a flat checkpoint of torch's has what ours is asked for."""
    p = P(torch.ones(2))
    ours, theirs = (getattr(library, name)([p], **options) for library, options in LIBRARIES)
    for _ in range(2):
        p.grad = torch.ones(2)
        ours.step()
        theirs.step()
    keys = [set(one.state_dict()["param_groups"][0]) for one in (ours, theirs)]
    assert keys[0] == keys[1]


LIBRARIES: list[tuple[Any, dict[str, Any]]] = [(steepest, {"lr": cosine(0.1, 9)}), (torch.optim, {})]


# --- optimizers that are made from others -----------------------------------------------------------------------------


def test_an_optimizer_that_is_built_from_the_groups_of_another_goes_on() -> None:
    """As horovod does."""
    first = optimizer(linear(1.0, 0.0, 10))
    assert [used(first) for _ in range(3)] == pytest.approx([1.0, 0.9, 0.8])
    rebuilt = type(first)(first.param_groups)
    assert [used(rebuilt) for _ in range(2)] == pytest.approx([0.7, 0.6])
    assert rebuilt.schedules == first.schedules == [{"lr": linear(1.0, 0.0, 10)}]


def test_a_group_that_is_copied_goes_on() -> None:
    sgd = optimizer(linear(1.0, 0.0, 10))
    used(sgd)
    sgd.param_groups[0] = {**sgd.param_groups[0], "note": "mine"}
    assert [used(sgd) for _ in range(2)] == pytest.approx([0.9, 0.8])


def test_the_rate_of_another_optimizer_is_a_number() -> None:
    first = optimizer(linear(1.0, 0.0, 10))
    used(first)
    second = optimizer(first.param_groups[0]["lr"])
    assert [used(second) for _ in range(2)] == [1.0, 1.0]
    assert second.schedules == [{}]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["copied", "pickled"])
def test_a_copy_whose_rate_is_a_tensor_goes_on(copied) -> None:
    sgd = optimizer(linear(1.0, 0.0, 10))
    sgd.param_groups[0]["lr"] = torch.tensor(1.0, dtype=torch.float64)
    used(sgd)
    another = copied(sgd)
    another.param_groups[0]["params"][0].grad = torch.ones(1, dtype=torch.float64)
    assert used(another) == pytest.approx(0.9)
    assert used(sgd) == pytest.approx(0.9)


def test_a_group_that_is_gone_is_not_kept() -> None:
    sgd = optimizer(constant(0.1))
    q = P(torch.ones(1))
    q.grad = torch.ones(1)
    sgd.add_param_group({"params": [q]})
    used(sgd)
    sgd.param_groups.pop()
    used(sgd)
    assert len(sgd._by_group) == 1


def test_a_state_that_was_read_in_place_tells_the_step() -> None:
    """As distributed checkpoints are read: the step counts of a fresh optimizer are written over."""
    p = P(torch.zeros(1))
    adam = steepest.Adam([p], lr=linear(1.0, 0.0, 10))
    p.grad = torch.ones(1)
    adam.step()
    adam.state[p]["step"].fill_(4)
    other = steepest.Adam([p], lr=linear(1.0, 0.0, 10))
    other.load_state_dict(adam.state_dict())
    assert other.param_groups[0]["lr"] == pytest.approx(0.6)
