"""A tensor among the hyperparameters whose memory was taken away: the step says so, and changes nothing."""

import pytest
import torch
from torch.nn import Parameter

import steepest
from support.configurations import REPRESENTATIVES

pytestmark = pytest.mark.structure

NAMES = sorted({row.name for row in REPRESENTATIVES if row.name != "SparseAdam"} | {"Muon", "Adafactor"})


def numbers(optimizer):
    """Each hyperparameter that is a number, and each of several, with a tensor in its place, and what the group has."""
    (group,) = optimizer.param_groups
    for name, default in optimizer.rule.hyperparameters.items():
        if isinstance(default, tuple):
            for place in range(len(default)):
                parts = tuple(None if one is None else torch.tensor(float(one)) for one in group[name])
                if parts[place] is not None:
                    yield f"{name}[{place}]", parts[place], {name: parts}
        elif type(default) is float and group[name] is not None:
            one = torch.tensor(float(group[name]))
            yield name, one, {name: one}


def stepped(name):
    p = Parameter(torch.linspace(-1, 1, 6).reshape(2, 3))
    p.grad = torch.ones(2, 3)
    optimizer = getattr(steepest, name)([p], lr=0.1)
    optimizer.step()
    return p, optimizer


@pytest.mark.parametrize("length", [0, 2])
@pytest.mark.parametrize("name", NAMES)
def test_it_is_not_read(name, length):
    refused = []
    for called, one, entry in numbers(stepped(name)[1]):
        p, optimizer = stepped(name)
        optimizer.param_groups[0] |= entry
        optimizer.step()
        before = [p.detach().clone(), *(torch.as_tensor(v).clone() for v in optimizer.state[p].values())]
        assert one is not None
        one.untyped_storage().resize_(length)
        try:
            optimizer.step()
        except RuntimeError as error:
            assert "a hyperparameter was freed or made smaller" in str(error), called  # noqa: PT017  which one
            after = [p, *optimizer.state[p].values()]
            assert all(torch.as_tensor(v).equal(w) for v, w in zip(after, before, strict=True)), called
            refused.append(called)
    assert "lr" in refused
