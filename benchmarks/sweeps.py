"""How the cost of a step grows: per parameter with the size of a model, per tensor with their number."""

from collections.abc import Iterator
from typing import Any

import steepest
from benchmarks.timing import in_turn, ms, stepper

PARAMETERS = (100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000)
TENSORS = (10, 100, 1_000, 10_000, 100_000)


def parameters(largest: int) -> Iterator[dict[str, Any]]:
    """Nanoseconds a parameter of one tensor, SGD with momentum: 12 bytes each are kept."""
    for size in PARAMETERS:
        if size <= largest:
            step = stepper([(size,)], steepest.SGD, lr=1e-3, momentum=0.9)
            readings = in_turn({"ours": step}, rounds=7, repeats=max(1, 2_000_000 // size))["ours"]
            yield {"parameters": f"{size:.0e}", "ms": ms(readings), "ns a parameter": 1e6 * ms(readings) / size}


def tensors(largest: int) -> Iterator[dict[str, Any]]:
    """Microseconds a tensor of 64 elements, Adam."""
    for count in TENSORS:
        if count <= largest:
            step = stepper([(64,)] * count, steepest.Adam)
            readings = in_turn({"ours": step}, rounds=7, repeats=max(1, 5_000 // count))["ours"]
            yield {"tensors": f"{count:.0e}", "ms": ms(readings), "us a tensor": 1e3 * ms(readings) / count}
