"""A step where torch does not do what its operations say: make_fx records them, FakeTensorMode pretends them."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.fx.experimental.proxy_tensor import make_fx

import steepest
from steepest.torch import internals
from support.configurations import Configuration

FakeTensorMode: Any = __import__("torch._subclasses.fake_tensor", fromlist=["FakeTensorMode"]).FakeTensorMode
pytestmark = pytest.mark.structure

WHOLE = [Configuration("Muon", {"lr": 0.02}), Configuration("Adafactor", {"lr": 0.02})]


def make(configuration: Configuration) -> tuple[nn.Parameter, Any]:
    torch.manual_seed(1)
    p = nn.Parameter(torch.randn(4, 3))
    return p, configuration.ours([p])


def gradient(step: int) -> Tensor:
    return torch.linspace(-1, 1 + step, 12).sin().view(4, 3)


def recorded_and_real(configuration: Configuration, **how: Any) -> None:
    """Two steps, the third recorded, the fourth by the record: as four steps."""
    p, optimizer = make(configuration)
    q, other = make(configuration)

    def step(g: Tensor) -> Tensor:
        p.grad = g
        optimizer.step()
        return p.detach().clone()

    for i in range(2):
        step(gradient(i))
    graph = make_fx(step, **how)(gradient(2))
    assert any("copy_" in str(node.target) for node in graph.graph.nodes), "the record does not show the step"
    graph(gradient(3))
    for i in range(4):
        q.grad = gradient(i)
        other.step()
    close: dict[str, Any] = {"rtol": 2e-5, "atol": 2e-6}
    torch.testing.assert_close(p, q, **close)
    for name, value in other.state[q].items():
        torch.testing.assert_close(optimizer.state[p][name], value, **close)


def test_make_fx_records_the_step(configuration: Configuration) -> None:
    """The count of the steps too: the record goes on counting."""
    if configuration.name == "SparseAdam":
        pytest.skip("steps along sparse gradients alone")
    recorded_and_real(configuration)


@pytest.mark.parametrize("configuration_of_whole", WHOLE, ids=lambda c: c.name)
def test_make_fx_records_rules_of_whole_tensors(configuration_of_whole: Configuration) -> None:
    recorded_and_real(configuration_of_whole)


def test_make_fx_before_autograd() -> None:
    recorded_and_real(Configuration("AdamW", {"lr": 0.02}), pre_dispatch=True)


def test_make_fx_with_a_rate_that_is_a_tensor() -> None:
    recorded_and_real(Configuration("Adam", {"lr": torch.tensor(0.02)}))


ALL = [name for name in sorted(dir(torch.optim)) if isinstance(getattr(torch.optim, name), type)]
ALL = [name for name in ALL if name not in ("LBFGS", "Optimizer", "SparseAdam")] + ["Lion"]


def fake_step(name: str, mode: Any) -> tuple[Any, Any]:
    """Parameters and gradients are made in the mode; the steps are taken in it, or after it."""
    with FakeTensorMode() as fake:
        p = nn.Parameter(torch.ones(4, 3))
        p.grad = torch.ones(4, 3)
    optimizer = getattr(steepest, name)([p])
    if mode:
        with fake:
            optimizer.step()
            optimizer.step()
    else:
        optimizer.step()
        optimizer.step()
    return p, optimizer


@pytest.mark.parametrize("mode", [True, False], ids=["in the mode", "after it"])
@pytest.mark.parametrize("name", ALL)
def test_fake_tensors(name: str, mode: bool) -> None:
    """Nothing has an address; state has the shapes and types that a real step would make."""
    p, optimizer = fake_step(name, mode)
    q = nn.Parameter(torch.ones(4, 3))
    q.grad = torch.ones(4, 3)
    real = getattr(steepest, name)([q])
    real.step()
    found = {key: (value.shape, value.dtype) for key, value in optimizer.state[p].items()}
    assert found == {key: (value.shape, value.dtype) for key, value in real.state[q].items()}
    assert all(type(v).__name__ == "FakeTensor" for v in optimizer.state[p].values() if v.dim())


def test_real_parameters_in_a_mode_are_refused_as_by_torch(configuration: Configuration) -> None:
    """And stay as they were, with their state."""
    if configuration.name == "SparseAdam":
        pytest.skip("steps along sparse gradients alone")
    p, optimizer = make(configuration)
    p.grad = gradient(0)
    optimizer.step()
    before = copy.deepcopy((p.detach(), dict(optimizer.state[p])))
    with FakeTensorMode(), pytest.raises(AssertionError, match="convert all Tensors to FakeTensors"):
        optimizer.step()
    torch.testing.assert_close((p.detach(), dict(optimizer.state[p])), before, rtol=0, atol=0)
    optimizer.step()


def test_modes_that_only_look_on_change_nothing() -> None:
    """As the counter of floating point operations: the kernel runs."""
    from torch.utils.flop_counter import FlopCounterMode

    p, optimizer = make(Configuration("AdamW", {}))
    p.grad = gradient(0)
    with FlopCounterMode(display=False), torch.device("cpu"):
        assert internals.modes() > 0
        assert not internals.are_operations_replaced()
        optimizer.step()
    (plan,) = optimizer._plans[0]
    assert len(plan.batches) == 1


def test_a_graph_leads_to_a_state_that_is_the_gradient() -> None:
    p = nn.Parameter(torch.ones(3))
    start = p.clone()
    optimizer = steepest.SGD([start], lr=0.1, momentum=0.9, differentiable=True)
    start.grad = 2 * p
    optimizer.step()
    optimizer.state[start]["momentum_buffer"].sum().backward()
    assert p.grad is not None
    assert p.grad.tolist() == [2.0] * 3
