"""Looking at all tensors at once, in machine code, sees what asking each of them sees."""

import gc
import weakref

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from steepest.torch import objects
from steepest.torch.stepping import native_look, same_tensors
from steepest.torch.stepping.same_tensors import CHANGED, GRADIENTS_DIFFER, GRADIENTS_MOVED, SAME, SameTensors
from support.wrappers import TwoTensors

TENSORS = {
    "a parameter": lambda: torch.nn.Parameter(torch.ones(3, 4)),
    "part of another": lambda: torch.ones(4, 3)[1:, ::2],
    "of no dimension": lambda: torch.ones((), dtype=torch.float64),
    "empty": lambda: torch.ones(0),
    "of eight dimensions": lambda: torch.ones(1, 2, 1, 3, 1, 1, 2, 1).transpose(1, 3),
    "half precision": lambda: torch.ones(5, dtype=torch.bfloat16),
    "complex": lambda: torch.ones(5, dtype=torch.complex64),
    "an integer": lambda: torch.ones(1, dtype=torch.int64),
    "shared": lambda: torch.ones(5).share_memory_(),
    "of NumPy": lambda: torch.from_numpy(torch.ones(5).numpy()),
}


@pytest.fixture(params=[False, True], ids=["native", "from Python"], autouse=True)
def from_python(request, monkeypatch):
    if request.param:
        monkeypatch.setattr(same_tensors, "native_look", lambda *_, **__: None)
    return request.param


def accepted(tensors, gradients):
    same = SameTensors(tensors, gradients)
    assert same.look((*tensors, *gradients)) in (GRADIENTS_MOVED, SAME)
    same.accept()
    assert same.look((*tensors, *gradients)) == SAME
    return same


@pytest.mark.parametrize("name", ["keys_of", "tensor_of"])
def test_places_that_are_not_found(name, monkeypatch):
    assert objects.places_in_objects.__wrapped__() is not None
    monkeypatch.setattr(objects, name, None)
    assert objects.places_in_objects.__wrapped__() is None
    monkeypatch.setattr(native_look, "places_in_objects", lambda: None)
    assert SameTensors([torch.ones(2)], [torch.ones(2)])._native is None


def test_it_is_compiled_when_it_was_asked_ten_times(monkeypatch, from_python):
    if from_python:
        pytest.skip("it is not compiled at all")
    monkeypatch.setattr(native_look, "is_ready", lambda *_: False)
    p, g = torch.ones(2), torch.ones(2)
    same = SameTensors([p], [g])
    for look in range(12):
        assert (same._native is None) == (look < 10)
        assert same.look((p, torch.ones(2))) == GRADIENTS_MOVED
        assert same.look((torch.ones(2), g)) == CHANGED if look == 11 else True
    assert same.of_tensors() == [p.data_ptr()]


def test_functions_of_torchs_c_interface():
    found = objects.c_functions("aoti_torch_get_dim", "aoti_torch_get_sizes") or []
    assert len({*found}) == 2
    assert 0 not in found
    assert objects.c_functions("aoti_torch_get_dim", "aoti_torch_no_such") is None


def test_here_it_is_native(from_python):
    assert (SameTensors([torch.ones(2)], [torch.ones(2)])._native is None) == from_python


@pytest.mark.parametrize("make", TENSORS.values(), ids=TENSORS)
def test_what_is_found(make):
    tensor, g, other = make(), make(), torch.ones(7)
    same = SameTensors([tensor], [g, other])
    assert same.look((tensor, g, other)) == GRADIENTS_MOVED
    assert same.of_tensors() == [tensor.data_ptr()]
    assert same.of_gradients() == [g.data_ptr(), other.data_ptr()]
    assert same.sizes_of_gradients() == [g.untyped_storage().nbytes(), 28]
    assert same.look((tensor, g, other)) == GRADIENTS_MOVED, "until the places are accepted"
    same.accept()
    assert same.look((tensor, g, other)) == SAME
    assert same.look((tensor, make(), torch.zeros(7))) == GRADIENTS_MOVED


