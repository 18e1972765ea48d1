"""Rules that step by signs."""

from steepest.ops import full_like, maximum, minimum, sign, where


def lion(p, g, exp_avg, *, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0):
    """Step by the sign of a mix of gradient and momentum.  Chen et al., 2023."""
    beta1, beta2 = betas
    update = beta1 * exp_avg + (1 - beta1) * g
    p = p * (1 - lr * weight_decay) - lr * sign(update)
    exp_avg = beta2 * exp_avg + (1 - beta2) * g
    return p, exp_avg


def rprop(p, g, prev, step_size, step, *, lr=1e-2, etas=(0.5, 1.2), step_sizes=(1e-6, 50.0)):
    """Grow each step while its gradient keeps its sign, shrink it when it turns.  Riedmiller and Braun, 1993."""
    etaminus, etaplus = etas
    smallest, largest = step_sizes
    turn = g * prev
    step_size = full_like(p, lr) if step_size is None else step_size
    step_size = where(turn > 0, etaplus * step_size, where(turn < 0, etaminus * step_size, step_size))
    step_size = minimum(maximum(step_size, smallest), largest)
    g = where(turn < 0, 0.0, g)  # after a turn the minimum lies behind: stay, and forget
    p = p - sign(g) * step_size
    prev = g
    return p, prev, step_size
