"""Rules that are called in the lines of a rule: kernels against the functions themselves, run on NumPy."""

import numpy as np
import pytest
import torch

import steepest
from steepest import RuleError
from steepest.compiler.program import program
from steepest.compiler.python import assignment
from steepest.compiler.rule import read
from steepest.kernels import reference
from steepest.ops import sqrt, where
from steepest.rules import adam, lion, muon, sgd


def moves_on_from_lion(p, g, exp_avg, slow, *, lr=0.1, betas=(0.9, 0.99), alpha=0.5):
    """What is called is given another name, and the caller's p and g stay what they were."""
    stepped, exp_avg = lion(p, g, exp_avg, lr=lr, betas=betas)
    slow = (1 - alpha) * p + alpha * stepped
    p = slow - 0.01 * lr * g
    return p, exp_avg, slow


def decays_twice(p, g, m, *, lr=0.1, decay=0.1):
    """`g` is changed inside of what is called, and not here."""
    stepped, m = sgd(p, g, m, lr=lr, momentum=0.9, weight_decay=decay)
    p = stepped - lr * g
    return p, m


def calls_one_rule_twice(p, g, first, second, *, lr=0.1):
    """Each call has its own names."""
    once, first = sgd(p, g, first, lr=lr, momentum=0.9)
    p, second = sgd(once, 2 * g, second, lr=lr, momentum=0.5, nesterov=True)
    return p, first, second


def exchanges_names(p, g, m, *, lr=0.1, momentum=0.9):
    """What the called rule calls lr is momentum here, and the other way round."""
    p, m = sgd(p, g, m, lr=momentum, momentum=lr)
    return p, m


def exchanges_names_at_the_end(p, g, m, *, lr=0.1, momentum=0.9):
    return sgd(p, g, m, lr=momentum, momentum=lr)


def passes_no_state(p, g, exp_avg, exp_avg_sq, step, *, lr=0.1):
    """A state that the called rule does not use need not be there."""
    p, exp_avg, exp_avg_sq, _ = adam(p, g, exp_avg, exp_avg_sq, None, step, lr=lr)
    return p, exp_avg, exp_avg_sq


def starts_what_it_passes(p, g, m, *, lr=0.1):
    """The state of what is called has a value by then, so this is no first step of it."""
    m = 0.5 * m + g
    p, m = sgd(p, g, m, lr=lr, momentum=0.9)
    return p, m


def calls_in_a_branch(p, g, m, *, lr=0.1, momentum=0.9, plain=False):
    if plain:
        p = p - lr * g
    else:
        p, m = sgd(p, sqrt(abs(g)), m, lr=lr, momentum=momentum)
    p = where(p > 3, 3.0, p)
    return p, m


def calls_what_calls(p, g, exp_avg, slow, *, lr=0.1):
    stepped, exp_avg, slow = moves_on_from_lion(p, g, exp_avg, slow, lr=2 * lr)
    p = stepped + 0.1 * p
    return p, exp_avg, slow


CALLERS = [
    moves_on_from_lion, decays_twice, calls_one_rule_twice, exchanges_names, exchanges_names_at_the_end,
    passes_no_state, starts_what_it_passes, calls_in_a_branch, calls_what_calls,
]  # fmt: skip


@pytest.mark.parametrize("function", CALLERS)
def test_a_kernel_does_what_the_function_does_on_numpy(function) -> None:
    rule, p, state = read(function), np.linspace(-2, 2, 9), {}
    parameter = torch.nn.Parameter(torch.tensor(p))
    optimizer = steepest.optimizer(function)([parameter])
    for count in range(1, 5):
        g = np.cos(count * np.arange(9.0))
        p, state = reference.step(rule, p, g, state, rule.hyperparameters, step=float(count))
        parameter.grad = torch.tensor(g)
        optimizer.step()
        np.testing.assert_array_equal(parameter.detach().numpy(), p)
        for name, value in state.items():
            np.testing.assert_array_equal(optimizer.state[parameter][name].numpy(), value, err_msg=name)


def test_names_say_where_they_come_from() -> None:
    rule = read(decays_twice)
    lines = [assignment(line) for line in program(rule, rule.hyperparameters).lines]
    assert "sgd_g = g + decay * p" in lines
    assert "sgd_p = p - lr * momentum_buffer" in lines


def test_a_switch_of_what_is_called_is_a_switch() -> None:
    rule = read(calls_in_a_branch)
    assert program(rule, rule.hyperparameters).state == ("m",)
    assert program(rule, {**rule.hyperparameters, "momentum": 0.0}).state == ()
    assert program(rule, {**rule.hyperparameters, "plain": True}).state == ()


def test_check_rule_holds_for_such_a_rule() -> None:
    steepest.testing.check_rule(moves_on_from_lion)


def wants_fewer(p, g, m, *, lr=0.1):
    p = sgd(p, g, m, lr=lr)
    return p, m


def calls_inside(p, g, m, *, lr=0.1):
    p = p + sgd(p, g, m, lr=lr)  # pyright: ignore[reportOperatorIssue]
    return p, m


def calls_a_rule_of_matrices(p, g, m, *, lr=0.1):
    p, m = muon(p, g, m, lr=lr)
    return p, m


def misspells_an_argument(p, g, m, *, lr=0.1):
    p, m = sgd(p, g, m, rate=lr)  # type: ignore[call-arg]
    return p, m


def calls_itself(p, g, *, lr=0.1):
    p = calls_itself(p, g, lr=lr)
    return p


@pytest.mark.parametrize(
    ("function", "line", "said"),
    [
        (wants_fewer, "p = sgd(p, g, m, lr=lr)", "sgd returns 2 values, and 1 are wanted"),
        (calls_inside, "p = p + sgd(p, g, m, lr=lr)", "its call stands alone"),
        (calls_a_rule_of_matrices, "p, m = muon(p, g, m, lr=lr)", "steepest.tensor_ops.whole"),
        (misspells_an_argument, "p, m = sgd(p, g, m, rate=lr)", "unexpected keyword argument 'rate'"),
        (calls_itself, "p = calls_itself(p, g, lr=lr)", "never ends"),
    ],
)
def test_calls_that_cannot_be_are_refused_with_their_line(function, line: str, said: str) -> None:
    with pytest.raises(RuleError) as refusal:
        read(function)
    assert line in str(refusal.value)
    assert said in str(refusal.value)
