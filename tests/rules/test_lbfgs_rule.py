"""The mathematics of L-BFGS against dense matrices, conjugate gradients and cubics worked out by hand."""

import math

import pytest
import torch
from torch.optim.lbfgs import _strong_wolfe

from steepest.rules.lbfgs import History, Trial, cubic_minimum, direction, first_step, remember, strong_wolfe, trial

NOTHING = History([], [], [], 1)
N = 6


def vectors(count: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return list(torch.randn(count, N, dtype=torch.float64, generator=generator))


def symmetric() -> torch.Tensor:
    """Positive definite, with eigenvalues 1 to 20."""
    q, _ = torch.linalg.qr(torch.stack(vectors(N)))
    return q @ torch.diag(torch.linspace(1, 20, N, dtype=torch.float64)) @ q.T


def test_the_direction_is_that_of_the_dense_inverse_hessian():
    a, history = symmetric(), NOTHING
    for s in vectors(4):
        history = remember(history, a @ s, s, size=10)
    y, s = history.old_dirs[-1], history.old_stps[-1]
    one = torch.eye(N, dtype=torch.float64)
    h = (y @ s) / (y @ y) * one
    for y, s in zip(history.old_dirs, history.old_stps, strict=True):  # Nocedal and Wright, equation 6.17
        rho = 1 / (y @ s)
        h = (one - rho * torch.outer(s, y)) @ h @ (one - rho * torch.outer(y, s)) + rho * torch.outer(s, s)
    g = vectors(5)[-1]
    torch.testing.assert_close(direction(g, history)[0], -h @ g, rtol=1e-12, atol=1e-12)


def test_without_a_history_the_direction_is_downhill_and_the_first_step_short():
    g = torch.tensor([3.0, -1.0])
    assert torch.equal(direction(g, NOTHING)[0], torch.tensor([-3.0, 1.0]))
    assert first_step(g, 0.5) == 0.5 / 4
    assert first_step(g / 8, 0.5) == 0.5


def test_the_oldest_pairs_are_forgotten_and_useless_ones_not_taken():
    history = NOTHING
    for s in vectors(5):
        history = remember(history, 2 * s, s, size=3)
    assert [s.tolist() for s in history.old_stps] == [s.tolist() for s in vectors(5)[2:]]
    assert history.H_diag == pytest.approx(0.5)
    s = vectors(1)[0]
    assert remember(history, -s, s, size=3) is history, "negative curvature"
    assert remember(history, s * math.nan, s, size=3) is history
    assert len(remember(history, s, s, size=1).ro) == 1, "a size that was made smaller"


def test_a_quadratic_in_n_dimensions_takes_n_exact_steps_which_are_those_of_conjugate_gradients():
    a, b = symmetric(), vectors(7)[-1]
    x = z = torch.zeros(N, dtype=torch.float64)
    history, g = NOTHING, -b
    residual = p = b
    for _ in range(N):
        d, _ = direction(g, history)
        t = -(g @ d) / (d @ a @ d)
        x, before, g = x + t * d, g, g + t * (a @ d)
        history = remember(history, g - before, t * d, size=N)
        length = (residual @ residual) / (p @ a @ p)
        z, last, residual = z + length * p, residual, residual - length * (a @ p)
        p = residual + (residual @ residual) / (last @ last) * p
        torch.testing.assert_close(x, z, rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(x, torch.linalg.solve(a, b), rtol=1e-9, atol=1e-9)


def along(f, df):
    """A function of t as trials on a ray in one dimension, from 0; and the lengths that were asked for."""
    asked = []

    def evaluate(t):
        asked.append(float(t))
        return f(float(t)), torch.tensor([df(float(t))], dtype=torch.float64)

    d = torch.ones(1, dtype=torch.float64)
    return evaluate, trial(0, *evaluate(0.0), d), d, asked


def at(t: float) -> Trial:
    """On t³ - 3t, whose minimum is at 1 and maximum at -1."""
    return Trial(t, t**3 - 3 * t, None, 3 * t**2 - 3.0)


@pytest.mark.parametrize(("one", "other"), [(0.0, 2.0), (2.0, 0.0), (0.5, 3.0), (-0.5, 0.25)])
def test_the_minimum_of_a_cubic(one, other):
    assert cubic_minimum(at(one), at(other), -9.0, 9.0) == pytest.approx(1.0, rel=1e-12)
    assert cubic_minimum(at(one), at(other), -9.0, 0.75) == 0.75
    assert cubic_minimum(at(one), at(other), 1.25, 9.0) == 1.25


def test_where_a_cubic_has_no_minimum_the_middle_is_taken():
    rising = Trial(0.0, 0.0, None, 1.0), Trial(1.0, 2.0, None, 4.0)  # d1² = 1, less than 1 · 4
    assert cubic_minimum(*rising, 0.0, 1.0) == 0.5
    assert cubic_minimum(rising[0], Trial(1.0, math.inf, None, math.nan), 0.0, 1.0) == 0.5
    assert cubic_minimum(rising[0], rising[0], 0.0, 1.0) == 0.5


FUNCTIONS = {
    "a parabola": (lambda t: (t - 3) ** 2, lambda t: 2 * (t - 3)),
    "a far one": (lambda t: (t / 1e4 - 3) ** 2, lambda t: 2e-4 * (t / 1e4 - 3)),
    "a narrow one": (lambda t: (1e4 * t - 3) ** 2, lambda t: 2e4 * (1e4 * t - 3)),
    "waves": (lambda t: t**2 / 50 - math.sin(3 * t), lambda t: t / 25 - 3 * math.cos(3 * t)),
    "a logarithm": (  # no number from t = 2 on
        lambda t: -4 * math.log(2 - t) - 3 * t if t < 2 else math.nan,
        lambda t: 4 / (2 - t) - 3 if t < 2 else math.nan,
    ),
    "a wall": (lambda t: (t - 1) ** 2 if t < 4 else math.inf, lambda t: 2 * (t - 1) if t < 4 else math.inf),
}  # fmt: skip


@pytest.mark.parametrize("first", [1e-3, 1.0, 50.0])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_line_search_meets_the_strong_wolfe_conditions(name, first):
    f, df = FUNCTIONS[name]
    evaluate, start, d, asked = along(f, df)
    found = strong_wolfe(evaluate, start, first, d, 25)
    t = float(found.t)
    assert f(t) <= f(0.0) + 1e-4 * t * df(0.0)
    assert abs(df(t)) <= 0.9 * abs(df(0.0))
    assert (found.loss, found.g.item()) == (f(t), df(t))
    assert len(asked) <= 27


def rugged(seed: int):
    """Waves on a bowl; some in steps of 1/4, with equal values; some with slopes too steep to be kept up with."""
    a, b, c = (1.0 + math.sin(seed * k) for k in (1.7, 2.3, 3.1))
    steep = 1e5 if seed % 3 == 0 else 1

    def f(t):
        value = 0.02 * (t - 5 * a) ** 2 + b * math.sin(3 * c * t + seed) - b * math.sin(seed)
        return round(4 * value) / 4 if seed % 2 else value

    return f, lambda t: steep * (0.04 * (t - 5 * a) + 3 * b * c * math.cos(3 * c * t + seed))


def of_torch(evaluate, start, first, d, budget):
    """torch's line search: loss, gradient, length, and the number of evaluations."""
    g, slope = start.g, start.slope
    return _strong_wolfe(lambda x, t, d: evaluate(t), None, first, d, start.loss, g, slope, max_ls=budget)


@pytest.mark.parametrize("budget", [25, 7, 2])
@pytest.mark.parametrize("first", [0.01, 0.5, 30.0])
def test_the_line_search_tries_what_torchs_tries(first, budget):
    compared = 0
    for f, df in map(rugged, range(60)):
        if df(0.0) > -0.1:
            continue
        evaluate, start, d, asked = along(f, df)
        found = strong_wolfe(evaluate, start, first, d, budget)
        evaluate, start, d, expected = along(f, df)
        loss, g, t, evaluations = of_torch(evaluate, start, first, d, budget)
        assert asked == expected
        assert (found.loss, found.g, found.t) == (loss, g, t)
        assert evaluations == len(asked) - 1
        compared += 1
    assert compared > 20


def test_the_line_search_keeps_to_its_budget_and_then_takes_the_lowest():
    evaluate, start, d, asked = along(*FUNCTIONS["a far one"])
    assert strong_wolfe(evaluate, start, 1.0, d, 0).t == 1.0
    assert asked == [0.0, 1.0]
    evaluate, start, d, asked = along(*FUNCTIONS["a wall"])
    assert strong_wolfe(evaluate, start, 50.0, d, 0) is start
    assert asked == [0.0, 50.0]


def test_nothing_is_tried_at_length_0():
    evaluate, start, d, asked = along(*FUNCTIONS["a parabola"])
    assert strong_wolfe(evaluate, start, 0.0, d, 25) is start
    assert asked == [0.0]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_search_that_finds_no_number_ends_where_it_began(bad):
    evaluate, start, d, asked = along(lambda t: -t if t <= 0 else bad, lambda t: -1.0 if t <= 0 else bad)
    assert strong_wolfe(evaluate, start, 1.0, d, math.inf).t == 0
    assert len(asked) == 32, "halved until less than 1e-9 is left: 2^-30"
