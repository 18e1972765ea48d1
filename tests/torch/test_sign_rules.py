"""Rules that step by signs jump where a sign turns, so nothing but every bit will do: against one tensor at a time."""

import pytest
import torch
from torch.nn import Parameter

from support.configurations import TABLE

SIZES = (0, 1, 7, 8, 9, 15, 16, 17, 31, 33, 255, 4097, 1_000_003)
SIGNS = [row for row in TABLE if row.name in ("Rprop", "Lion")]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
@pytest.mark.parametrize("row", SIGNS, ids=lambda row: row.id)
def test_every_bit_is_that_of_the_single_tensor_path(row, dtype):
    random = torch.Generator().manual_seed(0)
    start = [torch.randn(n, generator=random, dtype=dtype) for n in SIZES]
    ours, theirs = [Parameter(p.clone()) for p in start], [Parameter(p.clone()) for p in start]
    one, other = row.ours(ours), row.theirs(theirs)
    for _ in range(6):
        for p, q in zip(ours, theirs, strict=True):
            g = torch.randn(p.shape, generator=random, dtype=dtype) * (torch.rand(p.shape, generator=random) > 0.1)
            p.grad, q.grad = g, g.clone()
        one.step()
        other.step()
    for p, q in zip(ours, theirs, strict=True):
        if row.name == "Rprop":  # signs, sizes and what is remembered: everything is the same
            assert torch.equal(p, q)
            assert torch.equal(one.state[p]["prev"], other.state[q]["prev"])
            assert torch.equal(one.state[p]["step_size"], other.state[q]["step_size"])
        else:  # torch adds with fused multiply-add, which rounds once less: no sign may turn, the rest by a last bit
            eps = torch.finfo(dtype).eps
            torch.testing.assert_close(p, q, rtol=0, atol=12 * eps)
            torch.testing.assert_close(one.state[p]["exp_avg"], other.state[q]["exp_avg"], rtol=0, atol=12 * eps)
