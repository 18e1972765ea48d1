"""Schedules for hyperparameters of optimizers: each step is taken with what they say, a resumed run goes on."""

import copy
import io
import math
import pickle
from typing import Any

import pytest
import torch

import steepest
from steepest.kernels.cpu import native
from steepest.schedules import Schedule, constant, cosine, linear, warmup
from support.nets import loss_of, net, train

P = torch.nn.Parameter
RATE = warmup(3).then(cosine(0.1, 8))


def gradient(step: int) -> torch.Tensor:
    return torch.linspace(-1.0, 2.0, 5) + step


def at(step: int, value: Any) -> Any:
    """A number or several, with schedules among them, at one step."""
    if isinstance(value, tuple):
        return tuple(at(step, one) for one in value)
    return value(step) if isinstance(value, Schedule) else value


def stepped(optimizer, steps, first: int = 0) -> list[float]:
    """The rates of steps along gradients that differ."""
    rates = []
    for step in range(first, first + steps):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = gradient(step)
        optimizer.step()
        rates.append(optimizer.param_groups[0]["lr"])
    return rates


OPTIMIZERS: dict[str, dict[str, Any]] = {
    "SGD": {"momentum": constant(0.9), "weight_decay": linear(0.1, 0.0, 6)},
    "Adam": {"betas": (0.9, linear(0.99, 0.999, 5)), "eps": linear(1e-3, 1e-8, 4)},
    "AdamW": {"weight_decay": linear(0.1, 0.01, 6)},
    "RMSprop": {"alpha": linear(0.9, 0.99, 6), "momentum": linear(0.1, 0.9, 6)},
    "Adafactor": {"weight_decay": linear(0.1, 0.0, 6)},
    "Rprop": {"etas": (linear(0.3, 0.5, 5), 1.2)},
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_each_step_is_torchs_with_the_numbers_of_that_step(name):
    options = {"lr": RATE, **OPTIMIZERS[name]}
    p, q = P(torch.ones(5)), P(torch.ones(5))
    ours = getattr(steepest, name)([p], **options)
    theirs = getattr(torch.optim, name)([q], lr=0.1)
    for step in range(10):
        for option, value in options.items():
            theirs.param_groups[0][option] = at(step, value)
        p.grad, q.grad = gradient(step), gradient(step)
        ours.step()
        theirs.step()
        for option in options:
            assert ours.param_groups[0][option] == theirs.param_groups[0][option]
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)


def test_the_group_holds_what_the_last_step_was_taken_with():
    optimizer = steepest.SGD([P(torch.ones(5))], lr=RATE)
    assert optimizer.param_groups[0]["lr"] == RATE(0)
    assert stepped(optimizer, 12) == [RATE(step) for step in range(12)]


def test_groups_have_their_own_or_that_of_all():
    p, q, r = (P(torch.ones(5)) for _ in range(3))
    optimizer = steepest.SGD([{"params": [p]}, {"params": [q], "lr": linear(1, 0, 4)}], lr=RATE)
    optimizer.add_param_group({"params": [r], "lr": 0.25})
    for step in range(3):
        stepped(optimizer, 1)
        assert [group["lr"] for group in optimizer.param_groups] == [RATE(step), 1 - step / 4, 0.25]


def test_a_group_with_a_number_keeps_it_through_a_checkpoint():
    groups = [{"params": [P(torch.ones(5))]}, {"params": [P(torch.ones(5))], "lr": 0.25}]
    optimizer = steepest.SGD(groups, lr=RATE)
    stepped(optimizer, 2)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    stepped(optimizer, 1)
    assert [group["lr"] for group in optimizer.param_groups] == [RATE(2), 0.25]


def through_a_file(saved):
    file = io.BytesIO()
    torch.save(saved, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_resumed_run_needs_no_second_object(name):
    options = {"lr": RATE, **OPTIMIZERS[name]}
    p = P(torch.ones(5))
    straight = getattr(steepest, name)([p], **options)
    expected = stepped(straight, 9)
    q = P(torch.ones(5))
    first = getattr(steepest, name)([q], **options)
    found = stepped(first, 4)
    second = getattr(steepest, name)([q], **options)
    second.load_state_dict(through_a_file(first.state_dict()))
    assert found + stepped(second, 5, first=4) == expected
    assert torch.equal(p, q)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["copied", "pickled"])
def test_a_copy_goes_on(copied):
    optimizer = steepest.Adam([P(torch.ones(5))], lr=RATE)
    stepped(optimizer, 4)
    another = copied(optimizer)
    assert stepped(another, 3, first=4) == stepped(optimizer, 3, first=4) == [RATE(step) for step in (4, 5, 6)]


def test_a_checkpoint_of_torchs_says_by_its_step_count_where_to_go_on():
    p = P(torch.ones(5))
    theirs = torch.optim.Adam([p], lr=0.1)
    for step in range(4):
        p.grad = gradient(step)
        theirs.step()
    optimizer = steepest.Adam([p], lr=RATE)
    optimizer.load_state_dict(theirs.state_dict())
    assert stepped(optimizer, 2, first=4) == [RATE(4), RATE(5)]


def test_torch_takes_up_our_checkpoint():
    p = P(torch.ones(5))
    optimizer = steepest.Adam([p], lr=RATE)
    stepped(optimizer, 4)
    theirs = torch.optim.Adam([p])
    theirs.load_state_dict(through_a_file(optimizer.state_dict()))
    assert theirs.param_groups[0]["lr"] == RATE(3)
    assert "schedules" not in theirs.param_groups[0]


