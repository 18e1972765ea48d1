"""Keras's optimizers as rules, with Keras's arguments and defaults (Keras 3.15).

Its weight decay, clipping, averages of weights and accumulation are of its base class, not of a rule.
"""

from steepest.ops import abs, maximum, sqrt, where
from steepest.rules import adadelta as _adadelta
from steepest.rules import adam as _adam
from steepest.rules import lion as _lion
from steepest.rules import nadam as _nadam
from steepest.rules import sgd as _sgd
from steepest.rules.muon import orthogonal
from steepest.tensor_ops import whole

VARIABLES = {
    "adadelta": {"square_avg": "accumulated_grad", "acc_delta": "accumulated_delta_var"},
    "adagrad": {"sum": "accumulator"},
    "adam": {"exp_avg": "momentum", "exp_avg_sq": "velocity", "max_exp_avg_sq": "velocity_hat"},
    "adamax": {"exp_avg": "momentum", "exp_inf": "norm"},
    "lion": {"exp_avg": "momentum"},
    "nadam": {"exp_avg": "momentum", "exp_avg_sq": "velocity", "mu_product": "u_product"},
    "rmsprop": {"square_avg": "velocity", "momentum_buffer": "momentum", "grad_avg": "average_gradient"},
    "sgd": {"momentum_buffer": "momentum"},
}
"""What Keras calls the states of each."""

STARTS = {
    "adagrad": {"sum": "initial_accumulator_value"},
    "nadam": {"mu_product": 1.0},
    "sgd": {"momentum_buffer": 0.0},
}
"""Where those start that Keras makes before the first step and a rule in it; an argument, or a number."""


def sgd(p, g, momentum_buffer, *, learning_rate=0.01, momentum=0.0, nesterov=False):
    """Stochastic gradient descent; its momentum is a sum of steps, each with the rate that it had."""
    g = -learning_rate * g
    return _sgd(p, g, momentum_buffer, lr=-1.0, momentum=momentum, nesterov=nesterov)


def rmsprop(
    p, g, square_avg, momentum_buffer, grad_avg,
    *, learning_rate=0.001, rho=0.9, momentum=0.0, epsilon=1e-7, centered=False,
):  # fmt: skip
    """RMSprop with epsilon under the root, and a momentum that is a sum of steps."""
    square_avg = rho * square_avg + (1 - rho) * g * g
    variance = square_avg
    if centered:
        grad_avg = rho * grad_avg + (1 - rho) * g
        variance = maximum(square_avg - grad_avg * grad_avg, 0.0)  # rounding can leave it just below zero
    update = learning_rate * (g / sqrt(variance + epsilon))
    if momentum:
        momentum_buffer = momentum * momentum_buffer + update
        update = momentum_buffer
    p = p - update
    return p, square_avg, momentum_buffer, grad_avg


def adagrad(p, g, sum, *, learning_rate=0.001, initial_accumulator_value=0.1, epsilon=1e-7):
    """Adagrad with epsilon under the root."""
    sum = (initial_accumulator_value if sum is None else sum) + g * g
    p = p - learning_rate * where(sum <= 0, 0.0, g / sqrt(sum + epsilon))  # NaN is no <= and stays
    return p, sum


def adadelta(p, g, square_avg, acc_delta, step, *, learning_rate=0.001, rho=0.95, epsilon=1e-7):
    """Adadelta, whose rate is a thousandth of the paper's."""
    return _adadelta(p, g, square_avg, acc_delta, step, lr=learning_rate, rho=rho, eps=epsilon)


def adam(
    p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step,
    *, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7, amsgrad=False,
):  # fmt: skip
    """Adam with Kingma and Ba's epsilon hat, beside the root that is not corrected."""
    return _adam(
        p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step,
        lr=learning_rate, betas=(beta_1, beta_2), eps=epsilon / sqrt(1 - beta_2**step), amsgrad=amsgrad,
    )  # fmt: skip


def adamax(p, g, exp_avg, exp_inf, step, *, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Adamax with epsilon outside of the maximum."""
    exp_avg = beta_1 * exp_avg + (1 - beta_1) * g
    exp_inf = maximum(beta_2 * exp_inf, abs(g))
    p = p - learning_rate / (1 - beta_1**step) * exp_avg / (exp_inf + epsilon)
    return p, exp_avg, exp_inf


def nadam(
    p, g, mu_product, exp_avg, exp_avg_sq, step, *, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-7
):  # fmt: skip
    """Nadam, whose momentum is nearly beta_1 after a hundred steps; torch's after tens of thousands."""
    return _nadam(
        p, g, mu_product, exp_avg, exp_avg_sq, step,
        lr=learning_rate, betas=(beta_1, beta_2), eps=epsilon, momentum_decay=1.0,
    )  # fmt: skip


@whole
def muon(
    p, g, momentum_buffer,
    *, learning_rate=0.001, muon_a=3.4445, muon_b=-4.7750, muon_c=2.0315, momentum=0.95, ns_steps=5, nesterov=True,
    rms_rate=0.2,
):  # fmt: skip
    """Muon: its momentum is a sum, its iteration runs in the dtype of the matrix."""
    momentum_buffer = momentum * momentum_buffer + g
    update = g + momentum * momentum_buffer if nesterov else momentum_buffer
    step = orthogonal(update, (muon_a, muon_b, muon_c), 1e-7, ns_steps)
    ratio = 1.0 if rms_rate is None else rms_rate * max(p.shape[-2:]) ** 0.5
    return p - learning_rate * ratio * step, momentum_buffer


def lion(p, g, exp_avg, *, learning_rate=0.001, beta_1=0.9, beta_2=0.99):
    """Lion: step by the sign of a mix of gradient and momentum."""
    return _lion(p, g, exp_avg, lr=learning_rate, betas=(beta_1, beta_2))
