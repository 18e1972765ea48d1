"""Gradients that cannot be used are refused in a sentence, and nothing is changed by it."""

import subprocess
import sys

import pytest
import torch

from support.configurations import NUMBERS

pytestmark = pytest.mark.structure

P = torch.nn.Parameter


def refused(configuration, p, g, match: str) -> None:
    good = P(torch.ones(3))
    optimizer = configuration.ours([good, p])
    good.grad = torch.ones(3)
    if g.layout is torch.strided and g.dtype == p.dtype and g.shape == p.shape:
        p.grad = g
    else:
        p.grad = torch.zeros_like(p) if g.shape != p.shape else g
    before = p.detach().clone()
    if p.grad is not None and g.shape != p.shape:
        p.grad.resize_(g.shape)
    with pytest.raises(RuntimeError, match=match):
        optimizer.step()
    if p.layout is torch.strided:
        assert torch.equal(p, before)
    assert torch.equal(good, torch.ones(3)), "no parameter of the group was stepped"


@pytest.mark.parametrize("of_p", [torch.float32, torch.complex64], ids=str)
def test_a_real_gradient_for_a_complex_parameter_and_the_reverse(configuration, of_p):
    of_g = torch.complex64 if of_p is torch.float32 else torch.float32
    p = P(torch.ones(4, dtype=of_p))
    p.grad_dtype = of_g
    refused(configuration, p, torch.ones(4, dtype=of_g), "One is complex, the other is not")


@pytest.mark.parametrize("shape", [(2,), (5,), (2, 2), (), (4, 1)], ids=str)
def test_gradients_of_another_shape(configuration, shape):
    refused(configuration, P(torch.ones(4)), torch.ones(shape), "gradient of shape.*zero_grad")


@pytest.mark.parametrize("when", ["first", "later"])
@pytest.mark.parametrize("which", ["parameter", "gradient"])
def test_a_tensor_resized_in_place(configuration, which, when):
    """V3, V4: what was checked once is not taken for granted."""
    p = P(torch.ones(40))
    optimizer = configuration.ours([p])
    for _ in range(0 if when == "first" else 2):
        p.grad = torch.ones(40)
        optimizer.step()
    p.grad = torch.ones(40)
    if which == "parameter":
        p.data = p.data[:20]
    else:
        p.grad.resize_(20)
    with pytest.raises(RuntimeError, match="shape"):
        optimizer.step()


def test_a_parameter_and_gradient_that_grow_need_new_state(configuration):
    p = P(torch.ones(40))
    optimizer = configuration.ours([p])
    for n in (40, 4000):
        p.grad = None
        p.data = torch.ones(n)
        p.grad = torch.ones(n)
        if n == 40 or not optimizer.state[p].keys() - NUMBERS:
            optimizer.step()
        else:
            with pytest.raises((RuntimeError, ValueError), match=r"state '.*' of a parameter of shape"):
                optimizer.step()


def test_a_storage_that_grows_moves_its_parameter(configuration):
    runs = []
    for grows in (True, False):
        p = P(torch.linspace(0, 1, 40))
        optimizer = configuration.ours([p])
        for step in range(4):
            if step == 2 and grows:
                p.data.resize_(1_000_000)
                for name in optimizer.state[p].keys() - NUMBERS:
                    optimizer.state[p][name].data.resize_(1_000_000)
            p.grad = torch.ones(40)
            optimizer.step()
        runs.append(p.detach())
    assert torch.equal(*runs)


def test_state_resized_in_place(configuration):
    p = P(torch.ones(40))
    optimizer = configuration.ours([p])
    p.grad = torch.ones(40)
    optimizer.step()
    names = [*(optimizer.state[p].keys() - NUMBERS)]
    for name in names:
        optimizer.state[p][name].resize_(7)
        with pytest.raises((RuntimeError, ValueError), match=name):
            optimizer.step()
        optimizer.state[p][name] = torch.zeros(40)
    optimizer.step()


TAKEN_AWAY = """
import torch, steepest
for which in ("parameter", "state", "gradient"):
    for left in (0, 8):
        p = torch.nn.Parameter(torch.ones(4000))
        optimizer = steepest.Adam([p])
        p.grad = torch.ones(4000)
        optimizer.step()
        tensor = {"parameter": p.data, "state": optimizer.state[p]["exp_avg"], "gradient": p.grad}[which]
        tensor.untyped_storage().resize_(left)
        print(which, left, end=" ", flush=True)
        try:
            optimizer.step()
            print("taken")
        except RuntimeError:
            print("refused")
"""


def test_memory_that_was_taken_away_is_not_touched():
    """Sharded training frees a storage and keeps the tensor.  In a process of its own: what it may do is to crash."""
    done = subprocess.run([sys.executable, "-c", TAKEN_AWAY], capture_output=True, text=True, timeout=120, check=False)
    refused = [f"{which} {left} refused" for which in ("parameter", "state", "gradient") for left in (0, 8)]
    assert done.stdout.splitlines() == refused, done.stderr[-500:]
    assert done.returncode == 0, done.stderr[-500:]
