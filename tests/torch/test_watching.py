"""Whatever is done to parameters, gradients, state and options between two steps is noticed at the next one."""

import copy
import pickle
from typing import Any

import pytest
import torch

from support.configurations import NUMBERS
from support.nets import assert_same_run, both, net, train

pytestmark = pytest.mark.structure

CLOSE: dict[str, Any] = {"rtol": 1e-9, "atol": 1e-11}


def replace_data(model, optimizer, step):
    if step == 3:
        for p in model.parameters():
            p.data = torch.full_like(p, 0.25)


def replace_data_by_another_layout(model, optimizer, step):
    if step == 3:
        model[0].weight.data = model[0].weight.data.t().contiguous().t()
        model[2].weight.data = torch.zeros(1, 14, dtype=torch.float64)[:, ::2]


def replace_storage(model, optimizer, step):
    if step == 3:
        for p in model.parameters():
            p.data.set_(torch.full((p.numel() + 5,), 0.5, dtype=p.dtype), 3, p.shape)


def swap_gradients(model, optimizer, step):
    """The gradients' memory changes hands; zero_grad(set_to_none=False) would keep it."""
    for p in model.parameters():
        if step and p.grad is not None:
            p.grad = p.grad.clone()


def replace_state(model, optimizer, step):
    if step == 3:
        for state in optimizer.state.values():
            for name in state:
                if name not in NUMBERS:
                    state[name] = torch.full_like(state[name], 0.125)


def replace_state_dict_of_a_parameter(model, optimizer, step):
    if step == 3:
        for p, state in [*optimizer.state.items()]:
            optimizer.state[p] = {k: torch.zeros_like(v) if k not in NUMBERS else v for k, v in state.items()}


def change_state_in_place(model, optimizer, step):
    if step == 3:
        for state in optimizer.state.values():
            for name, value in state.items():
                value.mul_(0.5) if name not in NUMBERS else value.fill_(40.0)


def no_gradient_for_some_steps(model, optimizer, step):
    model[2].bias.requires_grad_(step not in (2, 3))
    if step == 2:
        model[2].bias.grad = None


def unfreeze_later(model, optimizer, step):
    """One group holds different step counts from here on."""
    model[0].weight.requires_grad_(step >= 4)


def change_the_rate(model, optimizer, step):
    optimizer.param_groups[0]["lr"] = 0.01 / (1 + step)


def change_the_decay(model, optimizer, step):
    optimizer.param_groups[0]["weight_decay"] = 0.1 * (step % 2)


def change_the_direction(model, optimizer, step):
    optimizer.param_groups[0]["maximize"] = step in (2, 5)


def load_its_own_checkpoint(model, optimizer, step):
    if step == 4:
        optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))


def add_a_group(model, optimizer, step):
    if step == 0:
        for p in model[2].parameters():
            drop(optimizer, p)
    if step == 3:
        optimizer.add_param_group({"params": [*model[2].parameters()], "lr": 0.02})
        if type(optimizer) is torch.optim.Adagrad:  # torch has no state for a group that came later, and fails
            start = optimizer.defaults["initial_accumulator_value"]
            for p in model[2].parameters():
                optimizer.state[p] = {"step": torch.tensor(0.0), "sum": torch.full_like(p, start)}


def drop_a_parameter(model, optimizer, step):
    if step == 3:
        drop(optimizer, model[0].bias)


def drop(optimizer, p):
    kept = [q for q in optimizer.param_groups[0]["params"] if q is not p]
    optimizer.param_groups[0]["params"] = kept
    optimizer.state.pop(p, None)


WHAT_IS_DONE = [
    replace_data,
    replace_data_by_another_layout,
    replace_storage,
    swap_gradients,
    replace_state,
    replace_state_dict_of_a_parameter,
    change_state_in_place,
    no_gradient_for_some_steps,
    unfreeze_later,
    change_the_rate,
    change_the_decay,
    change_the_direction,
    load_its_own_checkpoint,
    add_a_group,
    drop_a_parameter,
]


