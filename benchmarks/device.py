"""`python -m benchmarks.device [--quick] [--out FOLDER]`: what only a machine with a GPU can say; at most ten minutes.

First whether bits are those of the processor's kernels, then graphs, then shares of the copy bandwidth, then small
tensors, then torch in turn in the same process.  Needs torch, Triton and Numba.  Every result is written to device.json
and device.md as it comes.  Kernels are called as an optimizer would call them, with tables of its tensors.
"""

import argparse
import json
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.shapes import MODELS
from steepest import rules
from steepest.compiler.program import Program, program
from steepest.compiler.rule import read
from steepest.kernels.backend import Backend, PreparedStep, Row, backend_of
from steepest.kernels.triton import driver, loading
from steepest.kernels.triton.step import CUDA

Shapes = Sequence[Sequence[int]]
Result = dict[str, Any]


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Every rule of single elements, and those whose options choose other lines."""
    usual = [(name, {}) for name in rules.__all__ if read(getattr(rules, name)).elementwise]
    return [
        *usual,
        ("adam", {"amsgrad": True, "weight_decay": 0.1}),
        ("sgd", {"momentum": 0.9, "nesterov": True}),
        ("rmsprop", {"centered": True, "momentum": 0.9}),
    ]


DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}
SIZES = [(n,) for n in (0, 1, 7, 1023, 1025, 4097)]
THEIRS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "nadam": "NAdam"}
FUSED = ("SGD", "Adam", "AdamW")


class Tensors:
    """Parameters, gradients and state on one device, and the step over them.

    offset: elements before the first of each, so that 1 is a misaligned view.
    """

    def __init__(
        self,
        backend: Backend,
        device: str,
        name: str,
        options: Mapping[str, Any],
        shapes: Shapes,
        dtype: str = "float32",
        *,
        offset: int = 0,
        seed: int = 0,
    ) -> None:
        rule = read(getattr(rules, name))
        self.hyperparameters = rule.hyperparameters | dict(options)
        self.program: Program = program(rule, self.hyperparameters)
        random = torch.Generator().manual_seed(seed)
        counts = [math.prod(shape) for shape in shapes]
        self.device, self.dtype, self.offset = device, DTYPES[dtype], offset
        self.p = [self._on_device(torch.randn(n + offset, generator=random)) for n in counts]
        self.g = [self._on_device(torch.randn(n + offset, generator=random)) for n in counts]
        self.state = [[torch.zeros_like(p) for _ in self.program.state] for p in self.p]
        self.steps = torch.zeros(len(counts), device=device)
        self.numbers = torch.zeros(len(counts), max(1, len(self.program.scalar_states)), device=device)
        self.elements = sum(counts)
        rows = [self._row(place, n) for place, n in enumerate(counts)]
        self.prepared: PreparedStep = backend.prepare(self.program, (dtype,) * len(self.program.arrays), rows)
        self.gradients = [self._address(g) for g in self.g]

    def _on_device(self, made: Tensor) -> Tensor:
        return made.to(self.dtype).to(self.device)

    def _address(self, tensor: Tensor) -> int:
        return tensor.data_ptr() + self.offset * tensor.element_size()

    def _row(self, place: int, elements: int) -> Row:
        counts, states = self.program.rule.counts, tuple(map(self._address, self.state[place]))
        numbers = tuple((one.data_ptr(), False) for one in self.numbers[place][: len(self.program.scalar_states)])
        step = self.steps[place].data_ptr() if counts else 0
        uninitialized = frozenset(self.program.uninitialized)
        return Row(elements, self._address(self.p[place]), states, step, False, uninitialized, numbers)

    @property
    def bytes(self) -> int:
        """What a step moves."""
        return self.elements * self.program.moved * self.dtype.itemsize

    def step(self) -> None:
        """Take one step."""
        self.prepared.run(self.gradients, self.hyperparameters, False, torch.get_num_threads())

    def move_gradients(self) -> None:
        """Other gradients, at other addresses."""
        self.g = [(g.flip(0) * -0.75) for g in self.g]
        self.gradients = [self._address(g) for g in self.g]

    def everything(self) -> list[Tensor]:
        """All that steps write, on the processor."""
        arrays = [*self.p, *(one for state in self.state for one in state), self.steps, self.numbers]
        return [one.to("cpu", copy=True) for one in arrays]


def differing(ours: list[Tensor], right: list[Tensor]) -> int:
    """How many elements have other bits."""
    kinds = {8: torch.int64, 4: torch.int32, 2: torch.int16}
    return sum(
        int((a.view(kinds[a.itemsize]) != b.view(kinds[b.itemsize])).sum()) for a, b in zip(ours, right, strict=True)
    )


def bits(gpu: Backend, device: str, *, quick: bool, sizes: Shapes = SIZES) -> Iterator[Result]:
    """Every rule and dtype against the processor's kernels: three steps, gradients that move between them."""
    cpu = backend_of("cpu")
    assert cpu is not None
    sizes = [*sizes, (1_000_003,)] if not quick else sizes
    for name, options in cases():
        for dtype in DTYPES:
            for offset in (0, 1):
                runs = [
                    Tensors(*on, name, options, sizes, dtype, offset=offset) for on in ((gpu, device), (cpu, "cpu"))
                ]
                for _ in range(3):
                    for run in runs:
                        run.step()
                        run.move_gradients()
                found = differing(*(run.everything() for run in runs))
                yield {"rule": name, "options": str(options), "dtype": dtype, "offset": offset, "differing": found}


