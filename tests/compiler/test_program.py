"""From a rule to straight lines: branches decided, numbers taken out, unused state left out."""

import math
import re

import pytest

from steepest import rules
from steepest.compiler import host
from steepest.compiler.program import program
from steepest.compiler.python import assignment, text
from steepest.compiler.rule import RuleError, read
from steepest.ops import maximum, sqrt


def lines_of(function, **changed):
    rule = read(function)
    return program(rule, {**rule.hyperparameters, **changed})


def scalars(function, step: float = 1.0, uninitialized: frozenset[str] = frozenset(), **changed):
    rule = read(function)
    values = {**rule.hyperparameters, **changed}
    lines = program(rule, values)
    return dict(zip(map(text, lines.slots), host.scalars(lines)(values, step, uninitialized), strict=True))


@pytest.mark.parametrize(
    ("function", "options", "state"),
    [
        (rules.sgd, {}, ()),
        (rules.sgd, {"momentum": 0.9}, ("momentum_buffer",)),
        (rules.rmsprop, {}, ("square_avg",)),
        (rules.rmsprop, {"centered": True}, ("square_avg", "grad_avg")),
        (rules.rmsprop, {"centered": True, "momentum": 0.9}, ("square_avg", "momentum_buffer", "grad_avg")),
        (rules.adagrad, {}, ("sum",)),
        (rules.adam, {}, ("exp_avg", "exp_avg_sq")),
        (rules.adam, {"amsgrad": True}, ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")),
        (rules.adamw, {"amsgrad": True}, ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")),
    ],
)
def test_state_that_the_chosen_lines_do_not_use_is_left_out(function, options, state) -> None:
    assert lines_of(function, **options).state == state


def test_numbers_of_a_step_are_computed_in_float64() -> None:
    values = scalars(rules.adam, step=3.0, betas=(0.9, 0.999), lr=0.1, eps=1e-8)
    assert values["1 - beta2"] == 1 - 0.999  # 0.0010000000000000009; in float32 it would be 0.00100004673
    correction1, correction2 = 1 - 0.9**3, math.sqrt(1 - 0.999**3)
    assert values["lr * correction2 / correction1"] == 0.1 * correction2 / correction1
    assert values["eps * correction2"] == 1e-8 * correction2


def test_the_first_step_is_told_apart() -> None:
    lines = lines_of(rules.sgd, momentum=0.9)
    assert lines.uninitialized == ("momentum_buffer",)
    assert scalars(rules.sgd, momentum=0.9, uninitialized=frozenset(["momentum_buffer"]))[
        "'momentum_buffer' in uninitialized"
    ]
    assert not scalars(rules.sgd, momentum=0.9)["'momentum_buffer' in uninitialized"]


def test_a_program_stays_while_no_branch_changes() -> None:
    assert lines_of(rules.sgd, momentum=0.9) is lines_of(rules.sgd, momentum=0.8, lr=3.0)
    assert lines_of(rules.sgd, momentum=0.9) is not lines_of(rules.sgd)


def test_a_rule_called_by_another_is_inlined() -> None:
    adamw = [assignment(line) for line in lines_of(rules.adamw).elements]
    adam = [assignment(line) for line in lines_of(rules.adam, weight_decay=0.5).elements]
    assert adamw[0] == "p = p * c0_"
    assert adamw[1:] == adam[1:]
    assert scalars(rules.adamw, lr=0.1, weight_decay=0.5)["1 - lr * weight_decay"] == 1 - 0.1 * 0.5


def decides_on_an_element(p, g, *, lr=0.1):
    if g > 0:
        p = p - lr * g
    return p


def raises_to_a_power(p, g, *, lr=0.1):
    p = p - lr * g**3
    return p


@pytest.mark.parametrize(
    ("function", "text"),
    [(decides_on_an_element, "if g > 0:"), (raises_to_a_power, "p = p - lr * g**3")],
)
def test_what_shows_only_when_lines_are_split_is_refused_with_its_line(function, text: str) -> None:
    line = function.__code__.co_firstlineno + 1
    with pytest.raises(RuleError, match=rf"test_program\.py:{line}\n    {re.escape(text)}\n.*\nInstead:"):
        lines_of(function)


def renames(p, g, s, step, *, lr=0.1, betas=(0.5, 0.25), big=False):
    """Names are given twice, to numbers and to elements."""
    a, b = betas
    lr = lr / step
    scaled = lr * g
    lr = lr * 2
    if big:
        lr = lr * 100
    a = maximum(a, b)
    s = a * s + scaled
    p = p - lr * sqrt(s * s)
    return p, s


def test_a_name_given_twice_keeps_both_meanings() -> None:
    values = scalars(renames, step=2.0, lr=0.1)
    assert sorted(values.values()) == pytest.approx([0.05, 0.1, 0.5])
