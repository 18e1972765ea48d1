"""What the lives of `test_misuse.py` have found, each as short as it gets.

`step` compares with the rule, refuses to accept an error without a reason and sees every byte (support/shadow.py); the
kernels are bounds-checked (support/checked.py).
"""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch

import steepest
from support import checked
from support.one_step import ones, refresh, sparse, started
from support.shadow import step

P = torch.nn.Parameter


@pytest.fixture(autouse=True)
def _within_bounds() -> Iterator[None]:
    with checked.build():
        yield


# --- memory that is not there -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [0, 1])
@pytest.mark.parametrize(("name", "number"), [("Adam", "step"), ("NAdam", "mu_product"), ("ASGD", "eta")])
def test_a_number_whose_memory_was_freed(name, number, left):
    (p,), optimizer = started(name, ones(3))
    optimizer.state[p][number].untyped_storage().resize_(left)
    assert "memory" in str(step(optimizer)) or "storage" in str(step(optimizer))


@pytest.mark.parametrize("which", ["parameter", "state", "gradient", "number"])
def test_memory_that_was_made_smaller_where_it_was(which):
    for elements in range(300, 1500, 30):  # until the allocator gives the very address back
        (p,), optimizer = started("Adam", ones(elements))
        assert step(optimizer) is None
        state = optimizer.state[p]
        tensor: Any = {"parameter": p, "state": state["exp_avg"], "gradient": p.grad, "number": state["step"]}[which]
        at, size = tensor.data_ptr(), 4 * tensor.numel()
        for short in range(64, size, 64) if size > 64 else (2, 3, 1) * 20:
            tensor.untyped_storage().resize_(size + 64)
            tensor.untyped_storage().resize_(size - short)
            if tensor.data_ptr() == at:
                assert step(optimizer) is not None
                return
    pytest.skip("the allocator did not give the address back")


def test_a_sparse_gradient_of_one_number():
    p = P(torch.tensor(1.0))
    optimizer = steepest.SparseAdam([p], lr=0.1)
    p.grad = torch.tensor(2.0).to_sparse()
    assert step(optimizer) is None


def test_a_sparse_gradient_in_its_parameters_memory():
    p = P(ones(4, 3))
    optimizer = steepest.SparseAdam([p], lr=0.1)
    p.grad = sparse(p, p.data[1:3], 0, 3)
    assert step(optimizer) is None


CRASHES = """
import torch, steepest

def values(p, optimizer):
    p.grad._values().untyped_storage().resize_(0)
    optimizer.step()

def indices(p, optimizer):
    p.grad._indices().untyped_storage().resize_(0)
    optimizer.step()

def saved(p, optimizer):
    optimizer.state[p]["exp_avg"].untyped_storage().resize_(0)
    steepest.SparseAdam([p]).load_state_dict(optimizer.state_dict())

for crash in (values, indices, saved):
    p = torch.nn.Parameter(torch.ones(3))
    optimizer = steepest.SparseAdam([p])
    p.grad = torch.ones(3).to_sparse()
    optimizer.step()
    print(crash.__name__, end=" ", flush=True)
    try:
        crash(p, optimizer)
        print("taken")
    except RuntimeError:
        print("refused")
"""


