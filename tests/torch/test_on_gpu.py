"""Optimizers on a GPU, as far as that can be pretended: the bits of the processor's kernels, and what is launched."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.nn import Parameter

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

import steepest
from steepest.compiler.program import program
from steepest.kernels.triton import loading
from steepest.torch import gpu as of_torch
from steepest.torch.state.arrays import complete
from support.configurations import REPRESENTATIVES, Configuration
from support.on_gpu import everything, on_gpu
from support.pretended_gpu import Pretended

SHAPES = ((3, 5), (), (0,), (7,))
THERE = pytest.mark.parametrize("there", [True, False], ids=["numbers on device", "numbers on host"])


def parameters(dtype: torch.dtype = torch.float32, seed: int = 0) -> list[Parameter]:
    random = torch.Generator().manual_seed(seed)
    return [Parameter(torch.randn(shape, generator=random).to(dtype)) for shape in SHAPES]


def along_gradients(optimizer: Any, steps: int = 3, seed: int = 5) -> Any:
    """So many steps, each along new gradients at new addresses."""
    random = torch.Generator().manual_seed(seed)
    for _ in range(steps):
        for group in optimizer.param_groups:
            for p in group["params"]:
                p.grad = torch.randn(p.shape, generator=random).to(p.dtype)
        optimizer.step()
    return optimizer


def both(patch: pytest.MonkeyPatch, run: Callable[[], Any], **how: Any) -> tuple[Any, Any, Pretended]:
    """What it gives on the processor and on the GPU."""
    here = run()
    with patch.context() as within:
        gpu = on_gpu(within, **how)
        return here, run(), gpu


@THERE
@pytest.mark.parametrize("row", REPRESENTATIVES, ids=lambda row: row.id)
def test_the_bits_are_those_of_the_processor(row: Configuration, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    here, on_device, gpu = both(monkeypatch, lambda: along_gradients(row.ours(parameters())), there=there)
    assert all(map(torch.equal, everything(here), everything(on_device)))
    assert here.state_dict().keys() == on_device.state_dict().keys()
    launched = [one for one in gpu.cuda.asked if one.startswith(f"{row.rule.name} ")]
    assert len(launched) == 3  # one launch a step for all tensors


@THERE
def test_groups_and_dtypes(there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> Any:
        groups = [
            {"params": [*parameters(), *parameters(torch.bfloat16, 1)]},
            {"params": parameters(torch.float64, 2), "lr": 0.5, "maximize": True},
        ]
        return along_gradients(steepest.AdamW(groups, lr=0.1, amsgrad=True))

    here, on_device, gpu = both(monkeypatch, run, there=there)
    assert all(map(torch.equal, everything(here), everything(on_device)))
    assert len([one for one in gpu.cuda.asked if one.startswith("adamw ")]) == 9  # three kinds, three steps


def test_300_tensors_are_one_launch(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = on_gpu(monkeypatch)
    optimizer = steepest.SGD([Parameter(torch.ones(2)) for _ in range(300)], lr=0.5)
    along_gradients(optimizer, steps=1)
    assert [one for one in gpu.cuda.asked if "sgd" in one] == ["sgd_slots 3 on 0", "sgd 300 on 0"]


def test_a_step_whose_tensors_stay_asks_for_two_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = on_gpu(monkeypatch)
    optimizer = along_gradients(steepest.Adam(parameters(), fused=True))
    gpu.cuda.asked.clear()
    optimizer.step()
    assert gpu.cuda.asked[0].startswith("adam_slots")
    assert len(gpu.cuda.asked) == 2


def test_a_kernel_that_cannot_be_made_is_said_and_the_rule_runs_on_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    here = along_gradients(steepest.RMSprop(parameters()))
    on_gpu(monkeypatch)
    monkeypatch.setattr(of_torch, "_FAILED", set())

    def refuse(*given: Any) -> Any:
        raise RuntimeError("ptxas is missing")

    monkeypatch.setattr(loading, "code", refuse)
    optimizer = steepest.RMSprop(parameters())
    with pytest.warns(UserWarning, match=r"No kernel of rmsprop can be made .* ptxas is missing.* torch's operations"):
        along_gradients(optimizer, steps=1)
    along_gradients(optimizer := steepest.RMSprop(parameters()))  # and is not tried again
    for ours, theirs in zip(everything(optimizer), everything(here), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_rate_that_is_a_tensor_is_read_where_it_lies(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu, rate = on_gpu(monkeypatch), torch.tensor(0.5, dtype=dtype)
    p = Parameter(torch.zeros(3))
    optimizer = steepest.SGD([p], lr=rate)
    p.grad = torch.ones(3)
    optimizer.step()
    gpu.cuda.asked.clear()
    rate.fill_(0.25)
    optimizer.step()
    assert gpu.cuda.asked == ["sgd_slots 1 on 0", "sgd 1 on 0"]
    assert p.tolist() == [-0.75] * 3


def test_misaligned_and_permuted_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> Any:
        whole = torch.arange(61.0)
        views = [whole[1:13].view(3, 4).t(), whole[14:30], whole[30:60].view(5, 6)[:, :4]]
        return along_gradients(steepest.Lion([Parameter(v) for v in views], lr=0.5))

    here, on_device, _ = both(monkeypatch, run)
    assert all(map(torch.equal, everything(here), everything(on_device)))


def test_complex_tensors(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> Any:
        return along_gradients(steepest.Adam(parameters(torch.complex64), lr=0.1, weight_decay=0.1))

    here, on_device, gpu = both(monkeypatch, run)
    assert all(torch.equal(*map(torch.view_as_real, pair)) if pair[0].is_complex() else torch.equal(*pair)
               for pair in zip(everything(here), everything(on_device), strict=True))  # fmt: skip
    assert any(one.startswith("adam ") for one in gpu.cuda.asked)


# GradScaler


def scaled_run(optimizer: Any, *, unscaled: bool, infinite_at: int = 1) -> tuple[list[bool], list[list[float]]]:
    """Three steps with a GradScaler, one of them along a gradient that is not finite: what it leaves behind."""
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0)
    skipped, gradients = [], []
    for step in range(3):
        optimizer.zero_grad()
        for p in optimizer.param_groups[0]["params"]:
            loss = (p * (float("inf") if step == infinite_at else 0.5 * (step + 1))).sum()
            scaler.scale(loss).backward()
        if unscaled:
            scaler.unscale_(optimizer)
        scaler.step(optimizer)
        skipped.append(optimizer.last_step_skipped)
        scaler.update()
        gradients.append(optimizer.param_groups[0]["params"][0].grad.flatten().tolist())
    return skipped, gradients


@THERE
@pytest.mark.parametrize("unscaled", [False, True], ids=["", "unscaled before"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam"])
def test_a_grad_scaler_is_obeyed(name: str, unscaled: bool, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    made = getattr(steepest, name)
    fused = {} if name == "NAdam" else {"fused": True}
    start = [Parameter(torch.full((5,), 2.0)) for _ in range(2)]
    here = made([Parameter(p.detach().clone()) for p in start], lr=0.1, **fused)
    assert not here._step_supports_amp_scaling
    expected = scaled_run(here, unscaled=unscaled)
    assert expected[0] == [False, True, False]
    on_gpu(monkeypatch, there=there)
    optimizer = made(start, lr=0.1, **fused)
    assert optimizer._step_supports_amp_scaling == bool(fused)
    skipped, gradients = scaled_run(optimizer, unscaled=unscaled)
    assert skipped == expected[0]
    assert gradients[0] == expected[1][0]
    assert gradients[2] == expected[1][2]
    assert all(map(torch.equal, everything(optimizer), everything(here)))


def test_nobody_waits_for_a_grad_scaler_who_does_not_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = on_gpu(monkeypatch)
    p = Parameter(torch.ones(3))
    optimizer: Any = steepest.Adam([p], lr=0.5, fused=True)
    optimizer.found_inf = torch.tensor(1.0)
    p.grad = torch.ones(3)

    def waits(*given: Any) -> Any:
        raise AssertionError("somebody waits for the device")

    with monkeypatch.context() as patch:
        for name in ("item", "__bool__", "__float__", "tolist", "cpu"):
            patch.setattr(torch.Tensor, name, waits)
        optimizer.step()
        optimizer.zero_grad()
        p.grad = torch.ones(3)
        optimizer.step()
    assert optimizer.last_step_skipped
    assert p.tolist() == [1.0] * 3
    assert float(optimizer.state[p]["step"]) == 0.0
    assert not [one for one in gpu.cuda.asked if one.startswith("download")]
    del optimizer.found_inf
    optimizer.step()
    assert not optimizer.last_step_skipped
    assert p.tolist() == [0.5] * 3


def test_a_scheduler_does_not_go_on_where_the_step_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    on_gpu(monkeypatch)
    p = Parameter(torch.ones(3))
    optimizer: Any = steepest.SGD([p], lr=1.0, fused=True)
    scheduler = steepest.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    rates = []
    for found_inf in (0.0, 1.0, 0.0):
        p.grad = torch.ones(3)
        optimizer.found_inf = torch.tensor(found_inf)
        optimizer.step()
        del optimizer.found_inf
        scheduler.step()
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.zero_grad()
    assert rates == [0.5, 0.5, 0.25]


def test_what_no_kernel_steps_waits_for_the_scaler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices of a parameter that is not dense are stepped as tensors."""
    on_gpu(monkeypatch)
    p, other = Parameter(torch.ones(4, 4)[:, ::2]), Parameter(torch.ones(3))
    optimizer: Any = steepest.SGD([p, other], lr=0.5, fused=True)
    for found_inf, expected in ((1.0, 1.0), (0.0, 0.75)):
        optimizer.found_inf, optimizer.grad_scale = torch.tensor(found_inf), torch.tensor(4.0)
        p.grad, other.grad = torch.full((4, 2), 2.0), torch.full((3,), 2.0)
        optimizer.step()
        assert p.unique().tolist() == other.unique().tolist() == [expected]


