"""Adan."""

from steepest.ops import sqrt


def adan(
    p, g, exp_avg, exp_avg_diff, exp_avg_sq, prev_grad,
    *, lr=1e-3, betas=(0.98, 0.92, 0.99), eps=1e-8, weight_decay=0.0,
):  # fmt: skip
    """Adam with Nesterov's momentum, estimated from how much the gradient changes.  Xie et al., 2022, algorithm 1."""
    beta1, beta2, beta3 = betas  # one minus those of the paper, as in its authors' code
    change = 0.0 if prev_grad is None else g - prev_grad
    ahead = g + beta2 * change
    exp_avg = g if exp_avg is None else beta1 * exp_avg + (1 - beta1) * g
    exp_avg_diff = beta2 * exp_avg_diff + (1 - beta2) * change
    exp_avg_sq = g * g if exp_avg_sq is None else beta3 * exp_avg_sq + (1 - beta3) * ahead * ahead
    p = (p - lr * (exp_avg + beta2 * exp_avg_diff) / (sqrt(exp_avg_sq) + eps)) / (1 + lr * weight_decay)
    prev_grad = g
    return p, exp_avg, exp_avg_diff, exp_avg_sq, prev_grad
