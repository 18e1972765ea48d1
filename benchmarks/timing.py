"""Times in turn: A B C, A B C, ... in one process, and medians of ratios, because a machine's speed drifts."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import torch

from benchmarks.shapes import Shape

Step = Callable[[], object]


def in_turn(steps: Mapping[str, Step], rounds: int, repeats: int = 1) -> dict[str, list[float]]:
    """Seconds of each step, in each round; `repeats` calls make one reading."""
    for step in steps.values():
        step()
        step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start = time.perf_counter()
            for _ in range(repeats):
                step()
            times[name].append((time.perf_counter() - start) / repeats)
    return times


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios, round by round."""
    return statistics.median(a / b for a, b in zip(ours, theirs, strict=True))


def ms(times: Sequence[float]) -> float:
    """The median in milliseconds."""
    return 1e3 * statistics.median(times)


def stepper(shapes: Sequence[Shape], optimizer: type[torch.optim.Optimizer], **options: object) -> Step:
    """An optimizer's step on random parameters of these shapes, with random gradients."""
    torch.manual_seed(0)
    parameters = [torch.nn.Parameter(torch.randn(shape)) for shape in shapes]
    for p in parameters:
        p.grad = torch.randn_like(p) * 0.01
    return optimizer(parameters, **options).step  # type: ignore[arg-type]
