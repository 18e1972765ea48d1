"""LBFGS: checkpoints go both ways with torch, copies go on, and what does not fit is refused."""

import copy
import io
import pickle
from typing import Any

import pytest
import torch

from steepest.torch.optimizers.lbfgs import LBFGS
from support.closures import Plain, mixed, mixed_loss, train
from support.nets import assert_same_run, loss_of, net


def through_a_file(state_dict: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state_dict, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


HANDOVERS = {"state_dict": lambda d: d, "deepcopy": copy.deepcopy, "file": through_a_file}


@pytest.mark.parametrize("handover", HANDOVERS)
@pytest.mark.parametrize("order", [(torch.optim.LBFGS, LBFGS, torch.optim.LBFGS), (LBFGS, torch.optim.LBFGS, LBFGS)])
@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_three_runs_equal_one(handover, order, search):
    options = {"max_iter": 3, "history_size": 4, "line_search_fn": search}
    whole = net()
    expected = torch.optim.LBFGS(whole.parameters(), **options)
    train(whole, expected, loss_of, 9)
    model, optimizer = net(), None
    for cls in order:
        before, optimizer = optimizer, cls(model.parameters())
        if before is not None:
            optimizer.load_state_dict(HANDOVERS[handover](before.state_dict()))
        else:
            optimizer = cls(model.parameters(), **options)
        train(model, optimizer, loss_of, 3)
    assert_same_run((model, optimizer), (whole, expected), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))], ids=["copy", "pickle"]
)
def test_a_copy_goes_on_as_the_original(again):
    """torch's copy has lost its list of parameters and cannot take a step."""
    model = net()
    optimizer = LBFGS(model.parameters(), max_iter=3)
    train(model, optimizer, loss_of, 2)
    other, its_optimizer = again((model, optimizer))
    train(model, optimizer, loss_of, 2)
    train(other, its_optimizer, loss_of, 2)
    assert_same_run((other, its_optimizer), (model, optimizer), rtol=1e-12, atol=1e-12)
    lost = copy.deepcopy(torch.optim.LBFGS(net().parameters()))
    with pytest.raises(AttributeError, match="_params"):
        lost.step(lambda: None)


@pytest.mark.parametrize(("make", "loss"), [(mixed, mixed_loss), (lambda: net(torch.bfloat16), loss_of)])
def test_a_restored_run_goes_on_bit_for_bit(make, loss):
    """torch casts a vector of a wider dtype, and the last step length, to the first parameter's dtype."""
    lr = torch.tensor(0.3)
    whole, model = make(), make()
    train(whole, LBFGS(whole.parameters(), max_iter=2, lr=lr), loss, 4)
    first = LBFGS(model.parameters(), max_iter=2, lr=lr)
    train(model, first, loss, 2)
    second = LBFGS(model.parameters())
    second.load_state_dict(first.state_dict())
    train(model, second, loss, 2)
    assert all(torch.equal(p, q) for p, q in zip(model.parameters(), whole.parameters(), strict=True))


def test_a_checkpoint_of_torchs_that_was_interrupted_in_its_first_step():
    """torch counts the iteration but has nothing to go on from: its next step is a TypeError."""
    values = torch.linspace(0, 1, 4)

    def raises_when_it_moved():
        if not torch.equal(p, values):
            raise KeyboardInterrupt
        p.grad = p.detach() - 2
        return 1.0

    p = torch.nn.Parameter(values.clone())
    interrupted = torch.optim.LBFGS([p])
    with pytest.raises(KeyboardInterrupt):
        interrupted.step(raises_when_it_moved)
    model = Plain(values)
    optimizer = LBFGS(model.parameters())
    optimizer.load_state_dict(interrupted.state_dict())
    train(model, optimizer, lambda m: (m()[0] - 2).square().sum(), 1)
    torch.testing.assert_close(model()[0].detach(), torch.full((4,), 2.0))


def test_later_steps_leave_a_checkpoints_vectors_alone():
    model = net()
    optimizer = LBFGS(model.parameters(), max_iter=3)
    train(model, optimizer, loss_of, 1)
    taken = {**optimizer.state_dict()["state"][0]}
    expected = copy.deepcopy(taken)
    other = LBFGS(model.parameters())
    other.load_state_dict({**optimizer.state_dict(), "state": {0: taken}})
    train(model, other, loss_of, 1)
    train(model, optimizer, loss_of, 1)
    torch.testing.assert_close(taken, expected, rtol=0, atol=0)


