"""Steps inside of CUDA graphs, as far as that can be pretended: a replay has the addresses of its capture, no more."""

import gc
from typing import Any

import pytest
import torch
from torch.nn import Parameter

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

import steepest
from steepest import schedules
from support.configurations import Configuration
from support.on_gpu import ROWS, everything, on_gpu
from support.pretended_gpu import Graph, Pretended


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> Pretended:
    return on_gpu(monkeypatch)


def made(make: Any) -> tuple[Any, list[torch.Tensor]]:
    """An optimizer of two parameters, and their gradients, which stay where they are."""
    p = [Parameter(torch.linspace(-1, 1, 7)), Parameter(torch.ones(1030))]
    gradients = [torch.linspace(0.5, 2, 7), torch.full((1030,), -0.5)]
    for parameter, g in zip(p, gradients, strict=True):
        parameter.grad = g
    return make(p), gradients


def change(gradients: list[torch.Tensor]) -> None:
    for g in gradients:
        g.mul_(-0.75)


def captured(gpu: Pretended, optimizer: Any) -> Graph:
    """A step that went into a graph; gradients lie elsewhere than before, as those of a captured backward() do."""
    with gpu.cuda.capturing() as graph:
        optimizer.step()
    return graph


@pytest.mark.parametrize("row", ROWS)
def test_replays_equal_steps(row: Configuration, gpu: Pretended) -> None:
    (eager, of_eager), (replayed, of_replayed) = made(row.ours), made(row.ours)
    eager.step()
    replayed.step()
    of_replayed = [g.clone() for g in of_replayed]
    for p, g in zip(replayed.param_groups[0]["params"], of_replayed, strict=True):
        p.grad = g
    before = [one.clone() for one in everything(replayed)]
    graph = captured(gpu, replayed)
    assert all(map(torch.equal, before, everything(replayed)))  # nothing was run
    for _ in range(4):
        change(of_eager)
        change(of_replayed)
        eager.step()
        graph.replay()
    assert all(map(torch.equal, everything(eager), everything(replayed)))
    replayed.step()  # and goes on without the graph
    eager.step()
    assert all(map(torch.equal, everything(eager), everything(replayed)))


def test_a_graph_outlives_the_plan_and_other_gradients(gpu: Pretended) -> None:
    optimizer, gradients = made(lambda p: steepest.SGD(p, lr=0.5))
    first, second = optimizer.param_groups[0]["params"]
    graph = captured(gpu, optimizer)
    first.grad, second.grad = torch.zeros(7), torch.zeros(1030)
    optimizer.step()  # along zeros, whose addresses must not come into the graph
    for round_ in range(6):  # other plans take its place
        first.grad = second.grad = None
        (first if round_ % 2 else second).grad = torch.zeros_like(first if round_ % 2 else second)
        optimizer.step()
    optimizer._plans.clear()
    gc.collect()
    before = first.detach().clone()
    graph.replay()
    assert torch.equal(first, before - 0.5 * gradients[0])


def test_memory_that_is_given_up_during_a_capture_is_freed_later(gpu: Pretended) -> None:
    old, _ = made(lambda p: steepest.SGD(p, lr=0.5))
    old.step()
    optimizer, _ = made(lambda p: steepest.SGD(p, lr=0.5))
    optimizer.step()
    count = len(gpu.cuda.blocks)
    with gpu.cuda.capturing():
        del old
        gc.collect()
        optimizer.step()
    assert len(gpu.cuda.blocks) >= count
    other, _ = made(lambda p: steepest.SGD(p, lr=0.25))
    other.step()
    blocks = len(gpu.cuda.blocks)
    del other
    gc.collect()
    assert len(gpu.cuda.blocks) < blocks
    assert len(gpu.cuda.blocks) <= count


def test_a_rate_that_is_a_tensor(gpu: Pretended) -> None:
    rate = torch.tensor(0.5)
    optimizer, gradients = made(lambda p: steepest.SGD(p, lr=rate))
    graph = captured(gpu, optimizer)
    (p, _), (g, _) = optimizer.param_groups[0]["params"], gradients
    for value in (0.25, 2.0):
        expected = p - value * g
        rate.fill_(value)
        graph.replay()
        assert torch.equal(p, expected)