def test_a_first_step_that_is_left_out_leaves_no_state_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """With dampening the momentum begins as the gradient itself, whatever plan takes the first step."""
    on_gpu(monkeypatch)
    p, other = Parameter(torch.ones(3)), Parameter(torch.ones(2))
    optimizer: Any = steepest.SGD([p, other], lr=1.0, momentum=0.5, dampening=0.5, fused=True)
    for found_inf in (1.0, 0.0):
        p.grad = torch.full((3,), 0.5)
        if not found_inf:
            other.grad = torch.full((2,), 0.25)  # makes another plan
        optimizer.found_inf = torch.tensor(found_inf)
        optimizer.step()
    assert p.tolist() == [0.5] * 3
    assert optimizer.state[p]["momentum_buffer"].tolist() == [0.5] * 3
    assert other.tolist() == [0.75] * 2


# Where numbers are kept


def test_numbers_are_kept_where_torch_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device, which is not the processor either, and is taken for a GPU here."""
    monkeypatch.setattr(of_torch, "ADDRESSED", ("cpu", "meta"))
    for options, expected in (({}, "cpu"), ({"capturable": True}, "meta"), ({"foreach": True}, "cpu")):
        for name in ("Adam", "NAdam", "RAdam", "RMSprop", "Rprop", "Adamax", "Adadelta", "AdamW"):
            p, theirs_p = (Parameter(torch.ones(2, device="meta")) for _ in range(2))
            ours, theirs = getattr(steepest, name)([p], **options), getattr(torch.optim, name)([theirs_p], **options)
            theirs_p.grad = torch.ones(2, device="meta")
            with contextlib.suppress(RuntimeError, AssertionError):  # torch cannot step what has no memory
                theirs.step()
            state, (group,) = {}, ours.param_groups
            complete(program(ours.rule, group), p, state, numbers_there=of_torch.keeps_numbers(group, p))
            assert {n: v.device.type for n, v in state.items()} == {
                n: v.device.type for n, v in theirs.state[theirs_p].items()
            }
            assert state["step"].device.type == expected


def test_a_fused_optimizers_counts_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_torch, "ADDRESSED", ("cpu", "meta"))
    p = Parameter(torch.ones(2, device="meta"))
    for optimizer in (steepest.Adam([p], fused=True), steepest.Adagrad([p], fused=True)):
        assert of_torch.keeps_numbers(optimizer.param_groups[0], p)
    assert not of_torch.keeps_numbers(steepest.Adam([p], fused=True).param_groups[0], Parameter(torch.ones(2)))
