"""Adagrad."""

from steepest.ops import sqrt


def adagrad(
    p, g, sum, step,
    *, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10,
):  # fmt: skip
    """Divide the gradient by the root of the sum of all its squares so far.  Duchi et al., 2011."""
    if weight_decay:
        g = g + weight_decay * p
    sum = (initial_accumulator_value if sum is None else sum) + g * g
    rate = lr / (1 + (step - 1) * lr_decay)
    p = p - rate * g / (sqrt(sum) + eps)
    return p, sum
