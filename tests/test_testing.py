"""The laws: each is broken by a rule that is wrong in just that way, and none by a rule that is right."""

import subprocess
import sys
import unittest
from typing import Any

import pytest
import torch

from steepest import RuleError, rules
from steepest.kernels.cpu import codegen, step
from steepest.ops import abs, exp, log, sign, sqrt, where
from steepest.tensor_ops import root_mean_square, whole
from steepest.testing import BrokenLawError, check_rule, laws
from steepest.torch.stepping import stepped_parameter as entry

LAWS = {law.name: law for law in laws()}
ARGUMENTS: dict[str, dict[str, Any]] = {"adafactor": {"eps": (1e-8, 1e-3)}}
"""What the class of that name finds out for itself."""


@pytest.mark.parametrize("name", rules.__all__)
def test_every_rule_of_ours_obeys(name):
    rule = getattr(rules, name)
    if not hasattr(rule, "__code__"):
        pytest.skip("no plain function")
    outcome = check_rule(rule, **ARGUMENTS.get(name, {}))
    assert {*outcome} == {*LAWS}
    assert outcome["goes down"] == outcome["works under vmap"] == "holds"


@pytest.mark.parametrize(
    ("rule", "options"),
    [
        (rules.adam, {"amsgrad": True}),
        (rules.adam, {"betas": (0.0, 0.5), "weight_decay": 0.1}),
        (rules.sgd, {"momentum": 0.9, "nesterov": True}),
        (rules.rmsprop, {"centered": True, "momentum": 0.9}),
        (rules.nadam, {"decoupled_weight_decay": True}),
    ],
)
def test_with_other_hyperparameters(rule, options):
    assert "holds" in check_rule(rule, **options).values()


# --- rules that are right, and unlike ours ----------------------------------------------------------------------------


def logarithmic(p, g, m, *, lr=1e-2, b=0.9):
    m = b * m + (1 - b) * log(1 + g * g) * sign(g)
    p = p - lr * m * exp(-lr * abs(m))
    return p, m


def yogi(p, g, m, v, step, *, lr=1e-2, betas=(0.9, 0.999), eps=1e-3):
    b1, b2 = betas
    m = b1 * m + (1 - b1) * g
    v = v - (1 - b2) * sign(v - g * g) * g * g
    p = p - lr / (1 - b1**step) * m / (sqrt(v / (1 - b2**step)) + eps)
    return p, m, v


def averaged_later(p, g, average, step, *, lr=1e-2, start=100.0):
    p = p - lr * g
    average = where(step > start, average + (p - average) / (1 + abs(step - start)), p)
    return p, average


def heavy_ball_of_cubes(p, g, m, *, lr=1e-3, momentum=0.999):
    m = momentum * m + g * g * g
    p = p - lr * m
    return p, m


def multiplicative(p, g, *, lr=1e-2):
    p = p * (1 - lr * g * p)
    return p


def anchored(p, g, anchor, *, lr=1e-2, pull=0.1):
    anchor = p if anchor is None else anchor
    p = p - lr * (g + pull * (p - anchor))
    return p, anchor


@whole
def normalized(p, g, *, lr=1e-2, eps=1e-8):
    return p - lr * g / (root_mean_square(g) + eps)


@whole
def rescaled(p, g, velocity, *, lr=1e-1, momentum=0.9, eps=1e-8):
    velocity = g if velocity is None else momentum * velocity + g
    return p - lr * root_mean_square(p) / (root_mean_square(velocity) + eps) * velocity, velocity


@whole
def moved(p, g, *, lr=1e-2):
    return _away(p, lr * g)


def _away(p, step):
    return p - step


@pytest.mark.parametrize(
    "rule",
    [
        logarithmic,
        yogi,
        averaged_later,
        heavy_ball_of_cubes,
        multiplicative,
        anchored,
        normalized,
        rescaled,
        moved,
    ],
)
def test_rules_unlike_ours_obey(rule):
    check_rule(rule)


