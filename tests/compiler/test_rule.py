"""Reading a rule: what the signature says, and what is refused, with the line and the way out."""

import math

import numpy as np
import pytest
import torch

import steepest
from steepest import rules
from steepest.compiler.program import program
from steepest.compiler.rule import RuleError, read
from steepest.hyperparameters.ranges import ranges
from steepest.ops import sqrt, where


def test_the_signature_is_the_specification() -> None:
    rule = read(rules.adam)
    assert rule.name == "adam"
    assert rule.state == ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
    assert rule.counts
    assert rule.hyperparameters["betas"] == (0.9, 0.999)
    assert rule.doc.startswith("Step by the mean gradient")


def test_a_rule_is_read_once() -> None:
    assert read(rules.sgd) is read(rules.sgd)


def no_gradient(p, m, *, lr=0.1):
    return p, m


def starred(p, g, *state, lr=0.1):
    return p


def no_default(p, g, *, lr):
    return p - lr * g


def loops(p, g, *, lr=0.1):
    for _ in range(3):
        p = p - lr * g
    return p


def in_place(p, g, *, lr=0.1):
    p -= lr * g
    return p


def takes_a_norm(p, g, *, lr=0.1):
    p = p - lr * g / g.norm()
    return p


def takes_a_row(p, g, *, lr=0.1):
    p = p - lr * g[0]
    return p


def calls_math(p, g, *, lr=0.1):
    p = p - lr * math.tanh(g)
    return p


def forgets_state(p, g, m, *, lr=0.1):
    m = m + g
    p = p - lr * m
    return p


def returns_early(p, g, *, nothing=False):
    if nothing:
        return p
    p = p - g
    return p


def returns_nothing(p, g, *, lr=0.1):
    p = p - lr * g


def has_a_remainder(p, g, *, lr=0.1):
    p = p - lr * (g % 2)
    return p


def adds_comparisons(p, g, *, lr=0.1):
    n = (g > 0) + (p > 0)
    p = p - lr * n * g
    return p


def takes_the_kernels_names(p, g, *, lr=0.1):
    i_ = lr * g
    p = p - i_
    return p


SCALE = 3.0


def reads_a_global(p, g, *, lr=0.1):
    p = p - SCALE * lr * g
    return p


def misspells(p, g, *, lr=0.1):
    p = p - lr * gg  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
    return p


def counts_as_papers_do(p, g, *, lr=0.1):
    p = p - lr * g / t  # noqa: F821  # pyright: ignore[reportUndefinedVariable]
    return p


def takes_the_count_for_state(p, g, t, *, lr=0.1):
    p = p - lr * g / t
    return p


def returns_an_expression(p, g, *, lr=0.1):
    return p - lr * g


def forgets_the_star(p, g, lr=0.1):
    p = p - lr * g
    return p


