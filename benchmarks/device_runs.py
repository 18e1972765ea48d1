"""What the parts of `benchmarks.device` share: optimizers over the same tensors on each device, and a GPU's clock."""

import math
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

import steepest
from steepest import rules
from steepest.compiler.rule import read

Shapes = Sequence[Sequence[int]]
Result = dict[str, Any]

warnings.filterwarnings("error", message="No kernel of")  # the rule on tensors is what is not to be measured

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, "float64": torch.float64}
LAYOUTS = ("plain", "misaligned", "transposed", "channels_last")


def cases() -> list[tuple[str, dict[str, Any]]]:
    """Every rule of single elements, and those whose options choose other lines."""
    names = [name for name in rules.__all__ if name != "sparse_adam" and read(getattr(rules, name)).elementwise]
    return [
        *((name, {}) for name in names),
        ("adam", {"amsgrad": True, "weight_decay": 0.1}),
        ("sgd", {"momentum": 0.9, "nesterov": True}),
        ("rmsprop", {"centered": True, "momentum": 0.9}),
    ]


def made(name: str, parameters: Sequence[Parameter], *, there: bool = False, **options: Any) -> Any:
    """The optimizer of a rule; there: with step counts on the device."""
    cls = steepest.optimizer(getattr(rules, name))
    flags = [flag for flag in ("capturable", "fused") if flag in cls.signature.parameters] if there else []
    return cls(parameters, **options, **dict.fromkeys(flags[:1], True))


class Run:
    """An optimizer over random tensors, the same on each device.

    layout: one of LAYOUTS.
    """

    def __init__(
        self, device: str, name: str, options: Mapping[str, Any], shapes: Shapes, dtype: str = "float32",
        *, layout: str = "plain", there: bool = False,
    ) -> None:  # fmt: skip
        self.random = torch.Generator().manual_seed(1)
        self.layout, self.device, self.dtype, self.shapes = layout, device, DTYPES[dtype], shapes
        self.parameters = [Parameter(self.tensor(shape)) for shape in shapes]
        self.optimizer = made(name, self.parameters, there=there, **options)
        self.new_gradients()

    def tensor(self, shape: Sequence[int]) -> Tensor:
        """Random numbers in this layout."""
        count = math.prod(shape) + 1
        whole = torch.randn(count, generator=self.random).to(self.dtype).to(self.device)
        view = whole[self.layout == "misaligned" :][: count - 1].view(*shape)
        if self.layout == "channels_last" and len(shape) == 4:
            return view.contiguous(memory_format=torch.channels_last)
        return view.t() if self.layout == "transposed" and len(shape) == 2 else view

    def new_gradients(self) -> None:
        """At other addresses; of the parameters' layout but for every other one."""
        for place, (p, shape) in enumerate(zip(self.parameters, self.shapes, strict=True)):
            g = self.tensor(shape)
            p.grad = g.contiguous() if place % 2 else g

    def step(self) -> None:
        """Take one step."""
        self.optimizer.step()

    def everything(self) -> list[Tensor]:
        """Parameters and state, on the processor."""
        state = [value for p in self.parameters for value in self.optimizer.state[p].values()]
        return [one.detach().to("cpu", copy=True) for one in (*self.parameters, *state)]

    @property
    def bytes(self) -> int:
        """What a step moves: p, g and the state are read, all but g are written."""
        states = [self.optimizer.state[p].values() for p in self.parameters]
        per_element = [sum(one.element_size() for one in values if one.dim()) for values in states]
        pairs = zip(self.parameters, per_element, strict=True)
        return sum(p.numel() * (3 * p.element_size() + 2 * more) for p, more in pairs)


def differing(ours: list[Tensor], right: list[Tensor]) -> int:
    """How many elements have other bits; NaN is NaN."""
    kinds = {8: torch.int64, 4: torch.int32, 2: torch.int16}
    found = 0
    for a, b in zip(ours, right, strict=True):
        same = (a.view(kinds[a.itemsize]) == b.to(a.dtype).view(kinds[a.itemsize])) | (a.isnan() & b.isnan())
        found += int((~same).sum())
    return found


def attempted(row: Result, function: Callable[[], Result]) -> Result:
    """The row with what a check finds, or how it failed."""
    try:
        return row | function()
    except Exception as error:  # others may still say something
        return row | {"failed": f"{type(error).__name__}: {error}"[:500]}


# --- of a GPU alone; the tests put others in their place --------------------------------------------------------------


def synchronize() -> None:
    """Wait for the GPU."""
    torch.cuda.synchronize()


def side_stream() -> Any:
    """A stream that is not the default one, within it."""
    torch.cuda.synchronize()
    return torch.cuda.stream(torch.cuda.Stream())


def capture(function: Callable[[], object]) -> Callable[[], object]:
    """The function as a graph; the call replays it."""
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        function()
    return graph.replay


def never_waiting() -> Any:
    """Within it torch refuses to wait for the GPU."""
    return _NeverWaiting()


class _NeverWaiting:
    def __enter__(self) -> None:
        torch.cuda.set_sync_debug_mode("error")

    def __exit__(self, *_: object) -> None:
        torch.cuda.set_sync_debug_mode("default")


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
        synchronize()
        begin = time.perf_counter()
        for _ in range(times):
            function()
        best = min(best, (time.perf_counter() - begin) / times)
    synchronize()
    return 1e6 * best


def forget() -> None:
    """Give back memory that nobody has."""
    torch.cuda.empty_cache()