def test_states_may_be_counted_in_float64():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        check_rule(rules.nadam)
    finally:
        torch.set_default_dtype(before)


# --- rules that are wrong ---------------------------------------------------------------------------------------------


def forgets_its_velocity(p, g, velocity, *, lr=1e-2):
    speed = 0.9 * velocity + g
    p = p - lr * speed
    return p, velocity


def cancels(p, g, *, lr=1e-2, offset=1e6):
    g = g + offset - offset
    p = p - lr * g
    return p


def two_kernels(p, g, *, lr=1e-2):
    if lr > 0.0095:
        g = sign(g)
    p = p - lr * g
    return p


def divides_by_zero(p, g, v, *, lr=1e-2):
    v = 0.9 * v + 0.1 * g * g
    p = p - lr * g / sqrt(v)
    return p, v


def climbs(p, g, *, lr=1e-2):
    p = p + lr * g
    return p


def climbs_and_divides_by_zero(p, g, *, lr=1e-2):
    p = p + lr * g / abs(g)
    return p


@whole
def walks_in_memory_order(p, g, *, lr=1e-2):
    return p - lr * g.as_strided(g.shape, torch.empty(g.shape).stride())


@whole
def writes_beside(p, g, *, lr=1e-2):
    if p.storage_offset():
        p.as_strided((1,), (1,), p.storage_offset() - 1).zero_()
    return p - lr * g


@whole
def doubles_the_gradient(p, g, *, lr=1e-2):
    g.mul_(2)
    return p - lr * g


PAST: list[torch.Tensor] = []


@whole
def keeps_the_gradient_itself(p, g, *, lr=1e-2):
    PAST.append(g)
    return p - lr * PAST[-2 if len(PAST) > 1 else -1]


@whole
def remembers_on_the_parameter(p, g, *, lr=1e-2):
    p.velocity = 0.9 * getattr(p, "velocity", 0.0) + g
    return p - lr * p.velocity


@whole
def asks_the_parameter(p, g, *, lr=1e-2):
    return p - lr * (g if p.grad is None else p.grad)


LAST: dict[str, float] = {}


@whole
def rate_of_the_call_before(p, g, *, lr=1e-2):
    rate = LAST.get("lr", lr)
    LAST["lr"] = lr
    return p - rate * g


@whole
def faster_on_parameters(p, g, *, lr=1e-2):
    return p - lr * g * (2 if isinstance(p, torch.nn.Parameter) else 1)


@whole
def branches(p, g, *, lr=1e-2):
    return p - lr * g if g.sum() > 0 else p - 2 * lr * g


@whole
def detaches(p, g, *, lr=1e-2):
    p = (p - lr * g).detach()
    return p


@whole
def slower_in_a_graph(p, g, *, lr=1e-2):
    return p - lr * g * (0.5 if g.requires_grad else 1)


@whole
def made_and_forgotten(p, g, m, *, lr=1e-2):
    return p - lr * g, None