def graphs(gpu: Backend, device: str, *, quick: bool) -> Iterator[Result]:
    """Ten replays of a captured step equal ten eager ones; without a synchronisation."""
    runs = [Tensors(gpu, device, "adam", {}, [(1000,), (77,)]) for _ in range(2)]
    eager, replayed = runs
    for run in runs:
        run.step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        replayed.step()
    torch.cuda.set_sync_debug_mode("error")
    for _ in range(10):
        eager.step()
        graph.replay()
    torch.cuda.set_sync_debug_mode("default")
    torch.cuda.synchronize()
    found = differing(replayed.everything(), eager.everything())
    yield {"what": "10 replays against 10 steps", "differing": found, "steps": float(replayed.steps[0])}


def on_gpu(function: Callable[[], object], times: int) -> float:
    """Microseconds on the GPU, the median."""
    for _ in range(3):
        function()
    pairs = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(times)]
    for begin, end in pairs:
        begin.record()
        function()
        end.record()
    torch.cuda.synchronize()
    return 1e3 * float(np.median([begin.elapsed_time(end) for begin, end in pairs]))


def on_host(function: Callable[[], object], times: int) -> float:
    """Microseconds until the call returns, the least mean of three."""
    best = math.inf
    for _ in range(3):
        torch.cuda.synchronize()
        begin = time.perf_counter()
        for _ in range(times):
            function()
        best = min(best, (time.perf_counter() - begin) / times)
    torch.cuda.synchronize()
    return 1e6 * best


def copy_bandwidth(device: str) -> float:
    """Bytes a microsecond that a copy on the device reads and writes."""
    size = 1 << 30
    one, other = (torch.empty(size, dtype=torch.uint8, device=device) for _ in range(2))
    return 2 * size / on_gpu(lambda: other.copy_(one), 20)


def shares(gpu: Backend, device: str, *, quick: bool) -> Iterator[Result]:
    """How much of the copy bandwidth a step of Adam has."""
    copied = copy_bandwidth(device)
    yield {"what": "copy", "TB/s": copied / 1e6}
    big = [("GPT-2", MODELS["GPT-2"]()), ("1000 x 65536", [(65536,)] * 1000), ("1 x 124M", [(124_000_000,)])]
    for label, shapes in big if quick else [*big, ("1 x 512M", [(1 << 29,)])]:
        for dtype in ("float32", "bfloat16"):
            run = Tensors(gpu, device, "adam", {}, shapes, dtype)
            taken = on_gpu(run.step, 30)
            yield {"what": label, "dtype": dtype, "us": taken, "share of copy": run.bytes / taken / copied}
            del run
            torch.cuda.empty_cache()


