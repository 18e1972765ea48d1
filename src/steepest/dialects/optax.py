"""optax's transformations as rules, with optax's arguments and defaults, at a rate of 1: what is subtracted from p."""

from steepest.ops import sqrt
from steepest.rules.adadelta import adadelta
from steepest.rules.adagrad import _adagrad
from steepest.rules.adam import _adam, _radam, adamax
from steepest.rules.rmsprop import _rmsprop
from steepest.rules.sgd import sgd
from steepest.rules.sign import lion, rprop

FIELDS = {
    "trace": {"momentum_buffer": "trace"},
    "scale_by_adadelta": {"square_avg": "e_g", "acc_delta": "e_x"},
    "scale_by_adam": {"exp_avg": "mu", "exp_avg_sq": "nu"},
    "scale_by_adamax": {"exp_avg": "mu", "exp_inf": "nu"},
    "scale_by_amsgrad": {"exp_avg": "mu", "exp_avg_sq": "nu", "max_exp_avg_sq": "nu_max"},
    "scale_by_lion": {"exp_avg": "mu"},
    "scale_by_radam": {"exp_avg": "mu", "exp_avg_sq": "nu"},
    "scale_by_rms": {"square_avg": "nu"},
    "scale_by_rprop": {"step_size": "step_sizes", "prev": "prev_updates"},
    "scale_by_rss": {"sum": "sum_of_squares"},
    "scale_by_stddev": {"grad_avg": "mu", "square_avg": "nu"},
}
"""What optax calls the states of each."""


def trace(p, g, momentum_buffer, *, decay=0.9, nesterov=False):
    """A running sum of gradients."""
    return sgd(p, g, momentum_buffer, lr=1.0, momentum=decay, nesterov=nesterov)


def scale_by_rms(
    p, g, square_avg, momentum_buffer, grad_avg, step,
    *, decay=0.9, eps=1e-8, eps_in_sqrt=True, bias_correction=False,
):  # fmt: skip
    """RMSprop without momentum."""
    correction = 1 - decay**step if bias_correction else 1.0
    return _rmsprop(
        p, g, square_avg, momentum_buffer, grad_avg, step,
        lr=sqrt(correction), alpha=decay, eps=eps * correction if eps_in_sqrt else eps * sqrt(correction),
        eps_in_root=eps_in_sqrt,
    )  # fmt: skip


def scale_by_stddev(
    p, g, square_avg, momentum_buffer, grad_avg, step, *, decay=0.9, eps=1e-8, eps_in_sqrt=True,
):  # fmt: skip
    """Centered RMSprop without momentum."""
    return _rmsprop(
        p, g, square_avg, momentum_buffer, grad_avg, step,
        lr=1.0, alpha=decay, eps=eps, eps_in_root=eps_in_sqrt, centered=True,
    )  # fmt: skip


def scale_by_rss(p, g, sum, step, *, eps=1e-7):
    """Adagrad."""
    return _adagrad(p, g, sum, step, lr=1.0, eps=eps, eps_in_root=True)


def scale_by_adadelta(p, g, square_avg, acc_delta, step, *, rho=0.9, eps=1e-6):
    """Adadelta."""
    return adadelta(p, g, square_avg, acc_delta, step, lr=1.0, rho=rho, eps=eps)


def scale_by_adam(
    p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, nesterov=False,
):  # fmt: skip
    """Adam, or Nadam."""
    return _adam(
        p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step,
        lr=1.0, betas=(b1, b2), eps=eps, eps_root=eps_root, nesterov=nesterov,
    )  # fmt: skip


def scale_by_amsgrad(
    p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step,
    *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, bias_correction_mu=True,
):  # fmt: skip
    """AMSGrad, with the maximum of what was corrected."""
    return _adam(
        p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step,
        lr=1.0 if bias_correction_mu else 1 - b1**step, betas=(b1, b2), eps=eps, eps_root=eps_root,
        corrected_max=True,
    )  # fmt: skip


def scale_by_adamax(p, g, exp_avg, exp_inf, step, *, b1=0.9, b2=0.999, eps=1e-8):
    """Adamax."""
    return adamax(p, g, exp_avg, exp_inf, step, lr=1.0, betas=(b1, b2), eps=eps)


def scale_by_radam(
    p, g, exp_avg, exp_avg_sq, step, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, threshold=5.0, nesterov=False,
):  # fmt: skip
    """RAdam, with epsilon beside the corrected root."""
    return _radam(
        p, g, exp_avg, exp_avg_sq, step,
        lr=1.0, betas=(b1, b2), eps=eps * sqrt(1 - b2**step), eps_root=eps_root, threshold=threshold, nesterov=nesterov,
    )  # fmt: skip


def scale_by_lion(p, g, exp_avg, *, b1=0.9, b2=0.99):
    """Lion."""
    return lion(p, g, exp_avg, lr=1.0, betas=(b1, b2))


def scale_by_rprop(
    p, g, prev, step_size, step,
    *, learning_rate=1e-2, eta_minus=0.5, eta_plus=1.2, min_step_size=1e-6, max_step_size=50.0,
):  # fmt: skip
    """Rprop, whose steps have their own sizes."""
    return rprop(
        p, g, prev, step_size, step,
        lr=learning_rate, etas=(eta_minus, eta_plus), step_sizes=(min_step_size, max_step_size),
    )  # fmt: skip