WRONG = [
    ("keeps its state", forgets_its_velocity, "the state 'velocity' is never given a new value"),
    ("keeps its state", made_and_forgotten, "the state 'm' is never given a new value"),
    ("near float64", cancels, "torch.float32, 4097 elements, 6 steps: p[0] is "),
    ("numbers compile nothing", two_kernels, "lr=0.009000000000000001 instead of 0.01 takes another kernel"),
    ("any layout", walks_in_memory_order, "parameter contiguous, gradient transposed, shape (6, 4), torch.float32: p["),
    ("any layout", writes_beside, "bytes beside the parameter were changed"),
    ("any layout", doubles_the_gradient, "the gradient was changed by the step"),
    ("keeps no gradient", keeps_the_gradient_itself, "one gradient used for all steps, parameter contiguous"),
    ("goes on after saving", remembers_on_the_parameter, "saved after 3 of 6 steps, shape (6, 4), torch.float32: p["),
    ("copies go on alone", remembers_on_the_parameter, "deep copy after 3 of 6 steps"),
    ("maximize negates the gradient", asks_the_parameter, "maximize=True, 6 steps"),
    ("groups are apart", rate_of_the_call_before, "group 0 of two, unchanged, 6 steps"),
    (
        "stays finite",
        divides_by_zero,
        "a zero gradient at the first step: after step 1, shape (37,), torch.float32: p[0]",
    ),
    ("goes down", climbs, " with lr 0.01, "),
    ("changes nothing given", doubles_the_gradient, "what step 2 was given, shape (6, 4), torch.float64: gradient["),
    ("functional equals optimizer", faster_on_parameters, "functional form, 4 steps, shape (6, 4), torch.float64: p["),
    ("works under vmap", branches, "p - lr * g if g.sum() > 0 else p - 2 * lr * g"),
    (
        "gradients flow through steps",
        detaches,
        "no gradient flows to the parameter or the gradients before the steps",
    ),
    ("gradients flow through steps", slower_in_a_graph, "differentiable=True, 4 steps, shape (6, 4)"),
]


def assert_broken(name: str, rule: Any, found: str) -> None:
    with pytest.raises(BrokenLawError) as caught:
        LAWS[name].check(rule)
    assert caught.value.laws == (name,)
    assert found in str(caught.value)


@pytest.mark.parametrize(("name", "rule", "found"), WRONG)
def test_a_wrong_rule_is_caught_by_the_law_that_it_breaks(name, rule, found):
    assert_broken(name, rule, found)


def test_what_cannot_be_read_is_refused_as_steepest_refuses_it():
    def in_place(p, g, *, lr=1e-2):
        p -= lr * g
        return p

    def cubes_if_asked(p, g, *, lr=1e-2, cubes=False):
        if cubes:
            g = g**3
        p = p - lr * g
        return p

    for rule, line in ((in_place, "p -= lr"), (cubes_if_asked, r"g = g\*\*3")):
        with pytest.raises(RuleError, match=line):
            check_rule(rule)
        with pytest.raises(RuleError, match=line):
            LAWS["can be read"].check(rule)


# --- kernels and optimizers that are wrong ----------------------------------------------------------------------------


def test_a_wrong_kernel_is_caught(monkeypatch):
    def of_magnitudes(p, g, *, lr=1e-2):
        p = p - lr * abs(g)
        return p

    monkeypatch.setitem(codegen.OPERATIONS, "abs", lambda x: x)
    assert_broken("kernel equals rule", of_magnitudes, " elements, step 1: p[")


def test_a_kernel_that_is_wrong_in_one_dtype_is_caught(monkeypatch):
    def negated(p, g, *, lr=1e-2):
        p = -p - lr * g
        return p

    monkeypatch.setattr(codegen, "arithmetic", lambda dtypes: "float64")
    assert_broken("kernel equals rule", negated, "torch.float32, ")


def test_threads_that_leave_work_undone_are_caught(monkeypatch):
    def descend(p, g, *, lr=1e-2):
        p = p - lr * g
        return p

    monkeypatch.setattr(step.CPUStep, "_run_with", lambda self, threads: None)
    assert_broken("any number of threads", descend, "2 threads instead of 1, 200003 elements, torch.float32: p[0] is ")


def test_a_complex_tensor_stepped_in_half_is_caught(monkeypatch):
    def descend(p, g, *, lr=1e-2):
        p = p - lr * g
        return p

    monkeypatch.setattr(entry, "cells", torch.Tensor.numel)
    assert_broken("complex as two parts", descend, "shape (5, 7), torch.complex64, as real and imaginary parts: p[")


# --- what is said -----------------------------------------------------------------------------------------------------


