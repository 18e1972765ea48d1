"""What a checkpoint does not silently do here: names, other optimizers, dtypes, implementations, hostile files."""

import copy
import io

import pytest
import torch
from torch import nn
from torch.nn import Parameter

import steepest
from support.configurations import NUMBERS, TABLE
from support.nets import net, train

pytestmark = pytest.mark.structure

FIRST = list({row.name: row for row in TABLE}.values())  # one configuration of each optimizer
each = pytest.mark.parametrize("row", FIRST, ids=lambda row: row.name)
WITH_STATE = [row for row in FIRST if row.name != "SGD"]


def values_of(optimizer) -> dict:
    return copy.deepcopy(optimizer.state_dict())


def named(order: list[str]) -> list[tuple[str, Parameter]]:
    """Parameters of different sizes and values under names, in this order."""
    made = {"a": torch.full((3,), 1.0), "b": torch.full((3,), 2.0), "c": torch.full((2, 2), 3.0)}
    return [(name, Parameter(made[name].clone())) for name in order]


def step_by_name(optimizer, params) -> None:
    for name, p in params:
        p.grad = torch.full_like(p, {"a": 0.1, "b": -0.2, "c": 0.3}[name])
    optimizer.step()


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "_orig_mod.module.", "module.module."])
@pytest.mark.parametrize("writer", ["ours", "theirs"])
def test_parameters_are_matched_by_name(configuration, writer, prefix):
    """V10: torch goes by position, and parameters in another order get each other's state."""
    params = named(["a", "b", "c"])
    saved = getattr(configuration, writer)([(prefix + name, p) for name, p in params])
    step_by_name(saved, params)
    checkpoint = values_of(saved)
    other = named(["c", "b", "a"])
    loaded = configuration.ours(other)
    loaded.load_state_dict(checkpoint)
    for (_, p), (_, q) in zip(params, reversed(other), strict=True):
        q.data.copy_(p.data)
        for name, value in saved.state.get(p, {}).items():
            torch.testing.assert_close(loaded.state[q][name], value, rtol=0, atol=0)
    step_by_name(saved, params)
    step_by_name(loaded, other)
    for (_, p), (_, q) in zip(params, reversed(other), strict=True):
        torch.testing.assert_close(q, p)


def test_without_names_on_one_side_it_goes_by_position(configuration):
    params = named(["a", "b", "c"])
    saved = configuration.theirs(params)
    step_by_name(saved, params)
    plain = [p for _, p in named(["a", "b", "c"])]
    loaded = configuration.ours(plain)
    loaded.load_state_dict(values_of(saved))
    for (_, p), q in zip(params, plain, strict=True):
        for name, value in saved.state.get(p, {}).items():
            assert torch.equal(loaded.state[q][name], value)


@each
def test_other_names_are_refused_and_nothing_is_changed(row):
    params = named(["a", "b", "c"])
    saved = row.ours(params)
    step_by_name(saved, params)
    checkpoint = values_of(saved)
    checkpoint["param_groups"][0]["param_names"] = ["a", "b", "d"]
    before = values_of(saved)
    with pytest.raises(ValueError, match=r"the checkpoint has 'd' where this optimizer has 'c'.*Nothing was changed"):
        saved.load_state_dict(checkpoint)
    torch.testing.assert_close(values_of(saved)["state"], before["state"], rtol=0, atol=0)
    assert values_of(saved)["param_groups"] == before["param_groups"]


PAIRS = [
    (one, other)
    for one in FIRST
    for other in FIRST
    if one.name != other.name and {one.name, other.name} != {"Adam", "AdamW"} and one.name != "RAdam"
]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=lambda row: row.name)
def test_the_state_of_another_optimizer_is_refused(one, other):
    """V10: torch loads Adam's state into SGD without a word."""
    model = net()
    optimizer = one.theirs(model.parameters())
    train(model, optimizer, 2)
    wrong = other.ours(model.parameters())
    train(model, wrong, 1)
    before = values_of(wrong)
    with pytest.raises(
        ValueError,
        match=f"of another optimizer: it holds .*, which {other.name} does not have|has .* but no step count",
    ):
        wrong.load_state_dict(values_of(optimizer))
    torch.testing.assert_close(values_of(wrong), before, rtol=0, atol=0)


