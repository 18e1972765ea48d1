"""Groups have torch's keys, their options do what they say, and every number may be a tensor."""

import copy
import io
import pickle

import pytest
import torch
from torch.nn import Parameter

import steepest
from support.half_steps import ALL, ones, step, values_of

pytestmark = pytest.mark.structure

# --- what says what is done -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decoupled", [True, False])
@pytest.mark.parametrize("name", ["Adam", "AdamW", "NAdam", "RAdam"])
def test_decoupled_weight_decay_of_a_group_does_what_it_says(name, decoupled):
    runs = []
    for lib in (steepest, torch.optim):
        ps = [ones(2), ones(3)]
        optimizer = getattr(lib, name)(
            [{"params": ps[:1]}, {"params": ps[1:], "decoupled_weight_decay": decoupled}], lr=0.1, weight_decay=0.5
        )
        step(optimizer, 2)
        optimizer.param_groups[0]["decoupled_weight_decay"] = decoupled
        step(optimizer, 2)
        runs.append([p.detach() for p in ps])
    for one, other in zip(*runs, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(("writer", "reader"), [("Adam", "AdamW"), ("AdamW", "Adam"), ("AdamW", "AdamW")])
@pytest.mark.parametrize("decoupled", [True, False])
def test_decoupled_weight_decay_of_a_checkpoint(writer, reader, decoupled):
    runs = []
    for lib in (steepest, torch.optim):
        p, q = ones(2), ones(2)
        saved = getattr(torch.optim, writer)([p], lr=0.1, weight_decay=0.5)
        saved.param_groups[0]["decoupled_weight_decay"] = decoupled
        step(saved)
        optimizer = getattr(lib, reader)([q], lr=0.1)
        optimizer.load_state_dict(values_of(saved))
        step(optimizer, 2)
        runs.append((q.detach(), optimizer.param_groups[0]["decoupled_weight_decay"]))
    torch.testing.assert_close(*runs)


def test_a_copy_of_an_optimizer_says_what_the_optimizer_said():
    optimizer = steepest.AdamW([ones(2)])
    optimizer.param_groups[0]["decoupled_weight_decay"] = False
    for copied in (copy.deepcopy(optimizer), pickle.loads(pickle.dumps(optimizer))):
        assert copied.param_groups[0]["decoupled_weight_decay"] is False


@pytest.mark.parametrize("name", ALL)
def test_groups_have_torchs_keys_before_and_after_loading(name):
    keys = []
    for lib in (steepest, torch.optim):
        optimizer = getattr(lib, name)([ones(3, 2)])
        before = {*optimizer.param_groups[0]}
        optimizer.load_state_dict(values_of(optimizer))
        keys += [before, {*optimizer.param_groups[0]}, {*optimizer.state_dict()["param_groups"][0]}]
    assert all(found == keys[0] for found in keys)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
def test_beyond_matrices_stands_beside_the_groups(copied):
    p, q = ones(3, 2, 2), ones(3, 2, 2)
    flat, batch = steepest.Muon([p], beyond_matrices="flatten"), steepest.Muon([q], beyond_matrices="batch")
    assert "beyond_matrices" not in flat.param_groups[0]
    p2, twin = copied((p, flat))
    step(flat, 2)
    step(batch, 2)
    step(twin, 2)
    assert torch.equal(p2, p)
    assert not torch.equal(p, q)


def test_a_group_may_see_its_tensors_as_other_matrices():
    p, q = ones(3, 2, 2), ones(3, 2, 2)
    torch.manual_seed(0)
    groups = [{"params": [p], "beyond_matrices": "batch"}, {"params": [q]}]
    optimizer = steepest.Muon(groups, beyond_matrices="flatten")
    step(optimizer)
    alone = [ones(3, 2, 2), ones(3, 2, 2)]
    for one, how in zip(alone, ("batch", "flatten"), strict=True):
        step(steepest.Muon([one], beyond_matrices=how))
    assert torch.equal(p, alone[0])
    assert torch.equal(q, alone[1])
    again = steepest.Muon([{"params": [ones(3, 2, 2)]}, {"params": [ones(3, 2, 2)]}], beyond_matrices="flatten")
    again.load_state_dict(values_of(optimizer))
    assert again.param_groups[0]["beyond_matrices"] == "batch"


# --- hyperparameters that are tensors ---------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("name", [*ALL, "Lion"])
def test_every_number_may_be_a_tensor_of_one_element(name, shape):
    cls = getattr(steepest, name)
    hyperparameters = {"lr": 1.0} if name == "LBFGS" else cls.rule.hyperparameters
    for word, value in hyperparameters.items():
        runs = []
        for as_tensor in (True, False):
            p = Parameter(torch.arange(1.0, 7.0).view(3, 2))
            plain = tuple(value) if isinstance(value, tuple) else value

            def given(one, made=as_tensor):
                is_number = type(one) is float and made
                return torch.full(shape, one, dtype=torch.float64) if is_number else one

            optimizer = cls([p], **{word: tuple(map(given, plain)) if isinstance(plain, tuple) else given(plain)})

            def closure(p=p):
                g = 0.1 * p.detach().sign() * torch.arange(1.0, 7.0).view(3, 2)
                p.grad = g.to_sparse() if name == "SparseAdam" else g
                return (p * p).sum()

            for _ in range(3):
                optimizer.step(closure)
            file = io.BytesIO()
            torch.save(optimizer.state_dict(), file)
            torch.load(io.BytesIO(file.getvalue()), weights_only=True)
            runs.append(p.detach())
        torch.testing.assert_close(*runs, msg=lambda m, word=word: f"{word}: {m}")