def test_a_rate_on_another_device_is_refused(gpu: Pretended, monkeypatch: pytest.MonkeyPatch) -> None:
    optimizer, _ = made(lambda p: steepest.SGD(p, lr=torch.tensor(0.5)))
    optimizer.step()
    monkeypatch.setattr(gpu.driver, "memory", "cuda")  # the tensor is on the CPU, then
    with pytest.raises(TypeError, match=r"lr is a tensor of torch.float32 on cpu, which a graph could not read"):
        captured(gpu, optimizer)


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_a_schedule_goes_on_in_replays(name: str, gpu: Pretended) -> None:
    rate = schedules.cosine(0.5, 12).warmup(3)
    (eager, of_eager), (replayed, of_replayed) = (
        made(lambda p: getattr(steepest, name)(p, lr=rate, **({} if name == "SGD" else {"capturable": True})))
        for _ in range(2)
    )
    for optimizer in (eager, replayed):
        optimizer.step()
    graph = captured(gpu, replayed)
    for _ in range(5):
        change(of_eager)
        change(of_replayed)
        eager.step()
        graph.replay()
    assert all(map(torch.equal, everything(eager), everything(replayed)))
    assert replayed.state_dict()["param_groups"][0].get("schedule_step") == (6 if name == "SGD" else None)
    for optimizer in (eager, replayed):  # one step outside of the graph
        optimizer.step()
    assert eager.param_groups[0]["lr"] == replayed.param_groups[0]["lr"] == rate(6)
    eager.step()
    graph.replay()
    assert all(map(torch.equal, everything(eager), everything(replayed)))


def test_a_schedule_of_a_resumed_run_goes_on_there(gpu: Pretended) -> None:
    optimizer, gradients = made(lambda p: steepest.SGD(p, lr=schedules.linear(1.0, 0.0, 8)))
    optimizer.step()
    saved = optimizer.state_dict()
    graph = captured(gpu, optimizer)
    for _ in range(3):
        graph.replay()
    optimizer.load_state_dict(saved)
    (p, _), (g, _) = optimizer.param_groups[0]["params"], gradients
    expected = p - 0.875 * g
    graph.replay()
    assert torch.equal(p, expected)


def test_a_schedule_that_is_written_into_a_tensor_is_refused(gpu: Pretended) -> None:
    optimizer, _ = made(lambda p: steepest.SGD(p, lr=schedules.constant(0.5)))
    optimizer.param_groups[0]["lr"] = torch.tensor(0.5)
    optimizer.step()
    with pytest.raises(RuntimeError, match="The schedule of 'lr' of this SGD is written into a tensor"):
        captured(gpu, optimizer)


def test_a_number_reaches_the_graph_when_somebody_asks_the_optimizer(gpu: Pretended) -> None:
    optimizer, gradients = made(lambda p: steepest.SGD(p, lr=1.0))
    scheduler = steepest.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    optimizer.step()
    graph = captured(gpu, optimizer)
    (p, _), (g, _) = optimizer.param_groups[0]["params"], gradients
    for rate in (0.5, 0.25):
        scheduler.step()
        expected = p - rate * g
        graph.replay()
        assert torch.equal(p, expected)
    optimizer.param_groups[0]["lr"] = 2.0
    optimizer.zero_grad()
    expected = p - 2.0 * g
    graph.replay()
    assert torch.equal(p, expected)


def test_options_that_choose_other_lines_are_said(gpu: Pretended) -> None:
    optimizer, _ = made(lambda p: steepest.SGD(p, lr=1.0, momentum=0.5))
    optimizer.step()
    captured(gpu, optimizer)
    optimizer.zero_grad()
    optimizer.param_groups[0]["nesterov"] = True
    with pytest.warns(UserWarning, match="The options of group 0 of this SGD have changed since its step went into"):
        optimizer.zero_grad()
    optimizer.zero_grad()  # once