def test_adam_and_adamw_exchange_checkpoints_as_in_torch():
    model = net()
    adamw = steepest.AdamW(model.parameters(), lr=0.1)
    train(model, adamw, 2)
    adam = steepest.Adam(model.parameters())
    adam.load_state_dict(values_of(adamw))
    assert adam.param_groups[0]["decoupled_weight_decay"] is True


def test_what_users_keep_in_groups_and_state_of_their_own_is_kept():
    model = net()
    optimizer = steepest.Adam([{"params": model.parameters(), "lr_scale": 0.5}])
    train(model, optimizer, 1)
    next(iter(optimizer.state.values()))["note"] = "mine"
    again = steepest.Adam(model.parameters())
    again.load_state_dict(values_of(optimizer))
    assert again.param_groups[0]["lr_scale"] == 0.5
    assert next(iter(again.state.values()))["note"] == "mine"


@pytest.mark.parametrize("row", WITH_STATE, ids=lambda row: row.name)
def test_state_keeps_the_dtype_that_it_was_saved_in(row):
    """V8: torch casts bf16 state to the parameter's float32, which doubles its memory."""
    model = net(torch.float32)
    optimizer = row.ours(model.parameters())
    train(model, optimizer, 1)
    checkpoint = values_of(optimizer)
    for state in checkpoint["state"].values():
        state.update({name: v.bfloat16() for name, v in state.items() if name not in NUMBERS})
    optimizer.load_state_dict(checkpoint)
    train(model, optimizer, 1)
    kept = [v.dtype for s in optimizer.state.values() for name, v in s.items() if name not in NUMBERS]
    assert set(kept) == {torch.bfloat16}


@each
def test_implementations_stay_as_the_optimizer_was_made(row):
    """V9: with torch, a run that resumes from a fused checkpoint is fused."""
    model = net()
    saved = row.ours(model.parameters(), foreach=True)
    train(model, saved, 1)
    checkpoint = values_of(saved)
    checkpoint["param_groups"][0]["capturable"] = True
    checkpoint["param_groups"][0]["differentiable"] = True
    optimizer = row.ours(model.parameters())
    optimizer.load_state_dict(checkpoint)
    group = optimizer.param_groups[0]
    assert [group[name] for name in ("foreach", "capturable", "differentiable") if name in group] == [
        made for name, made in (("foreach", None), ("capturable", False), ("differentiable", False)) if name in group
    ]
    train(model, optimizer, 1)


@pytest.mark.parametrize("row", WITH_STATE, ids=lambda row: row.name)
def test_values_are_copied_into_the_tensors_that_are_there(row):
    model = net()
    optimizer = row.ours(model.parameters())
    train(model, optimizer, 1)
    checkpoint = values_of(optimizer)
    places = [v.data_ptr() for s in optimizer.state.values() for name, v in s.items() if name not in NUMBERS]
    train(model, optimizer, 2)
    optimizer.load_state_dict(checkpoint)
    assert places == [v.data_ptr() for s in optimizer.state.values() for name, v in s.items() if name not in NUMBERS]
    torch.testing.assert_close(values_of(optimizer)["state"], checkpoint["state"], rtol=0, atol=0)


@each
def test_new_options_that_an_old_checkpoint_lacks_have_their_defaults(row):
    model = net()
    optimizer = row.ours(model.parameters())
    train(model, optimizer, 1)
    old = values_of(optimizer)
    for name in ("foreach", "maximize", "capturable", "differentiable", "fused", "decoupled_weight_decay", "amsgrad"):
        old["param_groups"][0].pop(name, None)
    for state in old["state"].values():
        state.update({name: float(v) for name, v in state.items() if name in NUMBERS})
    again = row.ours(model.parameters())
    again.load_state_dict(old)
    train(model, again, 1)
    train(model, optimizer, 0)
    assert {*again.param_groups[0]} == {*optimizer.param_groups[0]}


