"""The range test as a table and as one figure: the loss of every optimizer against its rising rate."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from steepest.workbench.errors import UsageError
from steepest.workbench.report.figures import colours
from steepest.workbench.training.rising_run import smoothed

if TYPE_CHECKING:
    from steepest.workbench.study.lr_range import Found, RangeTest

FORMATS = (".png", ".svg", ".html")
WIDTH = 100


def text(tested: RangeTest) -> str:
    """The summary as plain text."""
    console = Console(file=io.StringIO(), width=WIDTH, no_color=True, force_terminal=False)
    show(tested, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def show(tested: RangeTest, console: Console) -> None:
    """Print the table, and the line to paste for each optimizer."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column("optimizer")
    for title in ("search between", "begin with", f"tried: {tested.metric}"):
        table.add_column(title, no_wrap=False)
    for found in tested.found:
        table.add_row(*map(Text, (found.candidate.name, _bracket(found), _default(found), _tried(found))))
    console.print(table)
    console.print()
    for found in tested.found:
        line = f"  {found.call()}" if found.bracket else f"  {found.candidate.name}: {_why_nothing(found)}"
        console.print(Text(line, style="cyan" if found.bracket else "yellow"), soft_wrap=True)


def _bracket(found: Found) -> str:
    return f"{found.bracket.low:g} to {found.bracket.high:g}" if found.bracket else "-"


def _default(found: Found) -> str:
    return f"{found.bracket.default:g}" if found.bracket else "-"


def _tried(found: Found) -> str:
    return ", ".join(f"{rate:g}:{'failed' if value is None else f'{value:.3g}'}" for rate, value in found.tried)


def _why_nothing(found: Found) -> str:
    if found.suggested is None:
        return "the loss fell at no rate; look at the loss and the batches of the task."
    return "no short run trained, though the loss fell as the rate rose; give more --steps."


def save(tested: RangeTest, path: Path) -> None:
    """Draw the figure.

    Raises:
        UsageError: The name says no format, or the file cannot be written.
    """
    check_name(path)
    options: dict[str, Any] = {".png": {"scale_factor": 2}, ".html": {"inline": True}}.get(path.suffix, {})
    try:
        chart(tested).save(path, **options)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); give a file in a folder that is there."
        ) from None


def check_name(path: Path) -> None:
    """Refuse a name that says no format (UsageError), before anything is computed."""
    if path.suffix not in FORMATS:
        raise UsageError(f"{path} cannot be drawn; give a file that ends in {', '.join(FORMATS)}.")


def chart(tested: RangeTest) -> alt.LayerChart:
    """Thin lines for the seeds, a thick one for their median, a bar for the bracket, a dot for the default."""
    single = [row for found in tested.found for row in _lines(found)]
    middle = [row for found in tested.found for row in _median(found)]
    bars = [_bar(found, position) for position, found in enumerate(tested.found) if found.bracket]
    x, y, colour = _x(single, bars), _y(single), _colour([found.candidate.name for found in tested.found])
    tip = ["optimizer:N", alt.Tooltip("rate:Q", format=".2~g"), alt.Tooltip("loss:Q", format=".3~g")]
    height = alt.Y("height:Q", scale=None)
    layers = [
        _data(single).mark_line(strokeWidth=1, opacity=0.3, clip=True).encode(x=x, y=y, color=colour, detail="seed:N"),
        _data(middle).mark_line(strokeWidth=2.5, clip=True).encode(x=x, y=y, color=colour, tooltip=tip),
        _data(bars).mark_rule(strokeWidth=5, opacity=0.45).encode(x="low:Q", x2="high:Q", y=height, color=colour),
        _data(bars)
        .mark_circle(size=80, opacity=1)
        .encode(x="default:Q", y=height, color=colour, tooltip=["optimizer:N", "low:Q", "default:Q", "high:Q"]),
    ]
    title = alt.Title(
        f"{tested.task}: where each optimizer trains",
        subtitle="bars: rates to search between; dots: where to begin",
        anchor="start",
        fontWeight="normal",
    )
    return alt.LayerChart(layer=layers).properties(width=680, height=360, title=title)


def _colour(names: list[str]) -> alt.Color:
    scale = alt.Scale(domain=names, range=list(colours(names).values()))
    return alt.Color("optimizer:N", scale=scale, title=None, legend=alt.Legend(symbolOpacity=1))


def _x(single: list[dict[str, Any]], bars: list[dict[str, Any]]) -> alt.X:
    """From two decades below the first bracket: before that nothing happens."""
    least = min((row["rate"] for row in single), default=1e-8)
    first = max(least, min((bar["low"] for bar in bars), default=least) / 100)
    scale = alt.Scale(type="log", nice=False, domainMin=first)
    return alt.X("rate:Q", title="learning rate", scale=scale, axis=alt.Axis(grid=False, format=".0e", tickCount=8))


def _y(single: list[dict[str, Any]]) -> alt.Y:
    least = min((row["loss"] for row in single), default=1.0)
    scale = alt.Scale(type="log", nice=False, domainMin=least)
    axis = alt.Axis(format=".2~g", gridOpacity=0.25, tickCount=6)
    return alt.Y("loss:Q", title="training loss, smoothed", scale=scale, axis=axis)


def _data(rows: list[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=rows))


def _lines(found: Found) -> list[dict[str, Any]]:
    return [
        {"optimizer": found.candidate.name, "seed": run.seed, "rate": rate, "loss": float(np.exp(loss))}
        for run in found.curves
        for rate, loss in zip(run.rates, smoothed(run.losses), strict=False)
    ]


def _median(found: Found) -> list[dict[str, Any]]:
    """As far as more than half of the seeds came."""
    curves = [smoothed(run.losses) for run in found.curves]
    ends = sorted((len(one) for one in curves), reverse=True)
    rates = max((run.rates for run in found.curves), key=len)
    return [
        {
            "optimizer": found.candidate.name,
            "rate": rates[place],
            "loss": float(np.exp(np.median([one[place] for one in curves if len(one) > place]))),
        }
        for place in range(ends[len(ends) // 2])
    ]


def _bar(found: Found, position: int) -> dict[str, Any]:
    assert found.bracket is not None
    return {"optimizer": found.candidate.name, "height": 14 + 14 * position, **vars(found.bracket)}
