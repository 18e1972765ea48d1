"""Averaged stochastic gradient descent."""

from steepest.ops import maximum, where


def asgd(p, g, eta, mu, ax, step, *, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6, weight_decay=0.0):
    """Decaying steps, and `ax`, the mean of all parameters from step t0 on.  Polyak and Juditsky, 1992."""
    if weight_decay:
        g = g + weight_decay * p
    eta = lr if eta is None else eta
    mu = 1.0 if mu is None else mu
    p = p * (1 - lambd * eta) - eta * g
    ax = where(mu == 1, p, ax + mu * (p - ax))
    eta = lr / (1 + lambd * lr * step) ** alpha
    mu = 1 / maximum(1, step - t0)
    return p, eta, mu, ax
