"""How fast a GPU's steps are: against a copy of the same bytes, for small tensors, against torch."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from benchmarks import device_runs as runs
from benchmarks.device_runs import Result
from benchmarks.shapes import MODELS

THEIRS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "nadam": "NAdam"}
FUSED = ("SGD", "Adam", "AdamW")
SMALL = ((4, 4096), (150, 4096), (1000, 64))
"""How many tensors of how many elements."""


def copy_bandwidth(device: str, size: int) -> float:
    """Bytes a microsecond that a copy on the device reads and writes."""
    one, other = (torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * size / runs.on_gpu(lambda: other.copy_(one), 20)


def shares(device: str, *, quick: bool) -> Iterator[Result]:
    """How much of the copy bandwidth a step of Adam has."""
    found: Result = {}
    yield (found := runs.attempted({"what": "copy"}, lambda: {"TB/s": copy_bandwidth(device, 1 << 30) / 1e6}))
    copied = found.get("TB/s", float("nan")) * 1e6
    big = [("GPT-2", MODELS["GPT-2"]()), ("1 x 124M", [(124_000_000,)])]
    more = [("ResNet-50", MODELS["ResNet-50"]()), ("1000 x 65536", [(65536,)] * 1000), ("1 x 512M", [(1 << 29,)])]
    for label, shapes in big if quick else [*big, *more]:
        for dtype in ("float32", "bfloat16"):
            row = {"what": label, "dtype": dtype}
            yield runs.attempted(row, lambda shapes=shapes, dtype=dtype: _share(device, shapes, dtype, copied))
            runs.forget()


def _share(device: str, shapes: runs.Shapes, dtype: str, copied: float) -> Result:
    run = runs.Run(device, "adam", {}, shapes, dtype, there=True)
    taken = runs.on_gpu(run.step, 20)
    return {"us": taken, "share of copy": run.bytes / taken / copied}


def small(device: str, *, quick: bool) -> Iterator[Result]:
    """Small tensors: the time of the host and of the GPU, eager and replayed; then with counts on the host."""
    for count, size in SMALL:
        for there in (True, False):
            row = {"what": f"{count} x {size}", "numbers there": there}
            yield runs.attempted(row, lambda c=count, s=size, t=there: _small(device, c, s, there=t))


def _small(device: str, count: int, size: int, *, there: bool) -> Result:
    run = runs.Run(device, "adam", {}, [(size,)] * count, there=there)
    run.step()
    found = {"host us": runs.on_host(run.step, 50), "GPU us": runs.on_gpu(run.step, 30)}
    if there:
        found["replayed us"] = runs.on_gpu(runs.capture(run.step), 30)
    return found


def against_torch(device: str, *, quick: bool) -> Iterator[Result]:
    """Ours over torch's, in turn, at GPT-2's shapes: medians of ratios; Lion against torch's Adam on tensors."""
    shapes = MODELS["GPT-2"]()
    for name, their in {**THEIRS, "lion": "Adam"}.items():
        for how in ("fused", "foreach") if their in FUSED and name != "lion" else ("foreach",):
            row = {"rule": name, "torch": f"{their}, {how}"}
            times = 3 if quick else 5
            yield runs.attempted(row, lambda n=name, t=their, h=how, k=times: _against(device, shapes, n, t, h, k))
            runs.forget()


def _against(device: str, shapes: runs.Shapes, name: str, their: str, how: str, times: int) -> Result:
    options: dict[str, Any] = {"momentum": 0.9} if name == "sgd" else {}
    run = runs.Run(device, name, options, shapes, there=True)
    theirs = getattr(torch.optim, their)(run.parameters, lr=1e-3, **options, **{how: True})
    pairs = [(runs.on_gpu(run.step, 8), runs.on_gpu(theirs.step, 8)) for _ in range(times)]
    found = {"ours / theirs": float(np.median([ours / other for ours, other in pairs]))}
    if how == "fused" and "capturable" in theirs.param_groups[0]:
        captured = getattr(torch.optim, their)(run.parameters, lr=1e-3, fused=True, capturable=True)
        captured.step()
        ours, other = (runs.on_gpu(runs.capture(step), 8) for step in (run.step, captured.step))
        found["replayed, ours / theirs"] = ours / other
    return found | {"ours host us": runs.on_host(run.step, 10), "theirs host us": runs.on_host(theirs.step, 10)}
