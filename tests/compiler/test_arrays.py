"""Programs: second names, and hyperparameters that have no truth; against the rule itself on NumPy."""

import numpy as np
import pytest
import torch

import steepest
from steepest.compiler.arrays import chosen, traced
from steepest.compiler.branches import deciding
from steepest.compiler.program import program
from steepest.compiler.rule import read
from steepest.compiler.values import number, truth
from steepest.kernels import reference
from steepest.rules import rmsprop, sgd


def a_second_name_taken_back(p, g, m, *, lr=0.1, betas=(0.9, 0.5)):
    """`a` is the rate, and then a beta."""
    a = lr
    g = a * g
    a, b = betas
    m = a * m + (1 - a) * g
    p = p - b * m
    return p, m


def a_second_name_of_an_array(p, g, m, *, lr=0.1, betas=(0.9, 0.5)):
    """`a` is the gradient, and then a beta."""
    a = g
    m = m + a
    a, b = betas
    p = p - lr * a * b * m
    return p, m


def a_second_name_of_what_changes(p, g, m, *, lr=0.1):
    """`before` is what m was."""
    before = m
    m = 0.9 * m + g
    p = p - lr * (m + before)
    return p, m


@pytest.mark.parametrize("rule", [a_second_name_taken_back, a_second_name_of_an_array, a_second_name_of_what_changes])
def test_a_second_name_means_what_it_meant(rule) -> None:
    p, state = np.ones(2), {}
    parameter = torch.nn.Parameter(torch.ones(2, dtype=torch.float64))
    optimizer = steepest.optimizer(rule)([parameter])
    for g in (np.array([1.0, 2.0]), np.array([-1.0, 0.5]), np.array([3.0, 3.0])):
        p, state = reference.step(read(rule), p, g, state, read(rule).hyperparameters)
        parameter.grad = torch.tensor(g)
        optimizer.step()
    np.testing.assert_allclose(parameter.detach().numpy(), p, rtol=1e-14)


def hands_on(p, g, momentum_buffer, *, rate=0.1, decay=0.9):
    """Its decay is only another name for what `sgd` asks the truth of."""
    return sgd(p, g, momentum_buffer, lr=rate, momentum=decay)


def hands_on_another(p, g, momentum_buffer, *, rate=0.1, decay=0.9):
    """Here it is computed with first."""
    return sgd(p, g, momentum_buffer, lr=rate, momentum=decay - 0.5)


def test_another_name_for_a_switch_is_a_switch() -> None:
    assert deciding(read(hands_on)) == (("decay", truth),)
    assert deciding(read(hands_on_another)) == (("decay", number),)
    assert dict(deciding(read(rmsprop)))["momentum"] is truth


@pytest.mark.parametrize(
    ("value", "kept"), [(np.bool_(False), 0), (np.float32(0.9), 1), (np.float64(0.0), 0), (0.5, 1)]
)
def test_numbers_of_numpy_have_their_truth(value, kept) -> None:
    lines = chosen(read(sgd), {**read(sgd).hyperparameters, "momentum": value})
    assert len(lines.state) == kept


def test_what_has_no_value_cannot_choose_by_it() -> None:
    with pytest.raises(TypeError, match="decay chooses between lines of the rule hands_on_another by its value"):
        chosen(read(hands_on_another), {"rate": 0.1, "decay": lambda step: 0.9})


class Untold:
    """What JAX traces: it has no value."""

    def __bool__(self) -> bool:
        raise TypeError("no value yet")


@pytest.mark.parametrize("value", [torch.tensor(0.0), torch.tensor(0.9), Untold()], ids=["zero", "number", "traced"])
def test_an_array_is_true_whatever_it_holds(value) -> None:
    """State that a zero did not make would be missing where the number is traced."""
    lines = chosen(read(sgd), {**read(sgd).hyperparameters, "momentum": value})
    assert lines.state == ("momentum_buffer",)


def test_a_switch_without_value_is_refused() -> None:
    asked = {**read(sgd).hyperparameters, "momentum": 0.9}
    on, off = (chosen(read(sgd), {**asked, "nesterov": torch.tensor(truth)}) for truth in (True, False))
    assert on is chosen(read(sgd), {**asked, "nesterov": True})
    assert off is chosen(read(sgd), asked)
    with pytest.raises(TypeError, match=r"nesterov chooses between lines of the rule sgd.*name it in `static_args`"):
        chosen(read(sgd), {**asked, "nesterov": Untold()})


def starts_unless_it_has(p, g, pace, *, lr=0.1):
    """The test for a first step the other way round."""
    pace = 0.5 * pace if pace is not None else 1.0
    p = p - lr * pace * g
    return p, pace


def test_not_fresh_is_the_other_branch() -> None:
    functions = traced(program(read(starts_unless_it_has), {"lr": 0.1}))
    for uninitialized, right in ((np.array(True), 1.0), (np.array(False), 0.25)):
        assert functions.scalars({"lr": 0.1}, 1.0, {"pace": uninitialized}, (np.array(0.5),))[-1] == right


def test_a_move_is_what_the_step_adds() -> None:
    """p (1 - 0.1 x 0.01) - 0.1 g, less p, by hand; in float32 (p - x) - p would have lost x."""

    def decays(p, g, *, lr=0.1, weight_decay=0.01):
        p = p * (1 - lr * weight_decay)
        p = p - lr * g
        return p

    rule = read(decays)
    functions = traced(program(rule, rule.hyperparameters), moves=True)
    slots = functions.scalars(rule.hyperparameters, 1.0, {}, ())
    p, g = np.array([1e6], "float32"), np.array([1e-3], "float32")
    [moved] = functions.elements(p, g, (), [np.float32(one) for one in slots])
    np.testing.assert_allclose(moved, -1e6 * 0.001 - 1e-4, rtol=1e-7)
