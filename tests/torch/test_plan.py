"""Memory shared between parameters, gradients and state: what each step gives, with no byte beside them changed."""

import gc
import weakref
from typing import Any

import pytest
import torch

import steepest
from support.configurations import NUMBERS
from support.memory import Guarded, contiguous

pytestmark = pytest.mark.structure

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


# --- what a plan keeps, and when it is made anew ----------------------------------------------------------------------


def plans_made(optimizer) -> list[int]:
    """The groups that plans are made for, from now on."""
    made: list[int] = []
    plan_anew = optimizer._plan_anew
    optimizer._plan_anew = lambda index, group: made.append(index) or plan_anew(index, group)
    return made


def test_no_gradient_is_kept_after_a_step(configuration):
    (p,), optimizer = make(configuration.ours, [values(0, 100)])
    p.grad = values(1, 100)
    held = weakref.ref(p.grad)
    optimizer.step()
    p.grad = None
    gc.collect()
    assert held() is None


def test_no_plan_is_made_twice_for_many_parameters():
    params, optimizer = make(steepest.Adam, [values(i, 3) for i in range(600)])
    made: list[int] = []
    for step in range(3):
        for p in params:
            p.grad = values(step, 3)
        optimizer.step()
        made = made or plans_made(optimizer)
        assert made == []


def test_parameters_that_take_turns_have_a_plan_each():
    """Two heads of one body: the body always has a gradient, one head does."""
    (body, one, other), optimizer = make(steepest.Adam, [values(0, 33), values(1, 9), values(2, 7)])
    (q, r, s), theirs = make(torch.optim.Adam, [p.detach().clone() for p in (body, one, other)])
    made = plans_made(optimizer)
    for step in range(6):
        for params in ((body, one, other), (q, r, s)):
            for position, p in enumerate(params):
                p.grad = values(step, p.numel()) if position in (0, 1 + step % 2) else None
        optimizer.step()
        theirs.step()
    assert made == [0, 0]
    for p, expected in ((body, q), (one, r), (other, s)):
        torch.testing.assert_close(p, expected)


def test_a_switch_that_is_a_tensor_and_changes_in_place():
    momentum: Any = torch.tensor(0.0)
    (p,), optimizer = make(lambda ps: steepest.SGD(ps, lr=0.1, momentum=momentum), [values(0, 3)])
    (q,), theirs = make(lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=momentum), [p.detach().clone()])
    for step in range(4):
        momentum.fill_(0.9 if step else 0.0)
        for one in (p, q):
            one.grad = values(step, 3)
        optimizer.step()
        theirs.step()
    torch.testing.assert_close(p, q)


def test_inference_mode_and_autocast_make_no_new_plan():
    (p,), optimizer = make(steepest.SGD, [values(0, 3)])
    p.grad = values(1, 3)
    optimizer.step()
    made = plans_made(optimizer)
    for mode in (torch.inference_mode, torch.no_grad, lambda: torch.autocast("cpu")):
        with mode():
            optimizer.step()
        optimizer.step()
    assert made == []


def test_kernels_of_one_step_do_not_read_what_another_wrote():
    """Two dtypes are two kernels; the gradient of the second lies in the parameter of the first."""
    one, other = torch.arange(8.0, dtype=torch.float64), torch.arange(4.0)
    (p, q), optimizer = make(lambda ps: steepest.SGD(ps, lr=1.0), [one, other])
    for _ in range(2):
        q.grad = None
        p.grad, q.grad = torch.ones(8, dtype=torch.float64), p.data.view(torch.float32)[8:12]
        expected = q.detach() - q.grad
        optimizer.step()
        torch.testing.assert_close(q.detach(), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop", "Adagrad", "Adadelta", "Adamax", "NAdam", "RAdam", "ASGD"])
def test_infinity_is_left_alone_where_nothing_decays(name):
    """0 * inf is NaN: a mask of minus infinities, which is a parameter, would be lost."""
    (p,), ours = make(getattr(steepest, name), [torch.tensor([1.0, -torch.inf])])
    (q,), theirs = make(getattr(torch.optim, name), [p.detach().clone()])
    for one, optimizer in ((p, ours), (q, theirs)):
        one.grad = torch.tensor([1.0, 0.0])
        optimizer.step()
    torch.testing.assert_close(p, q)


def test_the_hooks_of_a_subclass_with_a_step_of_its_own_run_once():
    class Loud(steepest.SGD):
        def step(self, closure=None):
            return super().step(closure)

    calls: list[int] = []
    (p,), optimizer = make(Loud, [values(0, 3)])
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    p.grad = values(1, 3)
    optimizer.step()
    assert calls == [1]


@pytest.mark.parametrize("shrunk", [False, True])
def test_a_gradient_that_ends_behind_its_storage(shrunk):
    """Its storage has the size that the last one had, and begins elsewhere."""
    n = 1 << 16
    (p,), optimizer = make(steepest.SGD, [torch.zeros(n)])
    p.grad = torch.ones(n)
    optimizer.step()
    both = torch.ones(2 * n)
    p.grad = both[n:]
    if shrunk:
        both.untyped_storage().resize_(4 * n)
        with pytest.raises(RuntimeError, match="storage of a gradient was freed or made smaller"):
            optimizer.step()
    else:
        optimizer.step()


def test_integers_and_inference_tensors_are_refused():
    p = torch.tensor([5, 5])
    p.grad = torch.tensor([1, 1])
    with pytest.raises(RuntimeError, match=r"parameter of torch\.int64, which cannot hold the fraction"):
        steepest.SGD([p], lr=0.1).step()
    with torch.inference_mode():
        q = torch.ones(3)
    q.grad = torch.ones(3)
    with pytest.raises(RuntimeError, match="Inplace update to inference tensor"):
        steepest.SGD([q], lr=0.1).step()
