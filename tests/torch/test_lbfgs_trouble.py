"""LBFGS where losses are no numbers, rates are 0 and closures are interrupted."""

import copy
import math

import pytest
import torch

from steepest.torch.optimizers.lbfgs import LBFGS
from support.closures import ROSENBROCK, TO_THE_END, Plain, closure_of, point, rosenbrock, train


def barrier(model: Plain) -> torch.Tensor:
    """x - log x: no number where an x is negative, lowest at 1."""
    x = model()[0]
    return (x - x.log()).sum()


def half_circle(model: Plain) -> torch.Tensor:
    """No number outside the unit circle, lowest at -1/√3."""
    x = model()[0]
    return x.sum() - (1 - x.square().sum()).sqrt()


def overflowing(model: Plain) -> torch.Tensor:
    """Infinite at a distance, lowest at 0."""
    x = model()[0]
    return (x.exp() - x).sum()


@pytest.mark.parametrize(
    ("loss", "start", "lr", "minimum"),
    [
        (barrier, (5.0, 3.0), 1.0, 1.0),
        (barrier, (5.0, 3.0), 1000.0, 1.0),
        (half_circle, (0.1, 0.2), 1.0, -1 / math.sqrt(3)),
        (half_circle, (0.1, 0.2), 1000.0, -1 / math.sqrt(3)),
        (overflowing, (1.0, 3.0), 1e5, 0.0),
    ],
)
def test_the_line_search_comes_back_from_where_the_loss_is_no_number(loss, start, lr, minimum):
    model = point(*start)
    optimizer = LBFGS(model.parameters(), lr=lr, max_eval=60, line_search_fn="strong_wolfe")
    train(model, optimizer, loss, 5)
    torch.testing.assert_close(model()[0].detach(), torch.full((2,), minimum).double(), rtol=0, atol=1e-5)


def test_torch_does_not():
    """torch loses its way for good, or its place in a list: what the test above is there for."""
    model = point(5.0, 3.0)
    optimizer = torch.optim.LBFGS(model.parameters(), lr=1000.0, line_search_fn="strong_wolfe")
    assert math.isnan(train(model, optimizer, barrier, 5)[-1])
    model = point(5.0, 3.0)
    optimizer = torch.optim.LBFGS(model.parameters(), line_search_fn="strong_wolfe")
    with pytest.raises(IndexError):
        train(model, optimizer, barrier, 5)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_a_gradient_that_is_no_number_costs_one_evaluation_and_is_forgotten(bad, search):
    """V17 for L-BFGS.  In torch the parameters and the memory are no numbers ever after."""
    model, factor = point(*ROSENBROCK), torch.tensor(1.0)
    optimizer = LBFGS(model.parameters(), max_iter=4, line_search_fn=search)
    train(model, optimizer, rosenbrock, 2)
    before, state = model()[0].detach().clone(), copy.deepcopy(optimizer.state_dict()["state"][0])
    factor.fill_(bad)
    train(model, optimizer, lambda m: rosenbrock(m) * factor, 3)
    state["func_evals"] += 3
    assert torch.equal(model()[0], before)
    torch.testing.assert_close(optimizer.state_dict()["state"][0], state, rtol=0, atol=0)


def test_a_step_without_a_search_stops_where_the_gradient_is_no_number():
    model = point(0.1, 0.2)
    optimizer = LBFGS(model.parameters())
    assert math.isnan(train(model, optimizer, half_circle, 9)[-1])
    assert model()[0].isfinite().all(), "beyond the circle, but somewhere; torch's are NaN"
    for value in optimizer.state[model()[0]].values():
        assert not isinstance(value, torch.Tensor) or value.isfinite().all()


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_a_direction_that_is_no_number_is_not_taken(search):
    model = point(*ROSENBROCK)
    optimizer = LBFGS(model.parameters(), max_iter=4, line_search_fn=search)
    train(model, optimizer, rosenbrock, 2)
    before = model()[0].tolist()
    optimizer.state[model()[0]]["old_stps"][0].fill_(math.nan)
    train(model, optimizer, rosenbrock, 1)
    assert model()[0].tolist() == before


def test_a_rate_of_0_moves_nothing():
    """As a schedule ends.  torch divides by zero in its line search."""
    for search in (None, "strong_wolfe"):
        model = point(*ROSENBROCK)
        optimizer = LBFGS(model.parameters(), lr=0.0, line_search_fn=search)
        train(model, optimizer, rosenbrock, 3)
        assert model()[0].tolist() == ROSENBROCK


def test_a_search_may_have_a_budget_that_is_no_whole_number():
    """`max_eval=max_iter * 1.25` is what torch's documentation calls the default; torch fails on 7.5."""
    model = point(*ROSENBROCK)
    optimizer = LBFGS(model.parameters(), max_iter=6, max_eval=7.5, line_search_fn="strong_wolfe", **TO_THE_END)
    train(model, optimizer, rosenbrock, 12)
    torch.testing.assert_close(model()[0].detach(), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-5)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
@pytest.mark.parametrize("interrupted_at", range(1, 7))
def test_an_interrupted_step_can_be_followed_by_another(search, interrupted_at):
    model, calls = point(*ROSENBROCK), 0
    optimizer = LBFGS(model.parameters(), max_iter=6, line_search_fn=search, **TO_THE_END)
    closure = closure_of(model, optimizer, rosenbrock)

    def interrupted():
        nonlocal calls
        calls += 1
        if calls == interrupted_at:
            raise KeyboardInterrupt
        return closure()

    with pytest.raises(KeyboardInterrupt):
        optimizer.step(interrupted)
    assert optimizer.state[model()[0]]["func_evals"] == interrupted_at - 1
    if search:
        assert rosenbrock(model) <= rosenbrock(point(*ROSENBROCK)), "never left at a trial"
        assert optimizer.state[model()[0]].get("t", 0) == 0
    train(model, optimizer, rosenbrock, 20)
    torch.testing.assert_close(model()[0].detach(), torch.ones(2, dtype=torch.float64), rtol=0, atol=1e-5)
