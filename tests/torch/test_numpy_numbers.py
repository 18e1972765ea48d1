"""Numbers of NumPy are taken wherever Python's are: in constructors, groups, by hand, in checkpoints."""

import copy
import io
from typing import Any

import numpy as np
import pytest
import torch

import steepest
from support.half_steps import ALL, ones, step, values_of

pytestmark = pytest.mark.structure

KINDS = {
    "float32": np.float32, "float64": np.float64, "array of no dimension": np.array,
}  # fmt: skip


def read_again(optimizer) -> Any:
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*ALL, "Lion"])
def test_every_argument(name, kind):
    cls = getattr(steepest, name)

    def numpys(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(numpys, value))
        if isinstance(value, bool):
            return np.bool_(value)
        return np.int64(value) if type(value) is int else KINDS[kind](value) if type(value) is float else value

    defaults = {n: p.default for n, p in cls.signature.parameters.items() if n not in ("params", "fused", "foreach")}
    given = {n: numpys(value) for n, value in defaults.items() if n not in ("capturable", "differentiable")}
    p = ones(3, 2)
    optimizer = cls([p], **given)
    for value in optimizer.param_groups[0].values():
        assert type(value).__module__ != "numpy"
    assert "np." not in repr(optimizer)
    if name != "SparseAdam":
        optimizer.step(p.detach().square().sum)
    cls([ones(3, 2)]).load_state_dict(read_again(optimizer))


def test_pairs_may_be_arrays_and_lists():
    p, q = ones(3), ones(3)
    given: Any = {"lr": np.float32(0.125), "betas": np.array([0.5, 0.9])}
    optimizer = steepest.Adam([p], **given)
    assert optimizer.param_groups[0]["betas"] == (0.5, 0.9)
    betas: Any = [np.float32(0.5), 0.75]
    assert steepest.Adam([q], betas=betas).param_groups[0]["betas"] == [0.5, 0.75]
    step(optimizer)
    step(torch.optim.Adam([q], lr=0.125, betas=(0.5, 0.9)))
    torch.testing.assert_close(p, q)


@pytest.mark.parametrize("value", [np.float32(-1), np.array(-1.0), np.float64("nan")])
def test_what_is_out_of_range_is_refused_as_ever(value):
    with pytest.raises(ValueError, match="Invalid learning rate"):
        steepest.SGD([ones(2)], lr=value)


@pytest.mark.parametrize("value", [np.array(["x"]), np.array([0.1, 0.2]), np.array("0.1"), np.float32])
def test_what_is_no_number_is_refused(value):
    with pytest.raises(TypeError, match="lr must be a number"):
        steepest.SGD([ones(2)], lr=value)


def test_in_groups_by_hand_and_in_the_checkpoints_of_torch():
    p, q = ones(2), ones(2)
    optimizer = steepest.SGD([{"params": [p], "lr": np.float32(0.25), "weight_decay": np.array(0.5)}])
    assert type(optimizer.param_groups[0]["lr"]) is float
    assert optimizer.param_groups[0]["weight_decay"] == 0.5
    optimizer.add_param_group({"params": [q], "momentum": np.float64(0.5), "nesterov": np.bool_(True)})
    optimizer.param_groups[1]["lr"] = np.float32(0.5)
    optimizer.param_groups[1]["lr_scale"] = np.float64(2)
    step(optimizer)
    read = read_again(optimizer)
    assert [group["lr"] for group in read["param_groups"]] == [0.25, 0.5]
    assert optimizer.param_groups[1]["lr"].dtype == np.float32, "the program's own is what it was"
    theirs = torch.optim.SGD([ones(2)], lr=np.float32(0.25))  # pyright: ignore[reportArgumentType]
    again = steepest.SGD([ones(2)])
    again.load_state_dict(values_of(theirs))
    assert type(again.param_groups[0]["lr"]) is float
    assert again.param_groups[0]["lr"] == 0.25


def test_arrays_that_are_no_numbers_stay_in_a_group():
    optimizer = steepest.SGD([{"params": [ones(2)], "mask": np.arange(3)}])
    again = steepest.SGD([ones(2)])
    again.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert again.param_groups[0]["mask"].tolist() == [0, 1, 2]


def test_a_rule_and_its_functional_form():
    adam = steepest.functional(steepest.rules.adam, lr=np.float32(0.125), betas=np.array([0.5, 0.75]))
    same = steepest.functional(steepest.rules.adam, lr=0.125, betas=(0.5, 0.75))
    p, g = torch.ones(3), torch.ones(3)
    assert repr(adam) == repr(same)
    assert torch.equal(adam.update(p, g, adam.init(p))[0], same.update(p, g, same.init(p))[0])
    updated = adam.update(p, g, adam.init(p), lr=np.float64(0.25))[0]
    assert torch.equal(updated, same.update(p, g, same.init(p), lr=0.25)[0])
