"""Words and state that wrappers write into an optimizer are kept, saved and loaded."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import Parameter

import steepest
from support.configurations import REPRESENTATIVES
from support.half_steps import ones, step, values_of

pytestmark = pytest.mark.structure

# --- what wrappers write ----------------------------------------------------------------------------------------------

WORDS: dict[str, Any] = {
    "rho": 0.05, "momentum": 0.9, "adaptive": True, "layer_name": "x", "alpha": 0.5, "eta": 1.0, "amsgrad": False,
    "betas": (0.9, 0.95), "initial_lr": 0.1, "lr_mult": 2, "nesterov": True, "d": 1.0, "k": 5, "weight_sum": 0.0,
}  # fmt: skip
STATES = ("ema", "slow_params", "old_p", "e_w", "sum", "square_avg", "exp_avg", "prev", "exp_avg_sq", "z", "mu")


@pytest.mark.parametrize("row", REPRESENTATIVES, ids=lambda row: row.id)
def test_words_and_state_of_wrappers_are_kept_saved_and_loaded(row):
    for word, value in WORDS.items():
        p = ones(2)
        optimizer = row.ours([p])
        if word in optimizer.param_groups[0]:
            continue
        optimizer.param_groups[0][word] = value
        step(optimizer)
        again = row.ours([Parameter(torch.ones(2))])
        again.load_state_dict(values_of(optimizer))
        assert again.param_groups[0][word] == value
    for name in STATES:
        p = ones(2)
        optimizer = row.ours([p])
        step(optimizer)
        if name in optimizer.state[p]:
            continue
        optimizer.state[p][name] = own = torch.full((2,), 7.0)
        step(optimizer, 2)
        again = row.ours([Parameter(torch.ones(2))])
        again.load_state_dict(values_of(optimizer))
        (state,) = again.state.values()
        assert torch.equal(state[name], own)
        step(again)


@pytest.mark.parametrize("row", REPRESENTATIVES, ids=lambda row: row.id)
def test_a_wrapper_may_write_before_the_first_step(row):
    """torch takes any state for a state that was begun, and fails."""
    p, q = ones(2), ones(2)
    optimizer, plain = row.ours([p]), row.ours([q])
    optimizer.state[p]["ema"] = torch.zeros(2)
    again = row.ours([Parameter(torch.ones(2))])
    again.load_state_dict(values_of(optimizer))
    step(optimizer, 2)
    step(plain, 2)
    step(again, 2)
    assert torch.equal(p, q)
    assert torch.equal(again.param_groups[0]["params"][0], q)


@pytest.mark.parametrize("name", ["Adam", "SGD", "SparseAdam", "Adagrad", "Muon", "LBFGS"])
def test_entries_that_belong_to_no_parameter(name):
    p = Parameter(torch.ones(4, 2))
    optimizer = getattr(steepest, name)([p], lr=0.1)
    optimizer.state["wrapper"] = {"count": 3}
    optimizer.state["total"] = 5

    def loss():
        p.grad = torch.eye(4, 2).to_sparse() if name == "SparseAdam" else torch.ones(4, 2)
        return (p * p).sum()

    optimizer.step(loss)
    optimizer.step(loss)
    saved = values_of(optimizer)
    assert saved["state"]["wrapper"] == {"count": 3}
    assert saved["state"]["total"] == 5
    again = getattr(steepest, name)([Parameter(torch.ones(4, 2))], lr=0.1)
    again.load_state_dict(saved)
    assert again.state["wrapper"] == {"count": 3}
    assert again.state["total"] == 5
    if name == "Adagrad":
        again.share_memory()


def test_state_of_a_wrapper_is_not_written_into_when_a_checkpoint_is_loaded():
    """It may be a tensor of the model."""
    p = ones(2)
    optimizer = steepest.Adam([p])
    step(optimizer)
    buffer = torch.zeros(2)
    optimizer.state[p]["ema"] = buffer
    saved = values_of(optimizer)
    buffer.fill_(3.0)
    optimizer.load_state_dict(saved)
    assert buffer.tolist() == [3.0, 3.0]
    assert optimizer.state[p]["ema"].tolist() == [0.0, 0.0]


def test_nested_state_of_a_wrapper_is_copied():
    p = ones(2)
    optimizer = steepest.Adam([p])
    step(optimizer)
    optimizer.state[p]["more"] = {"list": [torch.ones(2), 1], "tuple": (torch.zeros(1), "x")}
    again = steepest.Adam([ones(2)])
    again.load_state_dict(saved := optimizer.state_dict())
    (state,) = again.state.values()
    assert state["more"]["list"][0] is not saved["state"][0]["more"]["list"][0]
    assert state["more"]["tuple"][1] == "x"


def test_a_wrapper_may_write_before_the_first_step_of_lbfgs():
    optimizer, again = steepest.LBFGS([p := ones(2)]), steepest.LBFGS([ones(2)])
    optimizer.state[p]["ema"] = torch.zeros(2)
    again.load_state_dict(values_of(optimizer))
    assert [*again.state.values()] == [{"ema": again.state[again.param_groups[0]["params"][0]]["ema"]}]


class SAM(torch.optim.Optimizer):
    """As the best known one is written."""

    def __init__(self, params, base, rho=0.05, **options):
        super().__init__(params, {"rho": rho, **options})
        self.base_optimizer = base(self.param_groups, **options)
        self.param_groups = self.base_optimizer.param_groups
        self.defaults.update(self.base_optimizer.defaults)

    @torch.no_grad()
    def first_step(self):
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["old_p"] = p.data.clone()
                p.add_(p.grad * group["rho"] / p.grad.norm())

    @torch.no_grad()
    def second_step(self):
        for group in self.param_groups:
            for p in group["params"]:
                p.data = self.state[p]["old_p"]
        self.base_optimizer.step()

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        self.base_optimizer.param_groups = self.param_groups


@pytest.mark.parametrize("name", ["SGD", "AdamW", "RMSprop"])
def test_sam(name):
    runs = []
    for lib in (steepest, torch.optim):
        model = nn.Linear(3, 2)
        nn.init.ones_(model.weight)
        nn.init.zeros_(model.bias)
        optimizer = SAM(model.parameters(), getattr(lib, name), lr=0.1)
        schedule = torch.optim.lr_scheduler.StepLR(optimizer.base_optimizer, 1, 0.5)
        for index in range(4):
            for move in (optimizer.first_step, optimizer.second_step):
                optimizer.zero_grad()
                model(torch.arange(3.0)).square().sum().backward()
                move()
            schedule.step()
            if index == 1:
                optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
        runs.append([p.detach() for p in model.parameters()])
    torch.testing.assert_close(*runs)
