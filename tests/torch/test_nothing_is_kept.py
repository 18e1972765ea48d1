"""Nothing is kept alive that the group or the state no longer has, and nothing is read that nobody asks for."""

import copy
import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import Parameter

import steepest
from steepest.torch.state import skipped_steps
from support.half_steps import ALL, ones, step

pytestmark = pytest.mark.structure

EACH = [name for name in (*ALL, "Lion") if name not in ("LBFGS", "SparseAdam")]


def stepped(name: str, *more: Parameter) -> tuple[Parameter, Any]:
    """A parameter that a kernel has stepped three times, beside others."""
    p = ones(4, 3)
    optimizer = getattr(steepest, name)([p, *more])
    step(optimizer, 3)
    return p, optimizer


def watched(p: Parameter, optimizer: Any) -> list[Callable[[], Any]]:
    """References to a parameter's gradient, its state, and the storages of all of them."""
    assert p.grad is not None
    tensors = [p.grad, *optimizer.state.get(p, {}).values()]
    return [weakref.ref(one) for tensor in tensors for one in (tensor, tensor.untyped_storage())]


def gone(references: list[Callable[[], Any]]) -> bool:
    gc.collect()
    return all(reference() is None for reference in references)


@pytest.mark.parametrize("others", [0, 1])
@pytest.mark.parametrize("name", EACH)
def test_a_replaced_parameter_is_gone_at_once(name, others):
    p, optimizer = stepped(name, *(ones(2, 2) for _ in range(others)))
    references = [weakref.ref(p), weakref.ref(p.untyped_storage()), *watched(p, optimizer)]
    optimizer.state.pop(p, None)
    optimizer.param_groups[0]["params"][0] = ones(4, 3)
    del p
    assert gone(references)
    step(optimizer)


@pytest.mark.parametrize("name", EACH)
def test_cleared_state_is_gone_at_once(name):
    p, optimizer = stepped(name)
    references = watched(p, optimizer)
    p.grad = None
    optimizer.state.clear()
    assert gone(references)


@pytest.mark.parametrize("name", EACH)
def test_replaced_memory_is_gone_at_once(name):
    p, optimizer = stepped(name)
    references = [weakref.ref(p.untyped_storage())]
    p.data = torch.ones(4, 3)
    for key, value in [*optimizer.state.get(p, {}).items()]:
        references += [weakref.ref(value), weakref.ref(value.untyped_storage())]
        optimizer.state[p][key] = torch.ones_like(value)
        del value
    assert gone(references)


@pytest.mark.parametrize("name", EACH)
def test_parameters_that_no_kernel_walks_are_not_kept_either(name):
    odd, idle = Parameter(torch.ones(6, 6)[:, ::2]), ones(5, 2)
    idle.grad = None
    optimizer = getattr(steepest, name)([odd, idle, ones(2, 2)])
    for p in (odd, optimizer.param_groups[0]["params"][2]):
        p.grad = torch.ones_like(p)
    optimizer.step()
    references = [weakref.ref(odd), weakref.ref(odd.untyped_storage()), weakref.ref(idle)]
    optimizer.state.clear()
    optimizer.param_groups[0]["params"][:2] = [ones(2, 2), ones(2, 2)]
    del odd, idle, p
    assert gone(references)


def test_a_group_that_is_taken_away_is_gone():
    p, q = ones(3), ones(3)
    optimizer = steepest.Adam([{"params": [p]}, {"params": [q]}])
    step(optimizer, 2)
    references = [weakref.ref(q), *watched(q, optimizer)]
    del optimizer.state[q]
    del optimizer.param_groups[1], q
    assert gone(references)
    step(optimizer)


@pytest.mark.parametrize("name", [*EACH, "LBFGS"])
def test_an_optimizer_is_freed_without_the_collector(name):
    def life() -> list[Any]:
        p = ones(4, 3)
        optimizer = getattr(steepest, name)([p])
        optimizer.step(p.detach().sum)
        optimizer.zero_grad()
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        return [weakref.ref(p), weakref.ref(optimizer)]

    gc.collect()
    gc.disable()
    try:
        assert all(reference() is None for reference in life())
    finally:
        gc.enable()


# --- gradients are read where somebody asks for skipped steps ---------------------------------------------------------


@pytest.fixture
def looks(monkeypatch) -> list[Any]:
    """The optimizers whose gradients are read."""
    seen: list[Any] = []
    look = skipped_steps.has_infinite_gradients
    monkeypatch.setattr(skipped_steps, "has_infinite_gradients", lambda o: seen.append(o) or look(o))
    return seen


def test_gradients_are_cleared_without_being_read(looks):
    p = ones(3)
    optimizer = steepest.SGD([p])
    for _ in range(3):
        p.grad = torch.full((3,), torch.inf)
        optimizer.zero_grad()
    assert looks == []


def test_a_scheduler_is_told_of_a_skipped_step_after_the_gradients_are_gone(looks):
    rates = []
    for infinite in (True, False):
        p = ones(3)
        optimizer = steepest.SGD([p], lr=1.0)
        scheduler = steepest.lr_scheduler.StepLR(optimizer, 1, 0.5)
        p.grad = torch.full((3,), torch.inf if infinite else 1.0)
        if not infinite:
            optimizer.step()
        optimizer.zero_grad()
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == [1.0, 0.5]
    assert looks


@pytest.mark.parametrize("copied", [lambda one: one, copy.deepcopy])
def test_who_asks_once_is_told_after_zero_grad_too(copied):
    optimizer = steepest.SGD([ones(3)])
    assert not optimizer.last_step_skipped
    optimizer = copied(optimizer)
    optimizer.param_groups[0]["params"][0].grad = torch.full((3,), torch.inf)
    optimizer.zero_grad()
    assert optimizer.last_step_skipped
