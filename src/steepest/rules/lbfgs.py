"""Limited-memory BFGS on whole vectors: the direction from past gradients, and how far to go along it.

Nocedal and Wright, Numerical Optimization, 2nd edition, 2006.  Vectors are whatever has `dot` and `add_`; a number is
a float or a tensor of one element, and stays what it is, because checkpoints hold it.
"""

from typing import Any, NamedTuple

from steepest.ops import sqrt

SUFFICIENT_DECREASE = 1e-4
"""c1 of equation 3.7a: the part of the decrease promised by the first slope that a step must deliver."""
FLATNESS = 0.9
"""c2 of equation 3.7b: the part of the first slope that may be left."""
NARROWEST = 1e-9
"""The line search ends when no coordinate differs by more between the ends of its bracket."""
LEAST_CURVATURE = 1e-10
"""Pairs with a smaller y·s would make the next direction arbitrarily long, or lead uphill."""
INFINITY = float("inf")


class History(NamedTuple):
    """What past steps showed of the curvature, oldest first, under the names that torch's checkpoints have."""

    old_dirs: list[Any]
    """y: how much the gradient changed."""
    old_stps: list[Any]
    """s: how far the step went."""
    ro: list[Any]
    """1 / y·s."""
    H_diag: Any
    """y·s / y·y of the last pair: the scale of the inverse Hessian (equation 7.20)."""


def remember(history, y, s, size):
    """The history with one pair more, and at most `size` pairs; as it was where y·s is too small, or no number."""
    ys = y.dot(s)
    if not ys > LEAST_CURVATURE:
        return history
    forgotten = max(0, len(history.ro) + 1 - size)
    old_dirs, old_stps, ro = (old[forgotten:] for old in history[:3])
    return History([*old_dirs, y], [*old_stps, s], [*ro, 1.0 / ys], ys / y.dot(y))


def direction(g, history):
    """Minus the inverse Hessian that the history implies, times the gradient.  Algorithm 7.4.

    Returns the direction, and the alphas of its first loop, oldest first.
    """
    pairs = list(zip(history.old_stps, history.old_dirs, history.ro, strict=True))
    q, alphas = -g, []
    for s, y, rho in reversed(pairs):
        alpha = s.dot(q) * rho
        q.add_(y, alpha=-alpha)  # in place: `q - alpha * y` would pass over memory twice as often
        alphas.insert(0, alpha)
    r = q * history.H_diag
    for (s, y, rho), alpha in zip(pairs, alphas, strict=True):
        r.add_(s, alpha=alpha - y.dot(r) * rho)
    return r, alphas


def first_step(g, lr):
    """A step length while nothing is known of the curvature: lr, or less so that |step|₁ is at most lr."""
    return min(1.0, 1.0 / g.abs().sum()) * lr


class Trial(NamedTuple):
    """A point on the ray from x along d."""

    t: Any
    """The distance from x, in lengths of d."""
    loss: float
    g: Any
    slope: Any
    """g·d."""


def trial(t, loss, g, d):
    """A trial; where loss or slope is infinite or no number, its loss counts as infinite, which is always too high."""
    slope = g.dot(d)
    usable = abs(loss) < INFINITY and abs(float(slope)) < INFINITY
    return Trial(t, loss if usable else INFINITY, g, slope)


def strong_wolfe(evaluate, start, t, d, budget):
    """A trial that is lower and flatter than the start (equations 3.7), or the lowest when the budget is spent.

    evaluate: t -> loss and gradient at x + t d.  start: the trial of t = 0, with a negative slope.  t: the first
    length to try; at 0 nothing is tried.  budget: how many may be tried after it.
    """

    def at(t):
        loss, g = evaluate(t)
        return trial(t, loss, g, d)

    if not t > 0:
        return start
    ends, tried = _bracket(at, start, t, budget)
    return ends[0] if len(ends) == 1 else _zoom(at, start, ends, d.abs().max(), budget - tried)


def _bracket(at, start, t, budget):
    """Lengthen the step until a good one is found or passed: that one or both ends, and the trials.  Algorithm 3.5."""
    before, here, tried = start, at(t), 0
    while tried < budget:
        too_far = not _is_low(start, here) or (tried > 1 and here.loss >= before.loss)
        if not too_far and _is_flat(start, here):
            return [here], tried
        if too_far or here.slope >= 0:
            return [before, here], tried
        t = cubic_minimum(before, here, here.t + 0.01 * (here.t - before.t), here.t * 10)
        before, here, tried = here, at(t), tried + 1
    return [start, here], tried


def _zoom(at, start, ends, reach, budget):
    """Narrow a bracket down to a good step.  Algorithm 3.6.  reach: the largest coordinate of d."""
    low = _lower(ends)
    was_near, tried = False, 0
    while tried < budget:
        left, right = sorted(end.t for end in ends)
        if not NARROWEST <= (right - left) * reach < INFINITY:
            break
        t, was_near = _off_the_ends(cubic_minimum(ends[0], ends[1], left, right), left, right, was_near)
        here, tried = at(t), tried + 1
        if not _is_low(start, here) or here.loss >= ends[low].loss:
            ends[1 - low] = here
            low = _lower(ends)
            continue
        if _is_flat(start, here):
            return here
        if here.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = here
    return ends[low]


def cubic_minimum(one, other, least, most):
    """Where the cubic through two trials is lowest, within bounds; their middle if it has none.  Equation 3.59."""
    left, right = (one, other) if one.t <= other.t else (other, one)
    if left.t < right.t:
        d1 = left.slope + right.slope - 3 * (left.loss - right.loss) / (left.t - right.t)
        d2 = sqrt(d1**2 - left.slope * right.slope)
        t = right.t - (right.t - left.t) * ((right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2))
        if t == t:  # noqa: PLR0124 - a number
            return min(max(t, least), most)
    return (least + most) / 2.0


def _off_the_ends(t, left, right, was_near):
    """A length a tenth of the bracket from its ends, if this one is nearer for the second time; whether it is near."""
    margin = 0.1 * (right - left)
    if min(right - t, t - left) >= margin:
        return t, False
    if left < t < right and not was_near:
        return t, True
    return (right - margin if abs(t - right) < abs(t - left) else left + margin), False


def _is_low(start, here):
    return here.loss < INFINITY and here.loss <= start.loss + SUFFICIENT_DECREASE * here.t * start.slope


def _is_flat(start, here):
    return abs(here.slope) <= -FLATNESS * start.slope


def _lower(ends):
    return 0 if ends[0].loss <= ends[1].loss else 1
