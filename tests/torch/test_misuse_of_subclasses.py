"""What random lives have found in subclasses of Tensor, in DTensors and options; and lives as they were found.

`step` compares with the rule, refuses to accept an error without a reason and sees every byte (support/shadow.py); the
kernels are bounds-checked (support/checked.py).
"""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate, Shard

import steepest
from support import checked, one_process
from support.inside import inside
from support.lives import Life, live
from support.misuse import DTYPES, FEW_DTYPES
from support.one_step import P, ones, sparse, started
from support.shadow import step
from support.wrappers import Logged, Marked


@pytest.fixture(autouse=True)
def _within_bounds() -> Iterator[None]:
    with checked.build():
        yield


@pytest.fixture(autouse=True, scope="module")
def mesh() -> Iterator[Any]:
    with one_process.group() as mesh:
        yield mesh


@pytest.mark.parametrize("wrapped", [Marked.of, Logged], ids=["with memory of its own", "around a tensor"])
@pytest.mark.parametrize("which", ["parameter", "gradient", "state"])
def test_memory_of_a_subclass_that_was_freed(which, wrapped):
    (p,), optimizer = started("SGD", wrapped(ones(3)), momentum=0.9)
    p.grad = wrapped(ones(3))
    tensor = {"parameter": p, "gradient": p.grad, "state": optimizer.state[p]["momentum_buffer"]}[which]
    inside(tensor).untyped_storage().resize_(4)
    assert "smaller" in str(step(optimizer))


def test_a_step_count_in_a_wrapper_beside_a_sparse_gradient():
    p = P(ones(4, 3))
    optimizer = steepest.SparseAdam([p], lr=0.1)
    for _ in range(3):
        p.grad = sparse(p, ones(2, 3), 0, 3)
        assert step(optimizer) is None
        optimizer.state[p]["step"] = Logged(inside(optimizer.state[p]["step"]))


def test_a_sparse_gradient_of_one_number_that_no_kernel_steps():
    p = P(torch.tensor(1.0))
    optimizer = steepest.SparseAdam([p], lr=0.1)
    for _ in range(2):
        p.grad = torch.tensor(2.0).to_sparse()
        assert step(optimizer) is None
        optimizer.state[p]["exp_avg"] = Marked.of(optimizer.state[p]["exp_avg"])


@pytest.mark.parametrize("value", [1e-3, Fraction(1, 100), "0.01", np.float32(0.01), torch.tensor([[0.01]])], ids=repr)
@pytest.mark.parametrize("wrapped", [ones, lambda n: Marked.of(ones(n))], ids=["in a kernel", "on tensors"])
def test_an_option_means_the_same_on_tensors(wrapped, value):
    _, optimizer = started("Adagrad", wrapped(3))
    optimizer.param_groups[0]["eps"] = value
    assert step(optimizer) is None


@pytest.mark.parametrize("value", [0.01 + 0j, None, "small", torch.ones(2)], ids=repr)
@pytest.mark.parametrize("wrapped", [ones, lambda n: Marked.of(ones(n))], ids=["in a kernel", "on tensors"])
def test_an_option_that_is_no_number(wrapped, value):
    _, optimizer = started("Adagrad", wrapped(3))
    optimizer.param_groups[0]["eps"] = value
    assert step(optimizer) is not None


def divided(tensor: Tensor, mesh: Any) -> Any:
    return DTensor.from_local(tensor, mesh, [Shard(0)], run_check=False)


def started_in_shards(mesh: Any) -> tuple[Any, Any]:
    p = P(divided(ones(4, 3), mesh))
    optimizer = steepest.SGD([p], lr=0.1, momentum=0.9)
    p.grad = divided(ones(4, 3), mesh)
    assert step(optimizer) is None
    return p, optimizer


@pytest.mark.parametrize("shape", [(8, 3), (2, 3), (12,)], ids=str)
@pytest.mark.parametrize("which", ["parameter", "gradient", "state"])
def test_a_shard_of_another_size(which, shape, mesh):
    p, optimizer = started_in_shards(mesh)
    tensor: Any = {"parameter": p, "gradient": p.grad, "state": optimizer.state[p]["momentum_buffer"]}[which]
    tensor._local_tensor = ones(*shape)
    assert "shape" in str(step(optimizer))


