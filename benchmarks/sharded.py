"""Sharded training: a step of AdamW on DTensors, ours against torch's paths, in turn, in two processes on this machine.

`python -m benchmarks.sharded` prints these rows alone.
"""

import json
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
import torch.multiprocessing as processes

import steepest
from benchmarks.timing import Step, ms, ratio

PROCESSES = 2
PATHS: dict[str, tuple[Any, dict[str, bool]]] = {
    "ours": (steepest.AdamW, {}),
    "foreach": (torch.optim.AdamW, {"foreach": True}),
    "fused": (torch.optim.AdamW, {"fused": True}),
}


def fully_sharded(rounds: int = 15) -> Iterator[dict[str, Any]]:
    """One row for each model under FSDP2: milliseconds of the slower process, and ours over torch's."""
    yield from _in_processes(_models_in_turn, rounds)


def small(rounds: int = 9) -> Iterator[dict[str, Any]]:
    """Many small DTensors; torch's first step of them takes 25 ms each, so it has fewer."""
    yield from _in_processes(_small_in_turn, rounds)


def _in_processes(measure: Callable[[Any, int], list[dict[str, Any]]], rounds: int) -> list[dict[str, Any]]:
    """The rows that the first process has measured."""
    with tempfile.TemporaryDirectory() as folder:
        processes.spawn(_serve, (folder, measure, rounds), nprocs=PROCESSES)  # pyright: ignore[reportPrivateImportUsage]
        return json.loads((Path(folder) / "rows").read_text())


def _serve(rank: int, folder: str, measure: Callable[[Any, int], list[dict[str, Any]]], rounds: int) -> None:
    from torch import distributed

    torch.set_num_threads(max(1, (os.cpu_count() or 1) // PROCESSES))
    store = distributed.FileStore(f"{folder}/store", PROCESSES)  # pyright: ignore[reportPrivateImportUsage]
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=PROCESSES)
    mesh = distributed.device_mesh.init_device_mesh("cpu", (PROCESSES,))
    found = measure(mesh, rounds)
    if rank == 0:
        (Path(folder) / "rows").write_text(json.dumps(found))
    distributed.barrier()
    distributed.destroy_process_group()


def _models_in_turn(mesh: Any, rounds: int) -> list[dict[str, Any]]:
    return [_row(f"{layers} M parameters", layers, mesh, rounds) for layers in (10, 20)]


def _small_in_turn(mesh: Any, rounds: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for count, path in ((10_000, "ours"), (200, "foreach"), (200, "fused")):
        cls, options = PATHS[path]
        times = _slowest(_in_turn({path: cls(_small(mesh, count, 64), **options).step}, rounds))[path]
        found.append({"DTensors of 64 elements": path, "count": count, "us a tensor": 1e3 * ms(times) / count})
    return found


def _fully_sharded(mesh: Any, layers: int, width: int = 1000) -> list[torch.nn.Parameter]:
    from torch.distributed.fsdp import fully_shard

    torch.manual_seed(0)
    model = torch.nn.Sequential(*(torch.nn.Linear(width, width) for _ in range(layers)))
    for layer in model:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    model(torch.randn(2, width)).square().mean().backward()
    return list(model.parameters())


def _small(mesh: Any, count: int, elements: int) -> list[torch.nn.Parameter]:
    from torch.distributed.tensor import DTensor, Shard

    def one() -> Any:
        return DTensor.from_local(torch.randn(elements // PROCESSES), mesh, [Shard(0)])

    parameters = [torch.nn.Parameter(one()) for _ in range(count)]
    for p in parameters:
        p.grad = one()
    return parameters


def _row(what: str, layers: int, mesh: Any, rounds: int) -> dict[str, Any]:
    models = {name: _fully_sharded(mesh, layers) for name in PATHS}
    steps: dict[str, Step] = {name: cls(models[name], **options).step for name, (cls, options) in PATHS.items()}
    times = _slowest(_in_turn(steps, rounds))
    row: dict[str, Any] = {"model": what, "ours ms": ms(times["ours"])}
    for path in ("foreach", "fused"):
        row |= {f"{path} ms": ms(times[path]), f"/ {path}": ratio(times["ours"], times[path])}
    return row


def _in_turn(steps: dict[str, Step], rounds: int) -> dict[str, list[float]]:
    """Seconds of each step in each round, which all processes begin at the same time."""
    from torch import distributed

    for step in [*steps.values()] * 2:
        step()
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            distributed.barrier()
            start = time.perf_counter()
            step()
            times[name].append(time.perf_counter() - start)
    return times


def _slowest(times: dict[str, list[float]]) -> dict[str, Sequence[float]]:
    """Of each reading, that of the slowest process."""
    from torch import distributed

    of_all: list[Any] = [None] * PROCESSES
    distributed.all_gather_object(of_all, times)
    return {name: [max(one) for one in zip(*(other[name] for other in of_all), strict=True)] for name in times}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    for row in (*fully_sharded(), *small()):
        print("  ".join(f"{k} {v}" if isinstance(v, (str, int)) else f"{k} {v:.3g}" for k, v in row.items()))