def test_a_group_that_comes_later_is_said(gpu: Pretended) -> None:
    optimizer, _ = made(lambda p: steepest.SGD(p, lr=1.0))
    captured(gpu, optimizer)
    with pytest.warns(UserWarning, match="group was added to this SGD after a step of it went into a graph"):
        optimizer.add_param_group({"params": [Parameter(torch.ones(2))]})


def test_a_gradient_that_comes_later_is_said(gpu: Pretended) -> None:
    optimizer, _ = made(lambda p: steepest.SGD([*p, Parameter(torch.ones(2))], lr=1.0))
    captured(gpu, optimizer)
    late = optimizer.param_groups[0]["params"][2]
    with pytest.warns(
        UserWarning, match=r"A parameter of shape \(2,\) has its first gradient after a step of SGD went"
    ):
        late.sum().backward()
    late.sum().backward()  # once


def test_a_capture_without_a_step_before_it_is_refused(gpu: Pretended) -> None:
    optimizer, _ = made(lambda p: steepest.Adam(p, capturable=True))
    with pytest.raises(RuntimeError, match="Take one step on a side stream before the capture"):
        captured(gpu, optimizer)


def test_counts_on_the_host_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = on_gpu(monkeypatch, there=False)
    optimizer, _ = made(steepest.Adam)
    optimizer.step()
    with pytest.raises(RuntimeError, match="Make the optimizer with capturable=True"):
        captured(gpu, optimizer)


@pytest.mark.parametrize("make", [
    lambda p: steepest.SGD([Parameter(torch.ones(4, 4)[:, ::2])]), steepest.Adafactor,
], ids=["a slice", "a whole rule that counts"])  # fmt: skip
def test_what_no_kernel_steps_is_refused(make: Any, gpu: Pretended) -> None:
    optimizer, _ = made(make)
    for p in optimizer.param_groups[0]["params"]:
        p.grad = torch.ones_like(p)
    optimizer.step()
    with pytest.raises(RuntimeError, match="cannot go into a graph: some of its parameters are stepped by torch's"):
        captured(gpu, optimizer)


def test_a_scaler_inside_a_graph(gpu: Pretended) -> None:
    found_inf, scale = torch.zeros(()), torch.tensor(4.0)
    optimizer, _ = made(lambda p: steepest.Adam(p, lr=0.5, fused=True))
    optimizer.step()
    optimizer.found_inf, optimizer.grad_scale = found_inf, scale
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "steepest.torch.stepping.scaling.divide_each", lambda *given: None
        )  # torch's part is not pretended
        graph = captured(gpu, optimizer)
    del optimizer.found_inf, optimizer.grad_scale
    p = optimizer.param_groups[0]["params"][0]
    for is_infinite, step in ((1.0, 1.0), (0.0, 2.0)):
        found_inf.fill_(is_infinite)
        before = p.detach().clone()
        graph.replay()
        assert torch.equal(p, before) == bool(is_infinite)
        assert float(optimizer.state[p]["step"]) == step
    other, _ = made(lambda p: steepest.Adam(p, lr=0.5, fused=True))
    other.step()
    for q in other.param_groups[0]["params"]:
        q.grad = q.grad / 4
    other.step()
    assert torch.equal(p, other.param_groups[0]["params"][0])


class Asking(schedules.Schedule):
    """A schedule of one's own that asks whether its step is this or that."""

    def _at(self, step: Any, lib: Any) -> Any:
        return 1.0 if step < 3 else 0.5


def test_a_schedule_that_asks_for_its_step_is_refused_by_the_capture_alone(gpu: Pretended) -> None:
    optimizer, _ = made(lambda p: steepest.SGD(p, lr=Asking()))
    optimizer.step()
    with pytest.raises(TypeError, match="a step inside a graph cannot answer"):
        captured(gpu, optimizer)


def test_the_capture_compiles_nothing(gpu: Pretended) -> None:
    optimizer, _ = made(lambda p: steepest.Adam(p, lr=schedules.cosine(0.5, 12), capturable=True))
    optimizer.step()
    modules = len(gpu.cuda._modules)
    captured(gpu, optimizer)
    assert len(gpu.cuda._modules) == modules