def test_freed_memory_that_torch_would_read():
    """In a process of its own, for torch's own functions crash."""
    done = subprocess.run([sys.executable, "-c", CRASHES], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines() == ["values refused", "indices refused", "saved refused"], done.stderr[-500:]
    assert done.returncode == 0, done.stderr[-500:]


# --- refused, and yet something was done ------------------------------------------------------------------------------


def test_two_learning_rates():
    _, optimizer = started("Adam", ones(3))
    optimizer.param_groups[0]["lr"] = torch.tensor([0.1, 0.2])
    assert step(optimizer) is not None


@pytest.mark.parametrize("dense", [True, False], ids=["kernel first", "tensors only"])
def test_a_state_made_smaller_of_a_parameter_that_no_kernel_walks(dense):
    first = ones(3) if dense else ones(3, 2)[:, 0]
    (_, q), optimizer = started("Adam", first, ones(3, 2)[:, 0])
    optimizer.state[q]["exp_avg"].resize_(2)
    assert step(optimizer) is not None


def test_a_parameter_whose_elements_share_memory():
    (_, q), optimizer = started("Adam", ones(3), ones(3))
    q.data = ones(1).expand(3)
    assert "memory" in str(step(optimizer))


def test_a_sparse_gradient_beside_its_parameter():
    (_, q), optimizer = started("Adagrad", ones(3), ones(4))
    q.grad = sparse(q, ones(1), 7)
    assert step(optimizer) is not None


# --- changed, and not noticed -----------------------------------------------------------------------------------------


def test_a_state_moved_to_another_parameter():
    (p, q), optimizer = started("SGD", ones(3), ones(3), groups=True, momentum=0.9)
    del optimizer.state[q]
    assert step(optimizer) is None
    refresh(p, q)
    del optimizer.state[q]
    assert step(optimizer) is None
    refresh(p, q)
    optimizer.state[p], optimizer.state[q] = {}, optimizer.state[p]
    del optimizer.state[p]
    assert step(optimizer) is None


def test_a_state_moved_to_a_parameter_that_had_none():
    params = [P(ones(3)), P(ones(3))]
    optimizer: Any = steepest.SGD([{"params": [p]} for p in params], lr=0.1, momentum=0.9)
    refresh(params[0])
    assert step(optimizer) is None
    optimizer.state[params[1]] = optimizer.state[params[0]]
    optimizer.state[params[0]] = {}
    assert step(optimizer) is None


def test_states_that_exchanged_their_names():
    (p,), optimizer = started("Adam", ones(3))
    state = optimizer.state[p]
    state["exp_avg"].abs_().add_(1.0)
    optimizer.state[p] = {"step": state["step"], "exp_avg_sq": state["exp_avg"], "exp_avg": state["exp_avg_sq"]}
    assert step(optimizer) is None


def test_one_state_for_two_groups_of_different_layouts():
    (p, q), optimizer = started("SGD", ones(3, 4), ones(4, 3).t(), groups=True, momentum=0.9)
    optimizer.state[q] = optimizer.state[p]
    optimizer.step()
    refresh(p, q)
    optimizer.step()
    held = {tensor.data_ptr() for tensor in (p, q, *optimizer.state[p].values())}
    last = [plans[0] for plans in optimizer._plans.values()]
    kept = {address for plan in last for batch in plan.batches for address in batch._same.of_tensors()}
    assert optimizer.state[p]["momentum_buffer"] is optimizer.state[q]["momentum_buffer"]
    assert optimizer.state[q]["momentum_buffer"].data_ptr() in kept, "a kernel writes to the state that everybody sees"
    assert set(last[1].batches[0]._same.of_tensors()) <= held


# --- gradients count as they were before their group was stepped ------------------------------------------------------


def test_a_gradient_in_the_memory_of_a_step_count():
    (p,), optimizer = started("Adam", torch.tensor(1.0))
    p.grad = optimizer.state[p]["step"].detach()
    assert step(optimizer) is None


def test_a_gradient_in_the_memory_of_what_another_kernel_writes():
    (p, q), optimizer = started("SGD", ones(3), ones(3, dtype=torch.float64), momentum=0.9)
    optimizer.state[p]["momentum_buffer"] = optimizer.state[p]["momentum_buffer"].double()
    assert q.grad is not None
    q.grad = optimizer.state[p]["momentum_buffer"].detach()
    assert step(optimizer) is None


def test_a_gradient_in_the_memory_of_a_parameter_of_many_before():
    params, optimizer = started("SGD", *(ones(2) for _ in range(300)))
    params[-1].grad = params[0].data
    assert step(optimizer) is None


def test_a_gradient_of_a_parameter_that_no_kernel_walks():
    (p, q), optimizer = started("SGD", ones(3), ones(3, 2)[:, 0])
    q.grad = p.data
    assert step(optimizer) is None


def test_a_sparse_gradient_in_the_memory_of_another_parameter():
    (p, q), optimizer = started("SGD", ones(4), ones(4))
    q.grad = sparse(q, p.data[:2], 0, 3)
    assert step(optimizer) is None


def test_a_gradient_in_the_memory_of_a_parameter_that_is_there_twice():
    (p,), optimizer = started("SGD", ones(3))
    optimizer.param_groups[0]["params"].append(p)
    p.grad = p.data
    assert step(optimizer) is None


# --- nothing to do ----------------------------------------------------------------------------------------------------


def test_an_empty_parameter_that_is_there_twice():
    (p,), optimizer = started("SGD", ones(0, 3))
    optimizer.param_groups[0]["params"].append(p)
    assert step(optimizer) is None


def test_an_empty_parameter_that_is_expanded():
    p = P(ones(1, 1).expand(0, 3))
    optimizer = steepest.SGD([p], lr=0.1)
    p.grad = ones(0, 3)
    assert step(optimizer) is None


@pytest.mark.parametrize("name", ["SGD", "Adagrad", "SparseAdam"])
def test_a_sparse_gradient_of_empty_rows(name):
    p = P(ones(4, 0))
    optimizer: Any = getattr(steepest, name)([p], lr=0.1)
    p.grad = sparse(p, ones(2, 0), 1, 2)
    assert step(optimizer) is None


def test_adagrads_sum_thrown_away_keeps_the_step_count():
    (p,), optimizer = started("Adagrad", ones(3))
    del optimizer.state[p]["sum"]
    p.grad = sparse(p, ones(1), 1)
    assert step(optimizer) is None


def test_a_sparse_gradient_of_a_parameter_whose_elements_share_memory():
    p = P(ones(1).expand(3))
    optimizer = steepest.SparseAdam([p], lr=0.1)
    p.grad = sparse(p, ones(2), 0, 2)
    assert step(optimizer) is not None


@pytest.mark.parametrize(
    "module", ["compiler.program", "kernels.cpu.codegen", "compiler.branches", "torch.stepping.plan"]
)
def test_any_module_can_be_imported_first(module):
    done = subprocess.run(
        [sys.executable, "-c", f"import steepest.{module}"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr[-500:]
