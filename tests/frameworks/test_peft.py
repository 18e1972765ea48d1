"""peft: adapters beside frozen weights, LoRA+ with its two rates."""

from typing import Any

import pytest
import torch

import steepest
from support.framework import LIBRARIES, X, Y, assert_near, assert_same, needs, net, values

peft = needs("peft")
optimizers = needs("peft.optimizers")


def adapted(seed: int = 0) -> Any:
    model = net()
    torch.manual_seed(seed)
    return peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules=["0"], modules_to_save=["2"]))


def train(model: Any, optimizer: Any, steps: int) -> None:
    for step in range(steps):
        optimizer.zero_grad()
        rows = slice(8 * step, 8 * step + 8)
        (model(X[rows]) - Y[rows]).square().mean().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()


def lora(lib: Any, model: Any) -> Any:
    return lib.AdamW(model.parameters(), lr=0.05)  # the frozen ones too, as people give them


def lora_plus(lib: Any, model: Any) -> Any:
    make = optimizers.create_loraplus_optimizer
    return make(model, lib.AdamW, lr=0.02, loraplus_lr_ratio=4.0, loraplus_weight_decay=0.1)


@pytest.mark.parametrize("make", [lora, lora_plus])
def test_equal_to_torch(make: Any) -> None:
    found = []
    for lib in LIBRARIES.values():
        model = adapted()
        frozen = [p.detach().clone() for p in model.parameters() if not p.requires_grad]
        train(model, make(lib, model), 5)
        assert_same([p.detach() for p in model.parameters() if not p.requires_grad], frozen)
        found.append(values(model))
    assert_near(found[1], found[0])


@pytest.mark.parametrize("make", [lora, lora_plus])
def test_resumed_bit_for_bit(make: Any) -> None:
    model = adapted()
    optimizer = make(steepest, model)
    train(model, optimizer, 3)
    weights = {name: value.clone() for name, value in peft.get_peft_model_state_dict(model).items()}
    other = adapted(seed=1)
    resumed = make(steepest, other)
    resumed.load_state_dict(optimizer.state_dict())
    peft.set_peft_model_state_dict(other, weights)
    train(model, optimizer, 3)
    train(other, resumed, 3)
    assert_same(values(other), values(model))
