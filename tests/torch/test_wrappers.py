"""Tensor subclasses whose numbers lie in other tensors: the rule on tensors, equal to torch.optim, or a sentence."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from support.configurations import Configuration
from support.wrappers import Logged, Scaled, TwoTensors, Wrapper

pytestmark = pytest.mark.structure

MAKE: dict[str, Callable[[Tensor, Tensor], Any]] = {
    "two tensors": TwoTensors,
    "logged": lambda first, _: Logged(first),
    "scaled whole numbers": lambda first, _: Scaled.of(first),
}


def values(p: Any) -> list[Tensor]:
    return [p.meant] if isinstance(p, Scaled) else [*p.parts]


def run(make: Callable[[Tensor, Tensor], Any], optimizer: Callable[[Any], Any], *, wrapped: bool) -> list[Tensor]:
    """Four steps along gradients that are wrapped too, or plain."""
    draw = torch.Generator().manual_seed(3)
    first, second = torch.randn(4, 3, generator=draw), torch.randn(4, 3, generator=draw)
    p, plain = nn.Parameter(make(first, second)), nn.Parameter(torch.ones(3))
    stepped = optimizer([p, plain])
    for _ in range(4):
        gradients = torch.randn(4, 3, generator=draw), torch.randn(4, 3, generator=draw)
        p.grad = make(*gradients) if wrapped else gradients[0]
        plain.grad = torch.ones(3)
        stepped.step()
    assert isinstance(p, Wrapper)
    return [*values(p), plain.detach()]


@pytest.mark.parametrize("what", MAKE)
def test_as_torch(what: str, configuration: Configuration) -> None:
    if configuration.name not in dir(torch.optim):
        pytest.skip("not in torch.optim")
    if what == "scaled whole numbers" and configuration.name == "ASGD":
        pytest.skip("torch.optim's ASGD writes into what the subclass returns, which is plain")
    wrapped = what != "scaled whole numbers"
    found, wanted = (run(MAKE[what], make, wrapped=wrapped) for make in (configuration.ours, configuration.theirs))
    torch.testing.assert_close(found, wanted, rtol=2e-6, atol=2e-6)


def test_plain_gradients_of_wrapped_parameters() -> None:
    configuration = Configuration("AdamW", {"lr": 0.02})
    found, wanted = (run(MAKE["logged"], make, wrapped=False) for make in (configuration.ours, configuration.theirs))
    torch.testing.assert_close(found, wanted, rtol=2e-6, atol=2e-6)


def test_a_logger_sees_the_step() -> None:
    p = nn.Parameter(Logged(torch.ones(3)))
    optimizer = Configuration("SGD", {"lr": 0.1}).ours([p])
    p.grad = torch.ones(3)
    Logged.made.clear()
    optimizer.step()
    assert "aten.copy_.default" in Logged.made


def test_a_subclass_in_the_state_is_used_and_not_replaced() -> None:
    """As wrappers put it there that keep the state of an optimizer in another form."""
    for momentum in (torch.full((3,), 2.0), Logged(torch.full((3,), 2.0))):
        p = nn.Parameter(torch.ones(3))
        p.grad = torch.ones(3)
        optimizer = Configuration("SGD", {"lr": 0.1, "momentum": 0.5}).ours([p])
        optimizer.state[p]["momentum_buffer"] = momentum
        optimizer.step()
        assert p.tolist() == pytest.approx([0.8] * 3)  # 1 - 0.1 (0.5 · 2 + 1)
        assert optimizer.state[p]["momentum_buffer"] is momentum
    assert momentum.parts[0].tolist() == [2.0] * 3  # type: ignore[attr-defined]
