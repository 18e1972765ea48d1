"""The result of a range test as a table for the terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from steepest.workbench.analysis.range_test import OptimizerRange

WIDTH = 100


def text(ranges: Sequence[OptimizerRange], metric: str) -> str:
    """The summary as plain text."""
    console = Console(file=io.StringIO(), width=WIDTH, no_color=True, force_terminal=False)
    show(ranges, metric, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def show(ranges: Sequence[OptimizerRange], metric: str, console: Console) -> None:
    """Print the table, and the line to paste for each optimizer."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("optimizer")
    for title in ("search between", "begin with", f"tried: {metric}"):
        table.add_column(title, no_wrap=False)
    for found in ranges:
        table.add_row(*map(Text, (found.candidate.name, _bracket(found), _default(found), _tried(found))))
    console.print(table)
    console.print()
    for found in ranges:
        line = f"  {found.call()}" if found.bracket else f"  {found.candidate.name}: {_why_none(found)}"
        console.print(Text(line, style="cyan" if found.bracket else "yellow"), soft_wrap=True)


def _bracket(found: OptimizerRange) -> str:
    return f"{found.bracket.low:g} to {found.bracket.high:g}" if found.bracket else "-"


def _default(found: OptimizerRange) -> str:
    return f"{found.bracket.default:g}" if found.bracket else "-"


def _tried(found: OptimizerRange) -> str:
    return ", ".join(f"{rate:g}:{'failed' if value is None else f'{value:.3g}'}" for rate, value in found.tried)


def _why_none(found: OptimizerRange) -> str:
    if found.suggested is None:
        return "the loss fell at no rate; look at the loss and the batches of the task."
    return "no short run trained, though the loss fell as the rate rose; give more --steps."