@pytest.mark.parametrize("done", WHAT_IS_DONE, ids=lambda f: f.__name__)
def test_a_change_between_steps(configuration, done):
    both(configuration, done, **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_a_model_that_changes_its_dtype_mid_run(configuration, dtype):
    """Its state stays in the old dtype, in torch too; the step is the rule's on these very numbers."""
    model = net()
    optimizer = configuration.ours(model.parameters())
    train(model, optimizer, 3)
    model.to(dtype)
    twin = net().to(dtype).double()  # the same numbers in float64
    twin.load_state_dict(model.state_dict())
    expected = configuration.theirs(twin.parameters())
    expected.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        if p.grad is not None:
            p.grad = torch.ones_like(p)
            q.grad = torch.ones_like(q)
    optimizer.step()
    expected.step()
    eps = torch.finfo(dtype).eps
    for p, q in zip(model.parameters(), twin.parameters(), strict=True):
        assert p.dtype == dtype
        torch.testing.assert_close(p.double(), q, rtol=eps, atol=eps)
        for name, value in expected.state.get(q, {}).items():
            if name not in NUMBERS and p.grad is not None:
                torch.testing.assert_close(optimizer.state[p][name].double(), value, rtol=4e-7, atol=4e-7)


def test_a_model_that_changes_its_memory_format_mid_run(configuration):
    """V2: torch's fused kernels walk parameter and state of different layout as if they were alike."""
    runs = []
    for make in (configuration.ours, configuration.theirs):
        torch.manual_seed(1)
        model: Any = torch.nn.Conv2d(3, 4, 2).double()
        optimizer = make(model.parameters())
        for step in range(6):
            if step == 3:
                model.to(memory_format=torch.channels_last)
            optimizer.zero_grad()
            model(torch.linspace(0, 1, 48, dtype=torch.float64).sin().view(1, 3, 4, 4)).square().mean().backward()
            optimizer.step()
        runs.append((model, optimizer))
    assert runs[0][0].weight.is_contiguous(memory_format=torch.channels_last)
    assert_same_run(*runs, **CLOSE)


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda both: pickle.loads(pickle.dumps(both))], ids=["deepcopy", "pickle"]
)
def test_a_copy_goes_on_by_itself(configuration, copied):
    model = net()
    optimizer = configuration.ours(model.parameters())
    train(model, optimizer, 4)
    twin, twins = copied((model, optimizer))
    train(model, optimizer, 4)
    before = copy.deepcopy(model.state_dict())
    train(twin, twins, 4)
    assert_same_run((twin, twins), (model, optimizer), rtol=0, atol=0)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), "the copy does not write to the original"


@pytest.mark.parametrize("groups", [1, 2])
def test_state_that_was_thrown_away_starts_anew(configuration, groups):
    def grouped(model):
        return [{"params": [*model[0].parameters()]}, {"params": [*model[2].parameters()]}][-groups:]

    model, fresh = net(), net()
    optimizer = configuration.ours(grouped(model))
    train(model, optimizer, 3)
    optimizer.state.clear()
    fresh.load_state_dict(model.state_dict())
    expected = configuration.theirs(grouped(fresh))
    train(model, optimizer, 3)
    train(fresh, expected, 3)
    assert_same_run((model, optimizer), (fresh, expected), **CLOSE)


def test_state_replaced_in_the_second_group_only(configuration):
    runs = []
    for make in (configuration.ours, configuration.theirs):
        model = net()
        optimizer = make([{"params": [*model[0].parameters()]}, {"params": [*model[2].parameters()]}])
        for step in range(6):
            if step == 3:
                for p in model[2].parameters():
                    if p in optimizer.state:
                        optimizer.state[p] = {
                            k: torch.full_like(v, 0.5) if k not in NUMBERS else v for k, v in optimizer.state[p].items()
                        }
            train(model, optimizer, 1)
        runs.append((model, optimizer))
    assert_same_run(*runs, **CLOSE)
