"""The formula that a rule prints."""

import pytest

from steepest import rules
from steepest.compiler.formula import formula, symbol
from steepest.compiler.program import program
from steepest.compiler.rule import read


def test_adam_reads_like_the_paper() -> None:
    rule = read(rules.adam)
    assert formula(program(rule, rule.hyperparameters)).splitlines() == [
        "β₁, β₂ ← betas",
        "exp_avg ← β₁ · exp_avg + (1 − β₁) · g",
        "exp_avg_sq ← β₂ · exp_avg_sq + (1 − β₂) · g · g",
        "correction₁ ← 1 − β₁^step",
        "correction₂ ← √(1 − β₂^step)",
        "p ← p − η · correction₂ / correction₁ · exp_avg / (√(exp_avg_sq) + ε · correction₂)",
    ]


def test_the_first_step_is_said_in_words() -> None:
    rule = read(rules.sgd)
    lines = formula(program(rule, {**rule.hyperparameters, "momentum": 0.9}))
    assert "momentum_buffer ← (g at the first step, else μ · momentum_buffer + (1 − dampening) · g)" in lines


def minus_of_a_sum(p, g, *, lr=0.1):
    p = p - (g + lr * -(p - g)) / (2.0 / g)
    return p


def test_parentheses_stand_where_they_are_needed() -> None:
    rule = read(minus_of_a_sum)
    assert formula(program(rule, rule.hyperparameters)) == "p ← p − (g + η · −(p − g)) / (2 / g)"


@pytest.mark.parametrize(("name", "shown"), [("beta2", "β₂"), ("eps", "ε"), ("dampening", "dampening"), ("lr", "η")])
def test_hyperparameters_have_their_letters(name: str, shown: str) -> None:
    assert symbol(name) == shown
