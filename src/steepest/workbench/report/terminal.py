"""The table and the verdict for a terminal."""

from __future__ import annotations

import io
import math
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from steepest.workbench.analysis.verdict import verdict_of
from steepest.workbench.model.key import written
from steepest.workbench.report import formatting, sentences, tuning_sentences, warning_sentences

if TYPE_CHECKING:
    from steepest.workbench.analysis.optimizer_row import OptimizerResult
    from steepest.workbench.analysis.results import Results

WIDTH = 110
NEEDED = 3
"""Columns that stay in the narrowest terminal: optimizer, rate, metric."""


def text(results: Results) -> str:
    """The summary as plain text."""
    console = Console(file=io.StringIO(), width=WIDTH, no_color=True, force_terminal=False)
    show(results, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def show(results: Results, console: Console) -> None:
    """Print the table; what to do, the line to paste, the warnings under it; then the evidence."""
    found = verdict_of(results)
    if not results.nothing_trained:
        console.print(table(results, console.width))
        console.print()
    # Names are the user's own.  Rich does not read Text as markup.
    first, *others = sentences.verdict(results)
    wrap = not console.is_terminal
    console.print(Text(first, style="bold"), soft_wrap=wrap)
    if found.recommends:
        paste = results.rows[0].call if results.script else f"optimizer = {results.rows[0].call}"
        console.print(Text(f"\n  {paste}\n", style="cyan"), soft_wrap=True)
    for warning in warning_sentences.warnings(results):
        console.print(Text.assemble(("note  ", "yellow"), warning), soft_wrap=wrap)
    for paragraph in others if results.nothing_trained else [" ".join(others)]:
        console.print(Text(paragraph), soft_wrap=wrap)
    if results.tuning and not results.nothing_trained:
        console.print(Text("\n" + "\n".join(tuning_sentences.text(results))), soft_wrap=True)


def table(results: Results, width: int = WIDTH) -> Table:
    """One row for each optimizer, best first; in a narrow terminal the last columns are left out, never digits."""
    columns = _columns(results)
    while len(columns) > NEEDED and _width(columns) > width:
        columns.pop(_least_needed(columns))
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, title in enumerate(columns):
        shown.add_column(Text(title), justify="right" if place else "left", no_wrap=place > 0, overflow="fold")
    for cells in zip(*columns.values(), strict=True):
        shown.add_row(*(Text(cell) for cell in cells))
    return shown


def _columns(results: Results) -> dict[str, list[str]]:
    """The cells of each column, by its title."""
    rows = results.rows
    middles = [formatting.interval(row.median) for row in rows]
    columns = {
        "script" if results.script else "optimizer": [row.name for row in rows],
        **({results.rate_name: [f"{row.rate:g}" for row in rows]} if results.has_rates else {}),
        **(_of_script(rows) if results.script else {}),
        results.metric: [middle for middle, _ in middles],
    }
    if results.seeds > 1:
        columns[f"{formatting.percent(results.confidence)} interval"] = [bounds for _, bounds in middles]
    if any(row.default_seeds for row in rows):
        columns["untuned"] = [formatting.untuned(row) for row in rows]
    columns["trained"] = [f"{row.trained} of {len(row.values)}" for row in rows]
    if not results.script:
        columns["good rates"] = [good_rates(row) for row in rows]
    if results.target is not None:
        columns[f"steps to {results.target:g}"] = [_steps(row.steps_to_target) for row in rows]
    if not results.script:
        columns["ms/step"] = [formatting.number(row.step_seconds * 1e3) for row in rows]
    return columns


def _of_script(rows: list[OptimizerResult]) -> dict[str, list[str]]:
    """The settings beside the rate: a script has one row, so there is room."""
    names = [*dict.fromkeys(name for row in rows for name in row.settings)]
    return {name: [written(row.settings[name]) if name in row.settings else "" for row in rows] for name in names}


def _least_needed(columns: dict[str, list[str]]) -> str:
    """Times first, the interval last."""
    order = ["ms/step", "steps to", "good rates", "untuned", "trained"]
    last = list(columns)[NEEDED:]
    return next((title for name in order for title in last if title.startswith(name)), last[-1])


def _steps(count: float) -> str:
    return f"{count:.0f}" if math.isfinite(count) else formatting.number(count)


def _width(columns: dict[str, list[str]]) -> int:
    return sum(max(map(cell_len, [title, *cells])) + 2 for title, cells in columns.items()) - 2


def good_rates(row: OptimizerResult) -> str:
    """Between which rates an optimizer is nearly as good as at its best: `0.003 to 0.03`."""
    if math.isnan(row.band.low):
        return "\u2013"
    low, high = (formatting.number(rate, 1) for rate in (row.band.low, row.band.high))  # .1g has 1e+01 for 10
    return f"{low} to {high}{'+' if row.band.open else ''}"


def announce(results: Results, folder: Path) -> None:
    """Print the summary and where the rest is."""
    console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDTH, highlight=False)
    show(results, console)
    console.print(Text(f"\nreport  {folder / 'report.html'}"), soft_wrap=True)
