"""Adadelta."""

from steepest.ops import sqrt


def adadelta(p, g, square_avg, acc_delta, step, *, lr=1.0, rho=0.9, eps=1e-6, weight_decay=0.0):
    """Scale the gradient by the root mean square of past steps over that of past gradients.  Zeiler, 2012."""
    if weight_decay:
        g = g + weight_decay * p
    square_avg = rho * square_avg + (1 - rho) * g * g
    delta = sqrt((acc_delta + eps) / (square_avg + eps)) * g  # one root less than the paper's quotient of two
    acc_delta = rho * acc_delta + (1 - rho) * delta * delta
    p = p - lr * delta
    return p, square_avg, acc_delta
