"""Looking at all tensors at once, in machine code, sees what asking each of them sees."""

import gc
import weakref

import pytest
import torch

from steepest.torch.stepping import addresses
from steepest.torch.stepping.addresses import CHANGED, GRADIENTS_MOVED, SAME, Addresses

TENSORS = {
    "a parameter": lambda: torch.nn.Parameter(torch.ones(3, 4)),
    "part of another": lambda: torch.ones(4, 3)[1:, ::2],
    "of no dimension": lambda: torch.ones((), dtype=torch.float64),
    "empty": lambda: torch.ones(0),
    "half precision": lambda: torch.ones(5, dtype=torch.bfloat16),
    "complex": lambda: torch.ones(5, dtype=torch.complex64),
    "an integer": lambda: torch.ones(1, dtype=torch.int64),
    "shared": lambda: torch.ones(5).share_memory_(),
    "of NumPy": lambda: torch.from_numpy(torch.ones(5).numpy()),
}


@pytest.fixture(params=[False, True], ids=["native", "from Python"])
def from_python(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(addresses, "_native", lambda *_: None)
    return request.param


def test_here_it_is_native():
    made = Addresses([torch.ones(2)], 1)
    assert made._look != made._look_from_python


@pytest.mark.parametrize("make", TENSORS.values(), ids=TENSORS)
def test_what_is_found(make, from_python):
    tensor, g, other = make(), make(), torch.ones(7)
    made = Addresses([tensor], 2)
    assert made.look((tensor, g, other)) == GRADIENTS_MOVED
    assert made.of_tensors() == [tensor.data_ptr()]
    assert made.of_gradients() == [g.data_ptr(), other.data_ptr()]
    assert made.sizes_of_gradients() == [g.untyped_storage().nbytes(), 28]
    assert made.look((tensor, g, other)) == GRADIENTS_MOVED, "until the places are accepted"
    made.accept()
    assert made.look((tensor, g, other)) == SAME


def swapped(p):
    torch.utils.swap_tensors(p, torch.nn.Parameter(torch.ones(6)))


def other_data(p):
    p.data = torch.ones(6)


CHANGES = {
    "swapped": swapped,
    "other data": other_data,
    "another storage": lambda p: p.set_(torch.ones(6)),
    "another place": lambda p: p.set_(p.untyped_storage(), 1, (5,)),
    "freed": lambda p: p.untyped_storage().resize_(0),
    "shrunk": lambda p: p.untyped_storage().resize_(20),
    "grown": lambda p: p.untyped_storage().resize_(64),
    "shared": lambda p: p.share_memory_(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_done_between_two_looks(change, from_python):
    p, g = torch.nn.Parameter(torch.ones(6)), torch.ones(6)
    before = p.untyped_storage()  # alive, so that no other memory can have its address
    made = Addresses([p], 1)
    made.look((p, g))
    made.accept()
    assert made.look((p, g)) == SAME
    with torch.no_grad():
        change(p)
    assert made.look((p, g)) == CHANGED
    assert made.look((g, p)) == CHANGED
    assert before is not None


def test_a_gradient_that_moves(from_python):
    p, first, second = torch.ones(6), torch.ones(6), torch.ones(6)
    made = Addresses([p], 1)
    made.look((p, first))
    made.accept()
    assert made.look((p, second)) == GRADIENTS_MOVED
    assert made.of_gradients() == [second.data_ptr()]
    first.untyped_storage().resize_(4)
    assert made.look((p, first)) == GRADIENTS_MOVED
    assert made.sizes_of_gradients() == [4]


def test_nothing_is_kept():
    p, g = torch.ones(6), torch.ones(6)
    kept = weakref.ref(p.untyped_storage())
    made = Addresses([p], 1)
    made.look((p, g))
    del p
    gc.collect()
    assert kept() is None
