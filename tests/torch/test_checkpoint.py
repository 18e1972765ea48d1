"""Checkpoints that do not fit are refused before anything is changed; those that fit are taken with their hooks."""

import copy

import pytest
import torch

from support.configurations import NUMBERS, TABLE, by_representatives
from support.nets import assert_same_run, net, train

pytestmark = pytest.mark.structure

WITH_STATE = by_representatives([row for row in TABLE if row.name != "SGD" or "momentum" in row.options])


def saved(configuration, steps: int = 2) -> dict:
    model = net()
    optimizer = configuration.theirs(model.parameters())
    train(model, optimizer, steps)
    return copy.deepcopy(optimizer.state_dict())


def frozen(optimizer) -> tuple:
    """Everything of an optimizer that a load could change, as values."""
    return copy.deepcopy((optimizer.param_groups, optimizer.state_dict()))


def assert_unchanged(optimizer, before) -> None:
    now = frozen(optimizer)
    torch.testing.assert_close(now[1], before[1], rtol=0, atol=0)
    assert len(now[0]) == len(before[0])


SPOILT = {
    "one more dimension": lambda v: torch.zeros(*v.shape, 2, dtype=v.dtype),
    "too few elements": lambda v: v.flatten()[:-1].clone() if v.numel() > 1 else torch.zeros(5, dtype=v.dtype),
    "transposed": lambda v: v.t().clone() if v.dim() == 2 else torch.zeros(v.numel() + 1, dtype=v.dtype),
    "a scalar": lambda v: torch.zeros((), dtype=v.dtype),
    "a number": lambda v: 0.5,
}


@pytest.mark.parametrize("spoil", SPOILT)
@pytest.mark.parametrize("row", WITH_STATE, ids=lambda row: row.id)
def test_state_of_the_wrong_shape_is_refused_and_nothing_is_changed(row, spoil):
    """V4: torch accepts it, and its fused kernels then read and write beyond the end."""
    checkpoint = saved(row)
    spoilt = 0
    for state in checkpoint["state"].values():
        for name in [n for n in state if n not in NUMBERS and state[n].dim()][:1]:
            state[name] = SPOILT[spoil](state[name])
            spoilt += 1
    assert spoilt
    model = net()
    optimizer = row.ours(model.parameters())
    train(model, optimizer, 1)
    before = frozen(optimizer)
    with pytest.raises(ValueError, match=r"state '\w+' of parameter .* of shape .* another model"):
        optimizer.load_state_dict(checkpoint)
    assert_unchanged(optimizer, before)
    train(model, optimizer, 1)
    if spoil != "a number":
        row.theirs(net().parameters()).load_state_dict(checkpoint)  # torch says nothing


@pytest.mark.parametrize("row", by_representatives([row for row in TABLE if row.rule.counts]), ids=lambda row: row.id)
@pytest.mark.parametrize("step", [torch.zeros(2), torch.zeros(0)], ids=repr)
def test_a_step_count_that_is_no_number_is_refused_and_nothing_is_changed(row, step):
    checkpoint = saved(row)
    next(iter(checkpoint["state"].values()))["step"] = step
    model = net()
    optimizer = row.ours(model.parameters())
    train(model, optimizer, 1)
    before = frozen(optimizer)
    with pytest.raises((ValueError, RuntimeError)):
        optimizer.load_state_dict(checkpoint)
    assert_unchanged(optimizer, before)


def test_other_groups_are_refused_in_torchs_words(configuration):
    model = net()
    checkpoint = configuration.theirs([{"params": [p]} for p in model.parameters()]).state_dict()
    fewer = configuration.theirs([*model.parameters()][:2]).state_dict()
    for wrong in (checkpoint, fewer):
        messages = []
        for make in (configuration.ours, configuration.theirs):
            with pytest.raises(ValueError, match="loaded state dict") as caught:
                make(net().parameters()).load_state_dict(wrong)
            messages.append(str(caught.value))
        assert messages[0] == messages[1]


def test_a_loaded_checkpoint_is_not_written_to(configuration):
    checkpoint = saved(configuration)
    before = copy.deepcopy(checkpoint)
    model = net()
    optimizer = configuration.ours(model.parameters())
    optimizer.load_state_dict(checkpoint)
    train(model, optimizer, 3)
    torch.testing.assert_close(checkpoint, before, rtol=0, atol=0)


def test_two_models_can_load_one_checkpoint(configuration):
    checkpoint = saved(configuration)
    runs = []
    for _ in range(2):
        model = net()
        optimizer = configuration.ours(model.parameters())
        optimizer.load_state_dict(checkpoint)
        train(model, optimizer, 3)
        runs.append((model, optimizer))
    assert_same_run(*runs, rtol=0, atol=0)