def small(gpu: Backend, device: str, *, quick: bool) -> Iterator[Result]:
    """Small tensors: the time of the host and of the GPU, eager and replayed."""
    for count, size in ((4, 4096), (150, 4096), (1000, 64)):
        run = Tensors(gpu, device, "adam", {}, [(size,)] * count)
        run.step()
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            run.step()
        times = {
            "host us": on_host(run.step, 100),
            "GPU us": on_gpu(run.step, 30),
            "replayed us": on_gpu(graph.replay, 30),
        }
        yield {"what": f"{count} x {size}", **times}


def against_torch(gpu: Backend, device: str, *, quick: bool) -> Iterator[Result]:
    """Ours over torch's, in turn, at GPT-2's shapes: medians of five ratios."""
    shapes = MODELS["GPT-2"]()
    for name, their in THEIRS.items():
        options = {"momentum": 0.9} if name == "sgd" else {}
        run = Tensors(gpu, device, name, options, shapes)
        parameters = [torch.nn.Parameter(p) for p in run.p]
        for p, g in zip(parameters, run.g, strict=True):
            p.grad = g
        for how in ("fused", "foreach") if their in FUSED else ("foreach",):
            theirs = getattr(torch.optim, their)(parameters, lr=1e-3, **options, **{how: True})
            ratios = [on_gpu(run.step, 10) / on_gpu(theirs.step, 10) for _ in range(3 if quick else 5)]
            yield {
                "rule": name,
                "torch": how,
                "ours / theirs": float(np.median(ratios)),
                "host us": on_host(theirs.step, 10),
            }
            del theirs
        del run, parameters
        torch.cuda.empty_cache()


PARTS: dict[str, Callable[..., Iterator[Result]]] = {
    "Bits": bits,
    "Graphs": graphs,
    "Shares of the copy bandwidth": shares,
    "Small tensors": small,
    "Against torch": against_torch,
}


def report(folder: Path, found: dict[str, Any]) -> None:
    """Write all that is known."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "device.json").write_text(json.dumps(found, indent=1))
    lines = [
        f"# {found['device']}",
        "",
        f"torch {found['torch']}, {found['seconds']:.0f} s, {found['compiled']} kernels compiled",
    ]
    for part, rows in found["parts"].items():
        lines += [
            "",
            f"## {part}",
            "",
            *(f"- {', '.join(f'{k}: {_short(v)}' for k, v in row.items())}" for row in rows),
        ]
    (folder / "device.md").write_text("\n".join(lines) + "\n")


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="three minutes")
    parser.add_argument("--out", type=Path, default=Path("device"), help="the folder of device.json and device.md")
    given = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit("torch sees no GPU here, and all that is measured is one. On other machines: make test.")
    driver.current_stream = lambda device: torch.cuda.current_stream(device).cuda_stream
    torch.cuda.init()
    found: dict[str, Any] = {"device": torch.cuda.get_device_name(), "torch": torch.__version__, "parts": {}}
    begin = time.perf_counter()
    for name, part in PARTS.items():
        rows = found["parts"].setdefault(name, [])
        try:
            for row in part(CUDA, "cuda", quick=given.quick):
                rows.append(row)
                print(name, row, flush=True)
                found |= {"seconds": time.perf_counter() - begin, "compiled": loading.compilations}
                report(given.out, found)
        except Exception as error:  # the parts that come may still say something
            rows.append({"failed": f"{type(error).__name__}: {error}"})
            print(name, rows[-1], flush=True)
            report(given.out, {"seconds": 0.0, "compiled": 0, **found})


if __name__ == "__main__":
    main()
