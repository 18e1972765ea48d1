"""Memory shared between parameters, gradients and state: what each step gives, with no byte beside them changed."""

from typing import Any

import pytest
import torch

from support.configurations import NUMBERS
from support.memory import Guarded, contiguous

STEPS = 4


def values(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def make(optimizer_of, tensors):
    params = [torch.nn.Parameter(t) for t in tensors]
    return params, optimizer_of(params)


def assert_same_states(ours, theirs, exact=True):
    tolerances: dict[str, Any] = {"rtol": 0, "atol": 0} if exact else {}
    for one, other in zip(ours.state.values(), theirs.state.values(), strict=True):
        assert {*one} == {*other}
        for name, value in other.items():
            torch.testing.assert_close(one[name], value, **tolerances)


def shared_gradient_cases(p, q, state):
    """What a gradient of p (33 elements) may share memory with."""
    yield "itself", p.data
    yield "another parameter", q.data[:33]
    yield "another parameter, shifted", q.data[3:36]
    for name, value in state(q).items():
        yield f"another's {name}", value.data[2:35]
    for name, value in state(p).items():
        yield f"its own {name}", value.data


def arrays(optimizer):
    return lambda p: {k: v for k, v in optimizer.state[p].items() if k not in NUMBERS}


def test_a_gradient_that_shares_memory_with_what_the_step_writes(configuration):
    """All gradients are as they were before the step, as they are when nothing is shared."""

    def run(case: int, copied: bool) -> tuple[Any, ...] | None:
        (p, q), optimizer = make(configuration.ours, [values(0, 33), values(1, 40)])
        name = ""
        for step in range(STEPS):
            p.grad, q.grad = values(2 + step, 33), values(9 + step, 40)
            if step:
                shared = [*shared_gradient_cases(p, q, arrays(optimizer))]
                if case >= len(shared):
                    return None
                name, g = shared[case]
                p.grad = g.clone() if copied else g
            optimizer.step()
        return name, p, q, optimizer

    case = 0
    while (result := run(case, copied=False)) is not None:
        name, p, q, optimizer = result
        expected_run = run(case, copied=True)
        assert expected_run is not None
        _, expected_p, expected_q, expected = expected_run
        assert torch.equal(p, expected_p), name
        assert torch.equal(q, expected_q), name
        assert_same_states(optimizer, expected)
        case += 1
    assert case >= 3


def test_one_gradient_for_two_parameters(configuration):
    runs = []
    for copied in (False, True):
        (p, q), optimizer = make(configuration.ours, [values(0, 33), values(1, 33)])
        for step in range(STEPS):
            p.grad = values(2 + step, 33)
            q.grad = p.grad.clone() if copied else p.grad
            optimizer.step()
        runs.append(((p, q), optimizer))
    assert all(torch.equal(a, b) for a, b in zip(runs[0][0], runs[1][0], strict=True))
    assert_same_states(runs[0][1], runs[1][1])


OVERLAPS = {
    "shifted": lambda base: [base[:100], base[50:150]],
    "the same": lambda base: [base[:100], base[:100]],
    "one inside the other": lambda base: [base[:150], base[20:30], base[60:80]],
    "beside others": lambda base: [base[150:], base[:100], base[99:150]],
    "a column, then the whole": lambda base: [base.view(10, 20)[:, 3], base],
    "the whole, then a column": lambda base: [base, base.view(10, 20)[:, 3]],
    "a chain": lambda base: [base[80:150], base[:100], base[140:200], base[10:20]],
}


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_parameters_that_overlap_each_other(configuration, overlap):
    """They are stepped one after the other in the group's order, as torch's single-tensor optimizers do."""
    runs = []
    for make_optimizer in (configuration.ours, configuration.theirs):
        home = Guarded(values(0, 200), contiguous((200,)))
        params, optimizer = make(make_optimizer, OVERLAPS[overlap](home.tensor))
        for step in range(STEPS):
            for i, p in enumerate(params):
                p.grad = values(10 * step + i, *p.shape)
            optimizer.step()
        assert home.intact()
        runs.append((home.tensor.clone(), optimizer))
    torch.testing.assert_close(runs[0][0], runs[1][0])
    assert_same_states(runs[0][1], runs[1][1], exact=False)


def test_parameters_that_begin_to_overlap_after_some_steps(configuration):
    runs = []
    for make_optimizer in (configuration.ours, configuration.theirs):
        base = values(0, 200)
        params, optimizer = make(make_optimizer, [base[:60].clone(), base[100:160].clone()])
        for step in range(STEPS):
            if step == 2:
                params[0].data, params[1].data = base[:60], base[30:90]
            for i, p in enumerate(params):
                p.grad = values(10 * step + i, 60)
            optimizer.step()
        runs.append((base, optimizer))
    torch.testing.assert_close(runs[0][0], runs[1][0])
    assert_same_states(runs[0][1], runs[1][1], exact=False)


def test_state_that_two_parameters_share(configuration):
    """Both write it, one after the other."""
    runs = []
    for make_optimizer in (configuration.ours, configuration.theirs):
        (p, q), optimizer = make(make_optimizer, [values(0, 33), values(1, 33)])
        for step in range(STEPS):
            p.grad, q.grad = values(2 + step, 33), values(9 + step, 33)
            optimizer.step()
            for name in optimizer.state[p]:
                if name not in NUMBERS and step == 0:
                    optimizer.state[q][name] = optimizer.state[p][name]
        runs.append(((p, q), optimizer))
    for a, b in zip(runs[0][0], runs[1][0], strict=True):
        torch.testing.assert_close(a, b)
    assert_same_states(runs[0][1], runs[1][1], exact=False)


def test_a_parameter_whose_own_elements_share_memory_is_refused_as_by_torch(configuration):
    messages = []
    for make_optimizer in (configuration.ours, configuration.theirs):
        p = torch.nn.Parameter(torch.zeros(1).expand(5))
        optimizer = make_optimizer([p])
        p.grad = torch.ones(5)
        with pytest.raises(RuntimeError) as caught:
            optimizer.step()
        messages.append(str(caught.value).partition(".")[0])
    assert "single memory location" in messages[0]
    assert "single memory location" in messages[1]
