"""The table and the verdict for a terminal."""

from __future__ import annotations

import io
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from steepest.workbench.report import formatting, sentences

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import OptimizerResult, Results

WIDTH = 110


def text(results: Results) -> str:
    """The summary as plain text."""
    console = Console(file=io.StringIO(), width=WIDTH, no_color=True, force_terminal=False)
    show(results, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def show(results: Results, console: Console) -> None:
    """Print the table, the verdict, the line to paste and the warnings."""
    console.print(table(results))
    console.print()
    # Names are the user's own.  Rich does not read Text as markup.
    first, *others = sentences.verdict(results)
    console.print(Text.assemble((first, "bold"), " ", " ".join(others)), soft_wrap=not console.is_terminal)
    if results.rows[0].trained:
        console.print(Text(f"\n  optimizer = {results.rows[0].call}\n", style="cyan"), soft_wrap=True)
    for warning in sentences.warnings(results):
        console.print(Text.assemble(("note  ", "yellow"), warning), soft_wrap=not console.is_terminal)


def table(results: Results) -> Table:
    """One row for each optimizer, best first."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    shown.add_column("optimizer", no_wrap=True)
    target = [] if results.target is None else [f"steps to {results.target:g}"]
    untuned = ["untuned"] if any(row.default_seeds for row in results.rows) else []
    columns = ["best rate", Text(results.metric), "95 % interval", *untuned, "trained", "width", *target, "ms/step"]
    for title in columns:
        shown.add_column(title, justify="right", no_wrap=True)
    for row in results.rows:
        shown.add_row(*(Text(cell) for cell in _cells(row, results.target is not None, bool(untuned))))
    return shown


def _cells(row: OptimizerResult, target: bool, untuned: bool) -> list[str]:
    estimate, bounds = formatting.interval(row.mean)
    reached = [
        formatting.number(row.steps_to_target) if math.isinf(row.steps_to_target) else f"{row.steps_to_target:.0f}"
    ]
    return [
        row.name,
        f"{row.rate:g}",
        estimate,
        bounds,
        *([formatting.untuned(row)] if untuned else []),
        f"{row.trained} of {len(row.values)}",
        width(row),
        *(reached if target else []),
        formatting.number(row.step_seconds * 1e3),
    ]


def width(row: OptimizerResult) -> str:
    """The width of the near-optimal band in decades."""
    if math.isnan(row.band.low):
        return "\u2013"
    return ("≥ " if row.band.open else "") + f"{row.band.decades:.1f}"


def announce(results: Results, folder: Path) -> None:
    """Print the summary and where the rest is."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH, highlight=False)
    show(results, console)
    console.print(Text(f"\nreport  {folder / 'report.html'}"), soft_wrap=True)