def test_a_checkpoint_is_read_with_weights_only(configuration):
    model = net()
    optimizer = configuration.ours(model.named_parameters())
    train(model, optimizer, 2)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    read = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    torch.testing.assert_close(read["state"], optimizer.state_dict()["state"], rtol=0, atol=0)


@pytest.mark.parametrize("row", [WITH_STATE[0]], ids=lambda row: row.name)
def test_a_truncated_file_is_an_error(row):
    model = net()
    optimizer = row.ours(model.parameters())
    train(model, optimizer, 1)
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    whole = file.getvalue()
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        with pytest.raises((RuntimeError, EOFError, OSError)):
            optimizer.load_state_dict(torch.load(io.BytesIO(whole[:length]), weights_only=True))
    train(model, optimizer, 1)


def hostile(value: torch.Tensor) -> dict[str, object]:
    """Things that a file can hold in place of an array of state."""
    n = value.numel()
    return {
        "None in a list": [None] * n,
        "a string": "x" * n,
        "overlapping": torch.zeros(1, dtype=value.dtype).expand(value.shape),
        "on no device": torch.empty(value.shape, device="meta"),
        "sparse": torch.zeros(value.shape, dtype=value.dtype).to_sparse(),
        "integers": torch.zeros(value.shape, dtype=torch.int64),
        "booleans": torch.zeros(value.shape, dtype=torch.bool),
        "complex": torch.zeros(value.shape, dtype=torch.complex64),
        "huge": torch.zeros(1).expand(2**40),
    }


@pytest.mark.parametrize("kind", [*hostile(torch.zeros(2))])
@pytest.mark.parametrize("row", WITH_STATE, ids=lambda row: row.name)
def test_a_hostile_state_ends_in_an_error_or_is_harmless(row, kind):
    model = net(torch.float32)
    optimizer = row.ours(model.parameters())
    train(model, optimizer, 1)
    checkpoint = values_of(optimizer)
    for state in checkpoint["state"].values():
        for name in state.keys() - NUMBERS:
            state[name] = hostile(state[name])[kind]
    before = [p.detach().clone() for p in model.parameters()]
    try:
        optimizer.load_state_dict(checkpoint)
        train(model, optimizer, 2)
    except (ValueError, RuntimeError, TypeError, NotImplementedError):
        assert all(map(torch.equal, before, (p.detach() for p in model.parameters())))
    else:
        assert all(torch.isfinite(p).all() for p in model.parameters())


@pytest.mark.parametrize("value", ["0.1", None, [0.1], {"a": 1}, (0.1, 0.2, 0.3)], ids=repr)
def test_a_hostile_rate_is_refused_and_nothing_is_changed(value):
    model = net()
    optimizer = steepest.Adam(model.parameters(), lr=0.125)
    checkpoint = values_of(optimizer)
    checkpoint["param_groups"][0]["lr"] = value
    with pytest.raises(ValueError, match=r"The checkpoint has lr=.* where 0\.001 would be usual"):
        optimizer.load_state_dict(checkpoint)
    assert optimizer.param_groups[0]["lr"] == 0.125


def test_optimizers_of_whole_tensors_keep_the_contract_too():
    for cls, other in ((steepest.Adafactor, steepest.Muon), (steepest.Muon, steepest.Adafactor)):
        model = nn.Linear(4, 3, bias=False)
        optimizer = cls(model.parameters())
        model(torch.ones(2, 4)).sum().backward()
        optimizer.step()
        checkpoint = values_of(optimizer)
        with pytest.raises(ValueError, match="of another optimizer"):
            other(model.parameters()).load_state_dict(checkpoint)
        with pytest.raises(ValueError, match="was made for another model"):
            cls(nn.Linear(5, 3, bias=False).parameters()).load_state_dict(checkpoint)
        theirs = getattr(torch.optim, cls.__name__)(model.parameters())
        theirs.load_state_dict(checkpoint)
        again = cls(model.parameters())
        again.load_state_dict(values_of(theirs))
        torch.testing.assert_close(values_of(again)["state"], checkpoint["state"], rtol=0, atol=0)


# --- what a damaged or odd checkpoint may not do ----------------------------------------------------------------------