@pytest.mark.parametrize(
    ("function", "line", "way_out"),
    [
        (no_gradient, "", "def rule(p, g, ...)"),
        (starred, "", "name each of them"),
        (no_default, "", "lr=0.9"),
        (loops, "for _ in range(3):", "write the line for one element"),
        (in_place, "p -= lr * g", "x = x + ..."),
        (takes_a_norm, "p = p - lr * g / g.norm()", "norms and means are not elementwise"),
        (takes_a_row, "p = p - lr * g[0]", "beta1, beta2 = betas"),
        (calls_math, "p = p - lr * math.tanh(g)", "steepest.ops"),
        (forgets_state, "return p", "return p, m"),
        (returns_early, "return p", "return at the end"),
        (returns_nothing, "p = p - lr * g", "end it with `return p`"),
        (has_a_remainder, "p = p - lr * (g % 2)", "use + - * / **"),
        (reads_a_global, "p = p - SCALE * lr * g", "*, SCALE=3.0"),
        (misspells, "p = p - lr * gg", "correct the name; this rule knows g, lr, p"),
        (counts_as_papers_do, "/ t", "if it is the number of the step, call it `step`"),
        (takes_the_count_for_state, "return p", "If 't' is the number of the step, call it `step`"),
        (returns_an_expression, "return p - lr * g", "give the value its name in a line before"),
        (forgets_the_star, "", "put a `*` before the hyperparameters: `*, lr=0.1`"),
        (takes_the_kernels_names, "i_ = lr * g", "call it 'i'"),
        (adds_comparisons, "n = (g > 0) + (p > 0)", "use `where(c, x, y)`"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_no_kernel_can_say_is_refused_with_the_line_and_a_way_out(function, line: str, way_out: str) -> None:
    with pytest.raises(RuleError) as refusal:
        read(function)
    message = str(refusal.value)
    assert f"rule {function.__name__!r}, {__file__}:" in message
    assert line in message
    assert way_out in message.partition("Instead:")[2]


def test_the_refused_line_is_named_by_its_number() -> None:
    with pytest.raises(RuleError, match=rf":{in_place.__code__.co_firstlineno + 1}\n"):
        read(in_place)


def test_the_name_of_a_rule_is_no_rule() -> None:
    with pytest.raises(RuleError, match=r"'adam' is not a plain function\.\nInstead: .*steepest\.rules\.adam"):
        read("adam")  # type: ignore[arg-type]


def test_what_has_no_source_is_refused() -> None:
    with pytest.raises(RuleError, match=r"written with `def`|cannot be read"):
        read(lambda p, g: p - g)
    scope: dict = {}
    exec("def ghost(p, g): return p - g", scope)
    with pytest.raises(RuleError, match="cannot be read"):
        read(scope["ghost"])
    with pytest.raises(RuleError, match="plain function"):
        read(np.sqrt)


def test_a_rule_may_close_over_operations() -> None:
    root, choose = sqrt, where

    def closed(p, g, *, lr=0.1):
        p = p - lr * choose(g > 0, root(g), g)
        return p

    assert read(closed).hyperparameters == {"lr": 0.1}


def too_many_arguments(p, g, *, lr=0.1):
    p = p - lr * sqrt(g * g, 7)  # type: ignore[call-arg]
    return p


def too_few_arguments(p, g, *, lr=0.1):
    p = where(g > 0, p - lr * g)  # type: ignore[call-arg]
    return p


def arguments_by_name(p, g, *, lr=0.1):
    p = p - lr * sqrt(x=g * g)
    return p


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (too_many_arguments, "sqrt takes 1 argument, by position"),
        (too_few_arguments, r"where takes 3 arguments, by position.\nInstead: `where\(condition, x, y\)`"),
        (arguments_by_name, "sqrt takes 1 argument, by position"),
    ],
)
def test_an_operation_with_other_arguments_is_refused_when_the_rule_is_read(function, said: str) -> None:
    with pytest.raises(RuleError, match=said):
        read(function)


def between(p, g, *, lr=0.1):
    p = where(-1 < g < 1, p - lr * g, p)
    return p


def both(p, g, *, lr=0.1):
    p = where(g > 0 and p > 0, p - lr * g, p)
    return p


def neither(p, g, *, lr=0.1):
    p = where(not g, p, p - lr * g)
    return p


@pytest.mark.parametrize("function", [between, both, neither])
def test_pythons_own_logic_has_no_truth_for_each_element(function) -> None:
    rule = read(function)
    with pytest.raises(RuleError, match="no truth for each element"):
        program(rule, rule.hyperparameters)


def muon(p, g, *, lr=0.1, alpha=-1.0, nesterov=True, amsgrad=True, etas=(2.0, 3.0)):
    p = p - lr * alpha * g
    return p


def test_what_torch_demands_of_its_own_is_not_asked_of_a_strangers_rule_of_the_same_words() -> None:
    """Only a hyperparameter whose default lies in the usual range is held to it."""
    assert set(ranges(read(muon))) == {"lr"}
    p = torch.nn.Parameter(torch.ones(2))
    p.grad = torch.ones(2)
    steepest.optimizer(muon)([p]).step()
    assert p.tolist() == pytest.approx([1.1, 1.1])
    with pytest.raises(ValueError, match="Invalid learning rate: -1"):
        steepest.optimizer(muon)([p], lr=-1)
