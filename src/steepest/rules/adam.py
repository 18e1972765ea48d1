"""Adam and its relatives."""

from steepest.ops import maximum, sqrt


def adam(
    p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step,
    *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled_weight_decay=False,
):  # fmt: skip
    """Step by the mean gradient over its root mean square.  Kingma and Ba, 2015; AMSGrad: Reddi et al., 2018."""
    beta1, beta2 = betas
    if decoupled_weight_decay:
        p = p * (1 - lr * weight_decay)
    else:
        g = g + weight_decay * p
    exp_avg = beta1 * exp_avg + (1 - beta1) * g
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g
    second_moment = exp_avg_sq
    if amsgrad:
        max_exp_avg_sq = maximum(max_exp_avg_sq, exp_avg_sq)
        second_moment = max_exp_avg_sq
    # The order of Kingma and Ba's section 2: both corrections are numbers, and one division is left per element.
    correction1 = 1 - beta1**step
    correction2 = sqrt(1 - beta2**step)
    p = p - lr * correction2 / correction1 * exp_avg / (sqrt(second_moment) + eps * correction2)
    return p, exp_avg, exp_avg_sq, max_exp_avg_sq


def adamw(
    p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step,
    *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-2, amsgrad=False,
):  # fmt: skip
    """Adam with the weight decay on the parameter instead of in the gradient.  Loshchilov and Hutter, 2019."""
    return adam(
        p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step,
        lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, amsgrad=amsgrad, decoupled_weight_decay=True,
    )  # fmt: skip
