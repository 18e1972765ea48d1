"""How much faster two nodes of a Ray cluster make a study than one: `python -m benchmarks.two_nodes [--computes]`.

Both nodes are on this machine and listen on 127.0.0.1 alone.  A step sleeps, so that the ratio says what the executor
does and not how busy the processors are; with `--computes` it multiplies matrices, on a quiet machine of two cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from steepest.workbench import compare
from steepest.workbench.executors.ray_connection import LOOPBACK_ONLY
from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.study import reports

STEPS, SECONDS, RUNS = 16, 0.25, 20
TASK = """
import time, torch
from torch import nn
from steepest.workbench import Task
from steepest.workbench.task import Shuffled

def task(seed):
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 64)[:, None]
    model, square = nn.Linear(1, 1), torch.rand(500, 500)

    def loss(model, batch):
        {work}
        return ((model(batch[0]) - batch[0].sin()) ** 2).mean()

    evaluate = lambda model: {{"val_loss": ((model(x) - x.sin()) ** 2).mean().item()}}
    return Task(model, loss, Shuffled(x, size=16, seed=seed), evaluate, steps={steps}, evaluations=2)
"""
SLEEPS, COMPUTES = f"time.sleep({SECONDS})", "[square @ square for _ in range(100)]"


class Search(Watcher):
    """The time from the first run of the search to the end of the last."""

    def __init__(self) -> None:
        self.begun = self.ended_at = 0.0

    def started(self, key: Key, *how: Any, **more: Any) -> None:
        if key.phase == SEARCH:
            self.begun = self.begun or time.monotonic()

    def ended(self, key: Key, *how: Any, **more: Any) -> None:
        if key.phase == SEARCH:
            self.ended_at = time.monotonic()


@contextmanager
def two_nodes() -> Iterator[str]:
    """The address of a cluster of two nodes with a processor each, which is stopped at the end."""
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", LOOPBACK_ONLY[0]: LOOPBACK_ONLY[1]}
    has = {"num_cpus": 1, "object_store_memory": 100_000_000}
    cluster = import_module("ray.cluster_utils").Cluster(True, head_node_args=has | {"include_dashboard": False})
    try:
        cluster.add_node(**has)
        yield cluster.address
    finally:
        import_module("ray").shutdown()
        cluster.shutdown()


def search_seconds(task: str, out: Path, address: str, workers: int) -> tuple[float, float]:
    """The seconds of the search, and of the whole study."""
    begun, search = time.monotonic(), Search()
    given: dict[str, Any] = {"rates": [0.001 * 1.2**k for k in range(RUNS)], "controls": False, "stacked": False}
    compare(task, ["sgd"], None, 1, out=out, ray=address, workers=workers, watcher=search, **given)
    return search.ended_at - search.begun, time.monotonic() - begun


def main() -> None:
    """Print the times of one node and of two, in turns, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--computes", action="store_true")
    parser.add_argument("--turns", type=int, default=2)
    given = parser.parse_args()
    reports._write = lambda *_, **__: None  # its time is that of one processor
    folder = Path(tempfile.mkdtemp())
    steps, work = (60, COMPUTES) if given.computes else (STEPS, SLEEPS)
    (folder / "task.py").write_text(TASK.format(work=work, steps=steps))
    os.chdir(folder)
    with two_nodes() as address:
        for turn in range(given.turns):
            one, two = (search_seconds("task.py:task", folder / f"{turn}-{n}", address, n) for n in (1, 2))
            print(f"search {one[0]:.1f} s, {two[0]:.1f} s: {one[0] / two[0]:.2f} times; ", end="")
            print(f"whole study {one[1]:.1f} s, {two[1]:.1f} s: {one[1] / two[1]:.2f} times", flush=True)


if __name__ == "__main__":
    main()
