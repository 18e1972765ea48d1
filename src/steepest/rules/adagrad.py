"""Adagrad."""

from steepest.ops import sqrt, where


def adagrad(
    p, g, sum, step,
    *, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10,
):  # fmt: skip
    """Divide the gradient by the root of the sum of all its squares so far.  Duchi et al., 2011."""
    return _adagrad(
        p, g, sum, step,
        lr=lr, lr_decay=lr_decay, weight_decay=weight_decay, initial_accumulator_value=initial_accumulator_value,
        eps=eps,
    )  # fmt: skip


def _adagrad(
    p, g, sum, step,
    *, lr=1e-2, lr_decay=0.0, weight_decay=0.0, initial_accumulator_value=0.0, eps=1e-10, eps_in_root=False,
):  # fmt: skip
    """Adagrad, whose epsilon may also stand under the root."""
    if weight_decay:
        g = g + weight_decay * p
    sum = (initial_accumulator_value if sum is None else sum) + g * g
    rate = lr / (1 + (step - 1) * lr_decay)
    if eps_in_root:
        p = p - rate * where(sum <= 0, 0.0, g / sqrt(sum + eps))  # optax's, also for epsilon 0; NaN is no <= and stays
    else:
        p = p - rate * g / (sqrt(sum) + eps)
    return p, sum