def test_names_of_parameters_are_kept(configuration):
    runs = []
    for make in (configuration.ours, configuration.theirs):
        model = net()
        optimizer = make(model.named_parameters())
        train(model, optimizer, 2)
        again = make(model.named_parameters())
        again.load_state_dict(optimizer.state_dict())
        assert again.param_groups[0]["param_names"] == [name for name, _ in model.named_parameters()]
        train(model, again, 2)
        runs.append((model, again))
    assert_same_run(*runs, rtol=1e-9, atol=1e-11)


def test_hooks_see_and_change_what_is_saved_and_loaded(configuration):
    for make in (configuration.ours, configuration.theirs):
        model = net()
        optimizer = make(model.parameters())
        train(model, optimizer, 2)
        calls: list[str] = []
        optimizer.register_state_dict_pre_hook(lambda o, calls=calls: calls.append("before saving"))
        optimizer.register_state_dict_post_hook(lambda o, d: d | {"note": 7})
        optimizer.register_load_state_dict_pre_hook(
            lambda o, d, calls=calls: calls.append(f"before loading {d['note']}")
        )
        optimizer.register_load_state_dict_post_hook(lambda o, calls=calls: calls.append("after loading"))
        optimizer.load_state_dict(optimizer.state_dict())
        assert calls == ["before saving", "before loading 7", "after loading"]


def renamed(optimizer, checkpoint):
    """A hook as torch's own documentation shows it: another model's state under this model's numbers."""
    return checkpoint | {
        "state": {int(key): value for key, value in checkpoint["state"].items()},
        "param_groups": [g | {"params": [*map(int, g["params"])]} for g in checkpoint["param_groups"]],
    }


def repaired(optimizer, checkpoint):
    state = {
        key: {n: v[..., 0] if n not in NUMBERS else v for n, v in value.items()}
        for key, value in checkpoint["state"].items()
    }
    return checkpoint | {"state": state}


def started(optimizer, checkpoint):
    """State for a checkpoint that came without."""
    ours = [p for group in optimizer.param_groups for p in group["params"]]
    return checkpoint | {
        "state": {
            key: {n: torch.full_like(ours[key], 0.5) if n not in NUMBERS else torch.tensor(3.0) for n in names}
            for key, names in checkpoint["names"].items()
        }
    }


HOOKS = {
    "keys of another kind": (
        renamed,
        lambda c: (
            c
            | {
                "state": {str(k): v for k, v in c["state"].items()},
                "param_groups": [g | {"params": [*map(str, g["params"])]} for g in c["param_groups"]],
            }
        ),
    ),
    "another shape": (
        repaired,
        lambda c: (
            c
            | {
                "state": {
                    k: {n: torch.stack([t, t], -1) if n not in NUMBERS else t for n, t in v.items()}
                    for k, v in c["state"].items()
                }
            }
        ),
    ),
    "no state": (started, lambda c: c | {"state": {}, "names": {k: [*v] for k, v in c["state"].items()}}),
}


@pytest.mark.parametrize("case", HOOKS)
def test_a_hook_may_turn_a_foreign_checkpoint_into_one_that_fits(configuration, case):
    hook, foreign = HOOKS[case]
    runs = []
    for make in (configuration.ours, configuration.theirs):
        checkpoint = foreign(saved(configuration))
        model = net()
        optimizer = make(model.parameters())
        optimizer.register_load_state_dict_pre_hook(hook)
        optimizer.load_state_dict(checkpoint)
        train(model, optimizer, 3)
        runs.append((model, optimizer))
    assert_same_run(*runs, rtol=1e-9, atol=1e-11)


def test_a_hook_that_spoils_a_checkpoint_does_not_reach_memory(configuration):
    checkpoint = saved(configuration)
    if not any(state.keys() - NUMBERS for state in checkpoint["state"].values()):
        assert not checkpoint["state"]
        return
    model = net()
    optimizer = configuration.ours(model.parameters())
    optimizer.register_load_state_dict_pre_hook(
        lambda o, c: (
            c
            | {
                "state": {
                    k: {n: v.flatten()[:1] if n not in NUMBERS else v for n, v in s.items()}
                    for k, s in c["state"].items()
                }
            }
        )
    )
    with pytest.raises(ValueError, match="another model"):  # noqa: PT012 - at the load or at the first step
        optimizer.load_state_dict(checkpoint)
        train(model, optimizer, 1)
