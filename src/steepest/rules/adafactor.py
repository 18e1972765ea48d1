"""Adafactor."""

from steepest.ops import maximum, minimum, sqrt
from steepest.tensor_ops import epsilon, mean, root_mean_square, whole


@whole
def adafactor(
    p, g, row_var, col_var, variance, step,
    *, lr=1e-2, beta2_decay=-0.8, eps=(None, 1e-3), d=1.0, weight_decay=0.0,
):  # fmt: skip
    """Adam's second moment from its row and column means, with clipped, relative steps.  Shazeer and Stern, 2018."""
    eps1, eps2 = eps
    eps1 = epsilon(p) if eps1 is None else eps1
    rate = minimum(lr, 1 / sqrt(step)) * maximum(eps2, root_mean_square(p))
    p = p * (1 - lr * weight_decay)
    if g.ndim > 1:
        row_var = _average(row_var, mean(g * g, -1), step**beta2_decay)
        col_var = _average(col_var, mean(g * g, -2), step**beta2_decay)
        second_moment = row_var * col_var / maximum(mean(row_var, -2), eps1)
    else:
        variance = _average(variance, g * g, step**beta2_decay)
        second_moment = variance
    update = g / sqrt(maximum(second_moment, eps1 * eps1))
    p = p - rate / maximum(1.0, root_mean_square(update) / d) * update
    return p, row_var, col_var, variance


def _average(before, now, weight):
    return weight * now if before is None else before + weight * (now - before)