def test_an_empty_checkpoint_and_one_of_before_there_was_a_line_search():
    optimizer = LBFGS([torch.nn.Parameter(torch.ones(2))], lr=0.5)
    old = copy.deepcopy(optimizer.state_dict())
    del old["param_groups"][0]["line_search_fn"]
    other = LBFGS([torch.nn.Parameter(torch.ones(2))], line_search_fn="strong_wolfe")
    other.load_state_dict(old)
    assert other.state_dict()["state"] == {}
    assert other.param_groups[0]["lr"] == 0.5
    assert other.param_groups[0]["line_search_fn"] == "strong_wolfe"


def another_models(checkpoint):
    checkpoint["state"] = trained(LBFGS, 7)[1].state_dict()["state"]


def another_optimizers(checkpoint):
    checkpoint.update(trained(torch.optim.Adam, 5)[1].state_dict())


def anothers_state(checkpoint):
    checkpoint["state"] = trained(torch.optim.Adam, 5)[1].state_dict()["state"]


def without_a_vector(checkpoint):
    del checkpoint["state"][0]["prev_flat_grad"]


def uneven(checkpoint):
    checkpoint["state"][0]["ro"].pop()


def short_history(checkpoint):
    checkpoint["state"][0]["old_stps"][0] = torch.ones(4)


def no_list(checkpoint):
    checkpoint["state"][0]["ro"] = 3.0


REFUSED = {
    another_models: r"'d' .* shape \(7,\), but the parameters have 5 real elements",
    another_optimizers: "another optimizer than LBFGS: it holds .*betas",
    anothers_state: "another optimizer than LBFGS: it holds exp_avg",
    without_a_vector: "damaged: prev_flat_grad missing",
    uneven: "damaged: old_dirs and old_stps and ro of different lengths",
    short_history: r"'old_stps' .* shape \(4,\)",
    no_list: "damaged: ro missing or something else",
}


def trained(cls: Any, size: int) -> tuple[Plain, Any]:
    model = Plain(torch.linspace(0, 1, size))
    optimizer = cls(model.parameters())
    train(model, optimizer, lambda m: (m()[0] - 2).pow(4).sum(), 2)
    return model, optimizer


@pytest.mark.parametrize(("damage", "words"), REFUSED.items(), ids=lambda x: getattr(x, "__name__", ""))
def test_a_checkpoint_that_does_not_fit_is_refused_and_changes_nothing(damage, words):
    _, optimizer = trained(LBFGS, 5)
    checkpoint = copy.deepcopy(optimizer.state_dict())
    damage(checkpoint)
    before = copy.deepcopy(optimizer.state_dict())
    with pytest.raises(ValueError, match=words):
        optimizer.load_state_dict(checkpoint)
    torch.testing.assert_close(optimizer.state_dict(), before, rtol=0, atol=0)


def test_hooks_of_loading_run_first_and_last():
    model = mixed()
    optimizer = LBFGS(model.parameters())
    train(model, optimizer, mixed_loss, 1)
    fitting, seen = optimizer.state_dict(), []
    optimizer.register_load_state_dict_pre_hook(lambda _, given: fitting)
    optimizer.register_load_state_dict_post_hook(lambda o: seen.append(o.state_dict()["state"][0]["d"].dtype))
    optimizer.load_state_dict(trained(torch.optim.Adam, 5)[1].state_dict())
    assert seen == [torch.float64], "already in the dtype of the vector"


def test_parameters_in_another_order_are_refused():
    """V10: all parameters are one vector, and torch takes it for another one's without a word."""
    named = [("a", torch.nn.Parameter(torch.ones(2))), ("b", torch.nn.Parameter(torch.ones(2)))]
    optimizer = LBFGS(named)
    optimizer.step(lambda: _squares([p for _, p in named]))
    other = LBFGS(named[::-1])
    with pytest.raises(ValueError, match="in another order, a, b"):
        other.load_state_dict(optimizer.state_dict())
    again = LBFGS(named)
    again.load_state_dict(optimizer.state_dict())


def _squares(params: list[torch.nn.Parameter]) -> torch.Tensor:
    loss = sum((p.square() * torch.tensor([1.0, 5.0])).sum() for p in params)
    assert isinstance(loss, torch.Tensor)
    for p, g in zip(params, torch.autograd.grad(loss, params), strict=True):
        p.grad = g
    return loss
