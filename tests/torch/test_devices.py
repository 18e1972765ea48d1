"""Devices without a kernel of ours run the rule on tensors; one optimizer may have parameters on several."""

import pytest
import torch
from torch.nn import Parameter

import steepest
from support.configurations import NUMBERS

pytestmark = pytest.mark.structure


def test_a_device_without_a_kernel_beside_the_cpu(configuration):
    """The meta device has no memory at all: what comes out has its shape, dtype and place; the CPU's is stepped."""
    here, there = Parameter(torch.ones(3, 2)), Parameter(torch.ones(4, device="meta"))
    alone = Parameter(torch.ones(3, 2))
    both, one = configuration.ours([here, there]), configuration.ours([alone])
    for _ in range(2):
        here.grad, alone.grad = torch.full((3, 2), 0.5), torch.full((3, 2), 0.5)
        there.grad = torch.ones(4, device="meta")
        both.step()
        one.step()
    assert torch.equal(here, alone)
    for name, value in both.state[there].items():
        if name in NUMBERS:
            assert value.device.type == "cpu"
            assert torch.equal(value, one.state[alone][name])
        else:
            assert (value.device.type, value.shape, value.dtype) == ("meta", there.shape, there.dtype)


@pytest.mark.parametrize("name", ["Muon", "Adafactor"])
def test_optimizers_of_whole_tensors_too(name):
    here, there = Parameter(torch.ones(3, 2)), Parameter(torch.ones(4, 3, device="meta"))
    optimizer = getattr(steepest, name)([here, there])
    here.grad, there.grad = torch.ones(3, 2), torch.ones(4, 3, device="meta")
    optimizer.step()
    assert all(v.device.type == "meta" for key, v in optimizer.state[there].items() if key != "step")
    assert not torch.equal(here, torch.ones(3, 2))