def swapped(p):
    torch.utils.swap_tensors(p, torch.nn.Parameter(torch.ones(2, 3)))


def other_data(p):
    p.data = torch.ones(2, 3)


def other_dtype(p):
    p.data = p.data.view(torch.int32)


def negated(p):
    p.data = torch._neg_view(p.data)  # pyright: ignore[reportPrivateImportUsage]


CHANGES = {
    "swapped": swapped,
    "other data": other_data,
    "another storage": lambda p: p.set_(torch.ones(2, 3)),
    "another place": lambda p: p.set_(p.untyped_storage(), 1, (2, 2)),
    "another shape": lambda p: p.set_(p.untyped_storage(), 0, (2, 2)),
    "of more dimensions": lambda p: p.unsqueeze_(0),
    "transposed": lambda p: p.t_(),
    "other strides": lambda p: p.set_(p.untyped_storage(), 0, (2, 3), (1, 2)),
    "another dtype": other_dtype,
    "negated": negated,
    "freed": lambda p: p.untyped_storage().resize_(0),
    "shrunk": lambda p: p.untyped_storage().resize_(20),
    "grown": lambda p: p.untyped_storage().resize_(64),
    "shared": lambda p: p.share_memory_(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_done_between_two_looks(change):
    tensor, p = torch.ones(2, 3), torch.ones(2, 3)
    before = [tensor.untyped_storage(), p.untyped_storage()]  # alive, so that no other memory can have their addresses
    same = accepted([tensor], [p])
    with torch.no_grad():
        change(p)
    only_moved = change in map(CHANGES.get, ("other data", "another storage", "freed", "shrunk", "grown", "shared"))
    assert same.look((tensor, p)) == (GRADIENTS_MOVED if only_moved else GRADIENTS_DIFFER)
    with torch.no_grad():
        change(tensor)
    assert same.look((tensor, torch.ones(2, 3))) == CHANGED
    assert len(before) == 2


STRANGERS = {
    "none": lambda t: None,
    "a number": lambda t: 1.0,
    "a conjugated view": lambda t: t.conj(),
    "sparse": lambda t: t.to_sparse(),
    "on another device": lambda t: t.to("meta"),
    "a parameter": torch.nn.Parameter,
    "a wrapper": lambda t: TwoTensors(t, t),
    "a fake": lambda t: FakeTensorMode().from_tensor(t),
    "zeros without memory": lambda t: torch._efficientzerotensor(t.shape),  # pyright: ignore[reportPrivateImportUsage]
}


@pytest.mark.parametrize("make", STRANGERS.values(), ids=STRANGERS)
def test_what_is_there_instead(make, capfd):
    tensor, g = torch.ones(2, 3, dtype=torch.complex64), torch.ones(2, 3, dtype=torch.complex64)
    same = accepted([tensor], [g])
    assert same.look((make(tensor), g)) == CHANGED
    assert same.look((tensor, make(g))) == GRADIENTS_DIFFER
    assert same.look((tensor, g)) == SAME
    assert capfd.readouterr() == ("", ""), "torch says nothing"


def test_more_or_fewer_than_there_were():
    tensors, g = [torch.ones(6) for _ in range(40)], torch.ones(6)
    same = accepted(tensors, [g])
    assert same.look((*tensors[:9], g)) == CHANGED
    assert same.look((*tensors, *tensors, g)) == CHANGED
    assert same.look((*tensors, g)) == SAME


def test_a_gradient_that_moves():
    p, first, second = torch.ones(6), torch.ones(6), torch.ones(6)
    same = accepted([p], [first])
    assert same.look((p, second)) == GRADIENTS_MOVED
    assert same.of_gradients() == [second.data_ptr()]
    first.untyped_storage().resize_(4)
    assert same.look((p, first)) == GRADIENTS_MOVED
    assert same.sizes_of_gradients() == [4]


def test_nothing_is_kept():
    p, g = torch.ones(6), torch.ones(6)
    kept = weakref.ref(p.untyped_storage())
    same = accepted([p], [g])
    del p
    gc.collect()
    assert kept() is None
    assert same
