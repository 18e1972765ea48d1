"""Tensors above 2^31 elements, as far as memory allows: only the pages that are touched are real.

A whole step would need 16 GiB.  The table, the chunks and the addresses are those of a whole step; the counter is put
just before the last chunks, so a kernel writes to the end of a tensor of 8 GiB and to nothing else.
"""

import numpy as np
import pytest
import torch
from torch.nn import Parameter

import steepest
from steepest.compiler.program import program
from steepest.compiler.rule import read
from steepest.kernels.backend import Row
from steepest.kernels.cpu import entries
from steepest.kernels.cpu.step import CPUStep

ELEMENTS = 2**31 + 5


def empty(elements: int) -> torch.Tensor:
    try:
        zeros = np.zeros(elements, np.int16)  # calloc: no page is real before it is touched; torch.zeros touches all
        return torch.from_numpy(zeros).view(torch.bfloat16)
    except MemoryError as error:
        pytest.skip(f"no address space for {elements} elements: {error}")


def test_the_last_chunks_of_a_dense_tensor():
    p, g = empty(ELEMENTS), empty(ELEMENTS)
    g[-5:] = 1.0
    rule = read(steepest.rules.sgd)
    row = Row(ELEMENTS, p.data_ptr(), (), 0, False, frozenset())
    prepared = CPUStep(program(rule, rule.hyperparameters), ("bfloat16", "bfloat16"), [row])
    arguments = prepared._arguments
    chunks, size = arguments[entries.CHUNKS], arguments[entries.CHUNK]
    assert (chunks - 1) * size < ELEMENTS <= chunks * size
    prepared._gradients[:] = [g.data_ptr()]
    scalars = prepared._scalars(rule.hyperparameters | {"lr": 0.5}, 1.0, differ=False)
    arguments[entries.SCALARS] = torch.frombuffer(scalars, dtype=torch.uint8).data_ptr()
    arguments[entries.NEXT_CHUNK] = chunks - 1
    prepared._kernel(prepared._address)
    assert p[-5:].tolist() == [-0.5] * 5
    assert p[(chunks - 1) * size : -5].count_nonzero() == 0
    assert p[:100].count_nonzero() == 0


@pytest.mark.parametrize(
    ("name", "arrays"), [("SGD", []), ("Adagrad", ["sum"]), ("SparseAdam", ["exp_avg", "exp_avg_sq"])]
)
def test_the_last_slice_of_an_embedding(name, arrays):
    """A whole step: only the slices that the gradient has are touched."""
    rows = 2**25 + 1
    p = Parameter(empty(rows * 64).view(rows, 64))
    optimizer = getattr(steepest, name)([Parameter(torch.zeros(1))], lr=0.5)
    optimizer.param_groups[0]["params"] = [p]
    optimizer.state.clear()
    if arrays:  # they are written whole where they are made, 4 GiB each: so they are put there by hand
        optimizer.state[p] = {"step": torch.tensor(0.0)} | {one: empty(rows * 64).view(rows, 64) for one in arrays}
    p.grad = torch.sparse_coo_tensor(
        torch.tensor([[0, rows - 1]]), torch.ones(2, 64, dtype=torch.bfloat16), (rows, 64), check_invariants=True
    )
    optimizer.step()
    expected = torch.full((64,), -0.5, dtype=torch.bfloat16)  # each of them goes by its rate at the first step
    assert torch.equal(p.detach()[-1], expected)
    assert torch.equal(p.detach()[0], expected)
    assert p.detach()[1:3].count_nonzero() == 0
    assert p.detach()[-3:-1].count_nonzero() == 0