def test_a_rate_that_is_a_tensor_stays_one():
    optimizer = steepest.SGD([P(torch.ones(5))], lr=RATE)
    rate = torch.tensor(0.0, dtype=torch.float64)
    optimizer.param_groups[0]["lr"] = rate
    stepped(optimizer, 5)
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == RATE(4)


def test_a_step_that_failed_is_not_counted():
    p = P(torch.ones(5))
    optimizer = steepest.SGD([p], lr=RATE)
    stepped(optimizer, 1)
    p.data = torch.ones(4)
    with pytest.raises(RuntimeError, match="resized"):
        optimizer.step()
    p.data = torch.ones(5)
    assert stepped(optimizer, 2) == [RATE(1), RATE(2)]


def test_no_rate_compiles_anything():
    optimizer = steepest.AdamW([P(torch.ones(5))], lr=RATE, weight_decay=linear(0.1, 0.01, 9))
    stepped(optimizer, 12)  # after ten steps the look at the tensors is compiled, once on a machine
    before = native.compilations
    stepped(optimizer, 20)
    assert native.compilations == before


REFUSED = [
    ({"amsgrad": constant(1)}, TypeError, "a schedule for 'amsgrad', which is not a number but a choice"),
    ({"foreach": constant(1)}, TypeError, "a schedule for 'foreach'"),
    ({"lr": linear(0.1, -0.1, 10)}, ValueError, "Invalid learning rate: -0.1"),
    ({"betas": (0.9, linear(0.99, 1.0, 5))}, ValueError, "Invalid beta parameter at index 1: 1.0"),
    ({"betas": constant(0.9)}, ValueError, "betas must be 2 numbers"),
]


@pytest.mark.parametrize(("options", "kind", "words"), REFUSED, ids=lambda value: str(value)[:30])
def test_what_cannot_work_is_refused(options, kind, words):
    with pytest.raises(kind, match=words):
        steepest.AdamW([P(torch.ones(5))], **options)
    with pytest.raises(TypeError, match="a schedule for 'nesterov'"):
        steepest.SGD([{"params": [P(torch.ones(5))], "nesterov": constant(1)}])


# --- steps that are skipped -------------------------------------------------------------------------------------------


def scaled_run(optimizer_of, infinite: set[int], steps: int = 6):
    """A run under GradScaler, with gradients that are infinite at some steps; what is seen after each."""
    model = net()
    optimizer = optimizer_of(model.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
    seen = []
    for step in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model)
        scaler.scale(loss * (math.inf if step in infinite else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        seen.append((optimizer.last_step_skipped, optimizer.param_groups[0]["lr"]))
    return seen


def test_a_skipped_step_advances_no_schedule():
    seen = scaled_run(lambda ps: steepest.SGD(ps, lr=linear(0.1, 0.0, 10)), infinite={0, 2, 3})
    assert [skipped for skipped, _ in seen] == [True, False, True, True, False, False]
    assert [rate for _, rate in seen] == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.09, 0.08])


def test_a_step_that_was_taken_was_not_skipped():
    model = net()
    optimizer = steepest.SGD(model.parameters(), lr=0.01)
    assert not optimizer.last_step_skipped
    train(model, optimizer, 2)
    assert not optimizer.last_step_skipped
    optimizer.zero_grad()
    assert not optimizer.last_step_skipped


# --- LBFGS ------------------------------------------------------------------------------------------------------------


def test_lbfgs_takes_its_first_steps_with_the_rate_of_each():
    """Half the square: one iteration makes x (1 - lr) of x, first along -g (|g| < 1), then along Newton's direction."""
    p = P(torch.tensor([0.5], dtype=torch.float64))
    optimizer = steepest.LBFGS([p], lr=linear(0.5, 0.25, 2), max_iter=1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = 0.5 * p.square().sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    assert p.item() == pytest.approx(0.25)
    saved = through_a_file(optimizer.state_dict())
    assert saved["param_groups"][0]["schedule_step"] == 1
    another = steepest.LBFGS([p], lr=linear(0.5, 0.25, 2), max_iter=1)
    another.load_state_dict(saved)
    another.step(closure)
    assert another.param_groups[0]["lr"] == 0.375
    assert p.item() == pytest.approx(0.25 * (1 - 0.375))


def test_lbfgs_has_no_schedule_of_its_history():
    options: dict[str, Any] = {"history_size": constant(3)}
    with pytest.raises(TypeError, match="a schedule for 'history_size'"):
        steepest.LBFGS([P(torch.ones(2))], **options)


def test_gradients_without_values_are_no_reason_to_stop():
    p = P(torch.ones(3, device="meta"))
    optimizer = steepest.SGD([p], lr=0.1)
    p.grad = torch.ones(3, device="meta")
    optimizer.zero_grad(set_to_none=False)
    optimizer.zero_grad(set_to_none=False)
    assert not optimizer.last_step_skipped


def test_a_sparse_gradient_can_be_infinite():
    p = P(torch.ones(3, 2))
    optimizer = steepest.SGD([p], lr=0.1)
    p.grad = torch.sparse_coo_tensor(
        torch.tensor([[1]]), torch.tensor([[1.0, math.inf]]), (3, 2), check_invariants=True
    )
    assert optimizer.last_step_skipped