def test_a_shard_of_another_size_beside_a_gradient_that_must_be_divided_first(mesh):
    p, optimizer = started_in_shards(mesh)
    p.grad = DTensor.from_local(ones(4, 3), mesh, [Replicate()], run_check=False)
    assert step(optimizer) is None
    p._local_tensor = ones(1, 3)
    assert "shape" in str(step(optimizer))


def test_a_shard_whose_elements_share_memory(mesh):
    p, optimizer = started_in_shards(mesh)
    p._local_tensor = ones(1, 1).expand(4, 3)
    assert "memory" in str(step(optimizer))


def test_a_shard_of_complex_numbers(mesh):
    p, optimizer = started_in_shards(mesh)
    p._local_tensor = ones(4, 3, dtype=torch.complex64)
    assert "complex" in str(step(optimizer))


@pytest.mark.parametrize("wrapped", [Marked.of, Logged], ids=["with memory of its own", "around a tensor"])
def test_a_wrapped_gradient_of_a_dtensor(wrapped, mesh):
    p, optimizer = started_in_shards(mesh)
    p.grad = wrapped(ones(4, 3))
    assert "no DTensor" in str(step(optimizer))


# Lives as they were printed: wrong steps of ours, mistakes of the fuzzer, and what torch itself does not bear.

LIVES: list[Life] = [
    (5, [2], [(True, [("resize_a_storage", 0, 13), ("resize_a_storage", 0, 13)])]),
    (8, [2], [(False, [("shard_a_state", 0, 4)])]),
    (2, [2], [(True, [("shard_a_parameter", 0, 1)]), (True, [("data_expanded", 0, 0)])]),
    (8, [2], [(False, [("swap_parameters", 0, 184)]), (True, [("wrap_states", 0, 20)])]),
    (1, [2], [(True, [("wrap_states", 0, 0), ("resize_a_storage", 0, 32)])]),
    (8, [10], [(False, [("wrap_states", 0, 1)])]),
    (4, [2], [(False, [("shard_a_parameter", 0, 0)]), (False, [("go_on_with_a_copy", 0, 0)])]),
    (4, [6], [(False, [("clear_gradients", 0, 13)])]),
    (7, [9], [(False, [("data_expanded", 0, 0), ("wrap_a_parameter", 0, 2)])]),
    (4, [1], [(True, [("wrap_a_parameter", 0, 10)]), (False, [("retype_all_of_a_parameter", 0, 182)])]),
    (7, [2], [(False, [("data_expanded", 0, 0), ("shard_a_parameter", 0, 0)])]),
    (4, [2], [(True, [("retype_an_option", 0, 91)])]),
    (7, [3, 2, 2, 2], [(True, [("shard_a_parameter", 3, 5)]), (True, [("swap_gradients", 0, 11)])]),
    (3, [2], [(True, [("shard_a_parameter", 0, 0)]), (False, [("swap_a_shard", 0, 145)])]),
    (6, [9, 11, 2], [(True, [("clear_all_state", 0, 0), ("exchange_states", 0, 16)])]),
    (3, [2], [(True, [("retype_an_option", 0, 176), ("wrap_all_of_a_parameter", 0, 0)])]),
    (0, [2], [(False, [("retype_an_option", 0, 138)]), (False, [("sparse_gradient_in_anothers_memory", 0, 0)])]),
    (1, [8, 7], [
        (True, [("wrap_all_of_a_parameter", 0, 2)]),
        (True, [("another_optimizer", 0, 0), ("data_in_anothers_memory", 0, 169)]),
    ]),
    (1, [3, 10], [
        (False, [("share_memory", 5, 212), ("replace_a_parameter", 0, 206), ("set_in_place", 6, 22)]),
        (False, [("resize_a_storage", 1, 50)]),
    ]),
]  # fmt: skip


@pytest.mark.parametrize("life", LIVES, ids=str)
@pytest.mark.parametrize("dtypes", [DTYPES, FEW_DTYPES], ids=["all dtypes", "few"])
def test_a_life_that_was_found(life, dtypes):
    live(life, dtypes)
