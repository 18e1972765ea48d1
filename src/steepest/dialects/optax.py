"""optax's transformations as rules, with optax's arguments and defaults, at a rate of 1: what is subtracted from p."""

from steepest.ops import maximum, sqrt, where
from steepest.rules import adadelta, adamax, lion, rprop, sgd

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


def scale_by_rms(p, g, square_avg, step, *, decay=0.9, eps=1e-8, eps_in_sqrt=True, bias_correction=False):
    """RMSprop without momentum."""
    correction = 1 - decay**step if bias_correction else 1.0
    square_avg = decay * square_avg + (1 - decay) * g * g
    if eps_in_sqrt:
        g = g / sqrt(square_avg + eps * correction)
    else:
        g = g / (sqrt(square_avg) + eps * sqrt(correction))
    p = p - sqrt(correction) * g
    return p, square_avg


def scale_by_stddev(p, g, square_avg, grad_avg, *, decay=0.9, eps=1e-8, eps_in_sqrt=True):
    """Centered RMSprop without momentum."""
    square_avg = decay * square_avg + (1 - decay) * g * g
    grad_avg = decay * grad_avg + (1 - decay) * g
    variance = maximum(square_avg - grad_avg * grad_avg, 0.0)  # rounding can leave it just below zero
    if eps_in_sqrt:
        g = g / sqrt(variance + eps)
    else:
        g = g / (sqrt(variance) + eps)
    p = p - g
    return p, square_avg, grad_avg


def scale_by_rss(p, g, sum, *, eps=1e-7):
    """Adagrad, which stays where all gradients were zero, also for epsilon 0."""
    sum = sum + g * g
    p = p - where(sum <= 0, 0.0, g / sqrt(sum + eps))  # NaN is no <= and stays
    return p, sum


def scale_by_adadelta(p, g, square_avg, acc_delta, step, *, rho=0.9, eps=1e-6):
    """Adadelta."""
    return adadelta(p, g, square_avg, acc_delta, step, lr=1.0, rho=rho, eps=eps)


def scale_by_adam(p, g, exp_avg, exp_avg_sq, step, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, nesterov=False):
    """Adam, or Nadam: Dozat, 2016, without a schedule of the momentum."""
    exp_avg = b1 * exp_avg + (1 - b1) * g
    exp_avg_sq = b2 * exp_avg_sq + (1 - b2) * g * g
    second_moment = exp_avg_sq
    if eps_root:
        second_moment = second_moment + eps_root * (1 - b2**step)
    correction1 = 1 - b1**step
    correction2 = sqrt(1 - b2**step)
    mean = exp_avg
    if nesterov:
        mean = b1 * correction1 / (1 - b1 ** (step + 1)) * exp_avg + (1 - b1) * g
    p = p - correction2 / correction1 * mean / (sqrt(second_moment) + eps * correction2)
    return p, exp_avg, exp_avg_sq


def scale_by_amsgrad(
    p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step,
    *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, bias_correction_mu=True,
):  # fmt: skip
    """AMSGrad, with the maximum of what was corrected."""
    exp_avg = b1 * exp_avg + (1 - b1) * g
    exp_avg_sq = b2 * exp_avg_sq + (1 - b2) * g * g
    max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq / (1 - b2**step))
    second_moment = (1 - b2**step) * max_exp_avg_sq
    if eps_root:
        second_moment = second_moment + eps_root * (1 - b2**step)
    correction1 = 1 - b1**step
    correction2 = sqrt(1 - b2**step)
    lr = 1.0 if bias_correction_mu else correction1
    p = p - lr * correction2 / correction1 * exp_avg / (sqrt(second_moment) + eps * correction2)
    return p, exp_avg, exp_avg_sq, max_exp_avg_sq


def scale_by_adamax(p, g, exp_avg, exp_inf, step, *, b1=0.9, b2=0.999, eps=1e-8):
    """Adamax."""
    return adamax(p, g, exp_avg, exp_inf, step, lr=1.0, betas=(b1, b2), eps=eps)


def scale_by_radam(
    p, g, exp_avg, exp_avg_sq, step, *, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, threshold=5.0, nesterov=False,
):  # fmt: skip
    """RAdam, with epsilon beside the corrected root."""
    exp_avg = b1 * exp_avg + (1 - b1) * g
    exp_avg_sq = b2 * exp_avg_sq + (1 - b2) * g * g
    second_moment = exp_avg_sq
    if eps_root:
        second_moment = second_moment + eps_root * (1 - b2**step)
    mean = exp_avg
    if nesterov:
        mean = b1 * (1 - b1**step) / (1 - b1 ** (step + 1)) * exp_avg + (1 - b1) * g
    longest = 2 / (1 - b2) - 1
    length = longest - 2 * step * b2**step / (1 - b2**step)  # of the average, in steps
    divisor = (longest - 4) * (longest - 2) * length
    rectification = (length - 4) * (length - 2) * longest / where(divisor == 0, 1.0, divisor)  # 0 where b2 is 0.6
    adaptive = sqrt(maximum(rectification, 0.0) * (1 - b2**step)) / (sqrt(second_moment) + eps * sqrt(1 - b2**step))
    p = p - 1 / (1 - b1**step) * mean * where(length > threshold, adaptive, 1.0)
    return p, exp_avg, exp_avg_sq


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