def stepped(name: str, *shapes: tuple[int, ...], **options):
    params = [Parameter(torch.ones(shape)) for shape in shapes]
    optimizer = getattr(steepest, name)(params, **options)
    for p in params:
        p.grad = torch.full_like(p, 0.5)
    optimizer.step()
    return params, optimizer


def refused(optimizer, checkpoint, match: str) -> None:
    """It is refused in these words, and changes nothing."""
    before = values_of(optimizer)
    with pytest.raises(ValueError, match=match):
        optimizer.load_state_dict(checkpoint)
    torch.testing.assert_close(values_of(optimizer), before, rtol=0, atol=0)


LACKING = [
    ("Adam", "exp_avg_sq"), ("Adamax", "exp_inf"), ("RMSprop", "square_avg"), ("Adagrad", "sum"),
    ("NAdam", "mu_product"), ("Rprop", "step_size"), ("ASGD", "eta"), ("Adafactor", "row_var"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "state"), LACKING)
def test_state_that_was_lost_is_not_begun_anew(name, state):
    """torch takes it, and raises a KeyError at the next step; zeros beside a step count of 20 would explode."""
    _, optimizer = stepped(name, (4, 4))
    checkpoint = values_of(optimizer)
    del checkpoint["state"][0][state]
    refused(optimizer, checkpoint, f"was stepped 1 times but has no '{state}'")


@pytest.mark.parametrize("step", [-3.0, float("nan"), float("inf")])
def test_an_impossible_step_count(step):
    _, optimizer = stepped("Adam", (4,))
    checkpoint = values_of(optimizer)
    checkpoint["state"][0]["step"] = torch.tensor(step)
    refused(optimizer, checkpoint, "The step count of parameter 0 is")


def test_the_last_parameter_can_refuse_for_all():
    _, optimizer = stepped("Adam", (2,), (2,), (2,))
    checkpoint = values_of(optimizer)
    for state in checkpoint["state"].values():
        state["exp_avg"] += 1
    checkpoint["state"][2]["exp_avg"] = checkpoint["state"][2]["exp_avg"].to("meta")
    refused(optimizer, checkpoint, "'exp_avg' of parameter 2 is on the meta device")


def test_state_that_was_made_in_inference_mode_is_replaced():
    (_, q), optimizer = stepped("Adam", (2,), (2,))
    checkpoint = values_of(optimizer)
    with torch.inference_mode():
        optimizer.state[q]["exp_avg"] = torch.full((2,), 7.0)
    optimizer.load_state_dict(checkpoint)
    torch.testing.assert_close(optimizer.state[q]["exp_avg"], checkpoint["state"][1]["exp_avg"])


def test_a_live_state_dict_whose_parameters_change_places():
    """It holds the very tensors that are written to."""
    (p, q), optimizer = stepped("Adam", (2,), (2,))
    optimizer.state[p]["exp_avg"].fill_(0.1)
    optimizer.state[q]["exp_avg"].fill_(0.2)
    checkpoint = optimizer.state_dict()
    checkpoint["state"] = {0: checkpoint["state"][1], 1: checkpoint["state"][0]}
    optimizer.load_state_dict(checkpoint)
    torch.testing.assert_close(optimizer.state[p]["exp_avg"], torch.full((2,), 0.2))
    torch.testing.assert_close(optimizer.state[q]["exp_avg"], torch.full((2,), 0.1))


@pytest.mark.parametrize("word", ["d", "rho", "alpha", "mine"])
def test_a_word_of_ones_own_in_a_group_is_no_other_optimizers(word):
    p = Parameter(torch.ones(2))
    optimizer = steepest.AdamW([{"params": [p], word: 1}])
    optimizer.load_state_dict(values_of(optimizer))
    assert optimizer.param_groups[0][word] == 1


def test_something_else_than_a_state_dict():
    _, optimizer = stepped("Adam", (2,))
    refused(optimizer, nn.Linear(2, 2).state_dict(), "it has 'weight', 'bias', and no 'state'")
    refused(
        optimizer, {"model": {}, "optimizer": optimizer.state_dict()}, r"load_state_dict\(checkpoint\['optimizer'\]\)"
    )
