"""Adam and its relatives."""

from steepest.ops import abs, maximum, sqrt, where


def adam(
    p, g, exp_avg, exp_avg_sq, max_exp_avg_sq, step,
    *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, amsgrad=False, decoupled_weight_decay=False,
):  # fmt: skip
    """Step by the mean gradient over its root mean square.  Kingma and Ba, 2015; AMSGrad: Reddi et al., 2018."""
    beta1, beta2 = betas
    if decoupled_weight_decay:
        p = p * (1 - lr * weight_decay)
    elif weight_decay:
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


def adamax(p, g, exp_avg, exp_inf, step, *, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    """Adam with the running maximum of |gradient| in place of its root mean square.  Kingma and Ba, 2015."""
    beta1, beta2 = betas
    if weight_decay:
        g = g + weight_decay * p
    exp_avg = beta1 * exp_avg + (1 - beta1) * g
    exp_inf = maximum(beta2 * exp_inf, abs(g) + eps)
    p = p - lr / (1 - beta1**step) * exp_avg / exp_inf
    return p, exp_avg, exp_inf


def nadam(
    p, g, mu_product, exp_avg, exp_avg_sq, step,
    *, lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, momentum_decay=4e-3, decoupled_weight_decay=False,
):  # fmt: skip
    """Adam with Nesterov's momentum, on a schedule of its own that mu_product sums up.  Dozat, 2016."""
    beta1, beta2 = betas
    if decoupled_weight_decay:
        p = p * (1 - lr * weight_decay)
    elif weight_decay:
        g = g + weight_decay * p
    exp_avg = beta1 * exp_avg + (1 - beta1) * g
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g
    mu = beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay))
    mu_next = beta1 * (1 - 0.5 * 0.96 ** ((step + 1) * momentum_decay))
    mu_product = (1.0 if mu_product is None else mu_product) * mu
    update = (1 - mu) / (1 - mu_product) * g + mu_next / (1 - mu_product * mu_next) * exp_avg
    correction2 = sqrt(1 - beta2**step)
    p = p - lr * correction2 * update / (sqrt(exp_avg_sq) + eps * correction2)
    return p, mu_product, exp_avg, exp_avg_sq


def radam(
    p, g, exp_avg, exp_avg_sq, step,
    *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled_weight_decay=False,
):  # fmt: skip
    """Adam that steps by the mean gradient alone until its mean square is worth dividing by.  Liu et al., 2020."""
    beta1, beta2 = betas
    if decoupled_weight_decay:
        p = p * (1 - lr * weight_decay)
    elif weight_decay:
        g = g + weight_decay * p
    exp_avg = beta1 * exp_avg + (1 - beta1) * g
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * step * beta2**step / (1 - beta2**step)  # of the average, in steps
    divisor = (longest - 4) * (longest - 2) * length
    rectification = (length - 4) * (length - 2) * longest / where(divisor == 0, 1.0, divisor)  # 0 where beta2 is 0.6
    adaptive = sqrt(maximum(rectification, 0.0) * (1 - beta2**step)) / (sqrt(exp_avg_sq) + eps)
    p = p - lr / (1 - beta1**step) * exp_avg * where(length > 5, adaptive, 1.0)
    return p, exp_avg, exp_avg_sq


def sparse_adam(p, g, exp_avg, exp_avg_sq, step, *, lr=1e-3, betas=(0.9, 0.999), eps=1e-8):
    """Adam for the rows that a sparse gradient has; the others rest.  Kingma and Ba, 2015, with epsilon hat."""
    beta1, beta2 = betas
    exp_avg = beta1 * exp_avg + (1 - beta1) * g
    exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g * g
    p = p - lr * sqrt(1 - beta2**step) / (1 - beta1**step) * exp_avg / (sqrt(exp_avg_sq) + eps)
    return p, exp_avg, exp_avg_sq
