"""`python -m benchmarks [--quick] [--model M ...] [--optimizer O ...]`: print the table of docs/performance.md."""

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import front_ends, scheduled, sharded, start, statistics_rows, steps, studies, sweeps, whole
from benchmarks.shapes import MODELS


def main() -> None:
    """Measure and print; about half an hour on two cores, five minutes with --quick."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="leave out the largest model")
    parser.add_argument("--model", nargs="*", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--optimizer", nargs="*", choices=list(steps.CASES), default=list(steps.CASES))
    parser.add_argument("--json", type=Path, help="also write the rows of the first table there")
    given = parser.parse_args()
    models = [model for model in given.model if not (given.quick and model == "GPT-2")]
    console = Console(width=max(110, Console().width))
    console.print(f"torch {torch.__version__}, {torch.get_num_threads()} threads; medians; ratios are ours / theirs")
    memory = start.extra_memory_kb()
    rows = _print(console, "A step", steps.rows(models, given.optimizer))
    if given.json:
        given.json.write_text(json.dumps(rows, indent=1))
    _print(console, "Whole tensors and sparse gradients", whole.rows())
    if "GPT-2" in models:
        _print(console, "Share of the memory limit, GPT-2 shapes", steps.memory_share(given.optimizer))
    most = not given.quick
    _print(console, "SGD with momentum, one tensor", sweeps.parameters(10**9 if most else 10**7))
    _print(console, "Adam, tensors of 64 elements", sweeps.tensors(10**5 if most else 10**4))
    _print(console, "AdamW under FSDP2, two processes", sharded.fully_sharded())
    _print(console, "AdamW, small DTensors, two processes", sharded.small())
    _print(console, "Schedules", scheduled.asked())
    _print(console, "optimizer.step() and scheduler.step()", scheduled.stepped())
    _print(console, "optax under jax.jit", front_ends.under_jit())
    _print(console, "Keras under model.fit", front_ends.under_fit())
    times = statistics_rows.REPETITIONS if most else 1000
    _print(console, "The same optimizer under two names", statistics_rows.twins(times))
    _print(console, "A planted difference of 1.5 standard deviations", statistics_rows.planted(times))
    _print(console, "Coverage of intervals of means", statistics_rows.coverage_of_means(times))
    _print(console, "Coverage of Wilson's intervals", statistics_rows.coverage_of_shares())
    _print(console, "Coverage of intervals of superiority", statistics_rows.coverage_of_superiority(times))
    _print(console, "The record of a run", studies.recording())
    _print(console, "Workers", studies.workers(rounds=3 if most else 1))
    _print(console, "First step of a process", start.first_steps())
    console.print(f"import steepest: {start.import_ms():.1f} ms;  extra memory of ten steps: {memory:.0f} kB")


def _print(console: Console, title: str, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    table: Table | None = None
    printed = []
    for row in rows:
        printed.append(row)
        if table is None:
            table = Table(title=title, title_justify="left")
            for name, value in row.items():
                table.add_column(name, justify="left" if isinstance(value, str) else "right")
        table.add_row(*(_cell(value) for value in row.values()))
        console.print(f"[dim]{title}: {' '.join(str(v) for v in list(row.values())[:2])} done[/dim]", highlight=False)
    if table is not None:
        console.print(table)
    return printed


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.3g}"


main()
