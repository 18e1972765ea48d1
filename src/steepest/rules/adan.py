"""Adan."""

from steepest.ops import sqrt


def adan(
    p, g, exp_avg, exp_avg_diff, exp_avg_sq, prev_grad,
    *, lr=1e-3, betas=(0.98, 0.92, 0.99), eps=1e-8, weight_decay=0.0,
):  # fmt: skip
    """Adam with Nesterov's momentum, estimated from how much the gradient changes.  Xie et al., 2022.

    Xie et al., 2022: Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep Models, algorithm 1,
        https://arxiv.org/abs/2208.06677
    betas: How much of the averages of the gradient, of its change, and of its square is kept from step to step; one
        minus the betas of the paper, as in its authors' code.
    weight_decay: Divides the parameter by one plus lr times this, apart from its gradient.
    """
    beta1, beta2, beta3 = betas
    change = 0.0 if prev_grad is None else g - prev_grad
    ahead = g + beta2 * change
    exp_avg = g if exp_avg is None else beta1 * exp_avg + (1 - beta1) * g
    exp_avg_diff = beta2 * exp_avg_diff + (1 - beta2) * change
    exp_avg_sq = g * g if exp_avg_sq is None else beta3 * exp_avg_sq + (1 - beta3) * ahead * ahead
    p = (p - lr * (exp_avg + beta2 * exp_avg_diff) / (sqrt(exp_avg_sq) + eps)) / (1 + lr * weight_decay)
    prev_grad = g
    return p, exp_avg, exp_avg_diff, exp_avg_sq, prev_grad