def test_all_broken_laws_are_reported_at_once():
    with pytest.raises(BrokenLawError) as caught:
        check_rule(climbs_and_divides_by_zero)
    assert caught.value.laws == ("stays finite", "goes down")
    head, finite, down = str(caught.value).split("\n\n")
    assert head.startswith(f"rule 'climbs_and_divides_by_zero', {__file__}:")
    assert head.endswith(", breaks 2 laws.")
    assert finite == (
        "stays finite: A zero gradient or one a million times larger than before leaves neither infinity nor NaN.\n"
        "    Found: a zero gradient at the first step: after step 1, shape (37,), torch.float32: p[0] is nan.\n"
        "    Usual cause: something is divided by what can be zero: add an eps; or a power of the gradient is too "
        "large for float32."
    )
    assert down.startswith("goes down: From some learning rate, 100 steps on the parabola p²/2 take the loss below")


def test_an_error_in_a_rule_is_told_once_with_its_line():
    @whole
    def impatient(p, g, m, *, lr=1e-2):
        m = 0.9 * m + g
        return p - lr * m, m

    with pytest.raises(BrokenLawError) as caught:
        check_rule(impatient)
    text = str(caught.value)
    assert len(caught.value.laws) > 5
    assert text.count("TypeError: unsupported operand type(s) for *: 'float' and 'NoneType'") == 1
    assert "m = 0.9 * m + g" in text
    assert "Usual cause: a state is read before its first step without `x if state is None else y`" in text
    assert "Found also by: any layout, " in text
    assert isinstance(caught.value.__cause__, TypeError)


def test_a_branch_on_elements_is_named_as_the_cause():
    with pytest.raises(BrokenLawError, match="Usual cause: a Python `if`, `and`, `or` or `not` on elements"):
        LAWS["works under vmap"].check(branches)


def test_a_law_can_be_left_out_by_name():
    outcome = check_rule(climbs, without=["goes down"])
    assert outcome["goes down"] == "left out: as asked"
    with pytest.raises(ValueError, match=r"There is no law 'go down'\. Did you mean 'goes down'"):
        check_rule(climbs, without=["go down"])


def test_laws_of_kernels_are_not_for_rules_of_whole_tensors():
    left_out = {name for name, said in check_rule(rules.muon).items() if said.startswith("left out: a rule of whole")}
    assert left_out == {name for name, law in LAWS.items() if law.of_kernels}
    assert {"kernel equals rule", "near float64", "complex as two parts"} < left_out
    with pytest.raises(unittest.SkipTest, match="near float64: a rule of whole tensors has no kernel"):
        LAWS["near float64"].check(rules.muon)


def test_an_argument_that_the_optimizer_lacks_is_no_broken_law():
    with pytest.raises(unittest.SkipTest, match="its optimizer has no argument 'maximize', as torch's has none"):
        LAWS["maximize negates the gradient"].check(rules.muon)


@pytest.mark.parametrize(
    ("options", "kind", "answer"),
    [({"rate": 0.1}, TypeError, "'rate'"), ({"lr": -1.0}, ValueError, "Invalid learning rate: -1.0")],
)
def test_wrong_hyperparameters_are_refused_as_by_the_optimizer(options, kind, answer):
    with pytest.raises(kind, match=answer):
        check_rule(climbs, **options)


@pytest.mark.parametrize("law", laws(), ids=str)
def test_one_test_for_each_law(law):
    """As a stranger writes it."""
    law.check(rules.sgd)


def test_every_law_is_shown_to_break():
    elsewhere = {"can be read", "kernel equals rule", "any number of threads", "complex as two parts"}
    assert {*LAWS} == {name for name, _, _ in WRONG} | elsewhere
    assert all(law.statement.endswith((".", ".”")) and law.cause.endswith(".") for law in laws())


def test_nothing_of_the_callers_is_changed():
    state, threads, dtype = torch.get_rng_state(), torch.get_num_threads(), torch.get_default_dtype()
    check_rule(rules.sgd)
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.get_num_threads(), torch.get_default_dtype()) == (threads, dtype)


def test_no_test_runner_is_needed():
    program = "import sys, steepest.testing; print([m for m in ('pytest', 'hypothesis') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
