"""Sparse gradients on a GPU, as far as that can be pretended: the processor's bits, and nothing made at each step."""

import pytest
import torch
from torch.nn import Parameter

pytest.importorskip("triton", reason="Triton is not installed: it has packages for Linux alone")

import steepest
from steepest.kernels.triton import loading
from steepest.torch import gpu as of_torch
from support.on_gpu import everything, on_gpu

LAZY = [
    ("SGD", {"lr": 0.1, "maximize": True}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5}),
    ("SparseAdam", {"lr": 0.1}),
]
lazy = pytest.mark.parametrize(("name", "options"), LAZY, ids=[name for name, _ in LAZY])
COUNTS = (3, 11, 0, 1, 7)


def stepped(name: str, options: dict, width: tuple[int, ...], dtype: torch.dtype, counts=COUNTS):
    """Two parameters along uncoalesced gradients: some slices twice, most not at all, one step none."""
    random = torch.Generator().manual_seed(1)
    parameters = [Parameter(torch.randn(11, *width, generator=random).to(dtype)) for _ in range(2)]
    optimizer = getattr(steepest, name)(parameters, **options)
    for count in counts:
        for p in parameters:
            index = torch.randint(0, 11, (1, count), generator=random)
            values = torch.randn(count, *width, generator=random).to(dtype)
            p.grad = torch.sparse_coo_tensor(index, values, p.shape, check_invariants=True)
        optimizer.step()
    return optimizer


@lazy
@pytest.mark.parametrize("there", [True, False], ids=["numbers on device", "numbers on host"])
@pytest.mark.parametrize("width", [(), (3,), (40, 40)], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_the_bits_are_those_of_the_processor(name, options, width, dtype, there, monkeypatch) -> None:
    here = stepped(name, options, width, dtype)
    gpu = on_gpu(monkeypatch, there=there)
    on_device = stepped(name, options, width, dtype)
    assert all(map(torch.equal, everything(here), everything(on_device)))
    assert any(asked.startswith(f"{here.rule.name} ") for asked in gpu.cuda.asked)


@lazy
def test_only_the_first_steps_make_room_on_the_device(name, options, monkeypatch) -> None:
    gpu, made = on_gpu(monkeypatch), []
    for steps in (3, 6, 12):
        stepped(name, options, (3,), torch.float32, [3] * steps)
        made.append(gpu.cuda.allocations)
    assert made[0] > 0
    assert made[2] - made[1] <= made[0]  # of new parameters at new addresses


@lazy
def test_without_a_kernel_the_rule_runs_on_tensors(name, options, monkeypatch) -> None:
    here = stepped(name, options, (3,), torch.float64)
    on_gpu(monkeypatch)

    def no_code(*_):
        raise RuntimeError("no compiler")

    monkeypatch.setattr(of_torch, "_FAILED", set())
    monkeypatch.setattr(loading, "code", no_code)
    with pytest.warns(UserWarning, match=r"No kernel of .* can be made for this GPU \(RuntimeError: no compiler\)"):
        on_tensors = stepped(name, options, (3,), torch.float64)
    for one, other in zip(everything(here), everything(on_tensors), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
