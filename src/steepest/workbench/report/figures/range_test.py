"""The figure of a range test: the loss of every optimizer against its rising rate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import altair as alt

from steepest.workbench.analysis.range_figure_data import RangeFigureData
from steepest.workbench.errors import UsageError
from steepest.workbench.report.figures.style import colours

FORMATS = (".png", ".svg", ".html")


def save(data: RangeFigureData, path: Path) -> None:
    """Draw the figure.

    Raises:
        UsageError: The name has another ending, or the file cannot be written.
    """
    check_name(path)
    options: dict[str, Any] = {".png": {"scale_factor": 2}, ".html": {"inline": True}}.get(path.suffix, {})
    try:
        chart(data).save(path, **options)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror}); give a file in a folder that is there."
        ) from None


def check_name(path: Path) -> None:
    """Check the ending of the name, before anything is computed.

    Raises:
        UsageError: It is not one of the formats.
    """
    if path.suffix not in FORMATS:
        raise UsageError(f"{path} cannot be drawn; give a file that ends in {', '.join(FORMATS)}.")


def chart(data: RangeFigureData) -> alt.LayerChart:
    """Thin lines for the seeds, a thick one for their median, a bar for the bracket, a dot for the default."""
    seeds = [point._asdict() for point in data.seeds]
    medians = [point._asdict() for point in data.medians]
    bars = [
        {"optimizer": name, "height": 14 + 14 * position, **vars(data.brackets[name])}
        for position, name in enumerate(data.optimizers)
        if name in data.brackets
    ]
    x, y, colour = _x(seeds, bars), _y(seeds), _colour(data.optimizers)
    tip = ["optimizer:N", alt.Tooltip("rate:Q", format=".2~g"), alt.Tooltip("loss:Q", format=".3~g")]
    height = alt.Y("height:Q", scale=None)
    layers = [
        _data(seeds).mark_line(strokeWidth=1, opacity=0.3, clip=True).encode(x=x, y=y, color=colour, detail="seed:N"),
        _data(medians).mark_line(strokeWidth=2.5, clip=True).encode(x=x, y=y, color=colour, tooltip=tip),
        _data(bars).mark_rule(strokeWidth=5, opacity=0.45).encode(x="low:Q", x2="high:Q", y=height, color=colour),
        _data(bars)
        .mark_circle(size=80, opacity=1)
        .encode(x="default:Q", y=height, color=colour, tooltip=["optimizer:N", "low:Q", "default:Q", "high:Q"]),
    ]
    title = alt.Title(
        f"{data.task}: where each optimizer trains",
        subtitle="bars: rates to search between; dots: where to begin",
        anchor="start",
        fontWeight="normal",
    )
    return alt.LayerChart(layer=layers).properties(width=680, height=360, title=title)


def _colour(names: list[str]) -> alt.Color:
    scale = alt.Scale(domain=names, range=list(colours(names).values()))
    return alt.Color("optimizer:N", scale=scale, title=None, legend=alt.Legend(symbolOpacity=1))


def _x(seeds: list[dict[str, Any]], bars: list[dict[str, Any]]) -> alt.X:
    """From two decades below the first bracket: before that nothing happens."""
    least = min((row["rate"] for row in seeds), default=1e-8)
    first = max(least, min((bar["low"] for bar in bars), default=least) / 100)
    scale = alt.Scale(type="log", nice=False, domainMin=first)
    return alt.X("rate:Q", title="learning rate", scale=scale, axis=alt.Axis(grid=False, format=".0e", tickCount=8))


def _y(seeds: list[dict[str, Any]]) -> alt.Y:
    least = min((row["loss"] for row in seeds), default=1.0)
    scale = alt.Scale(type="log" if least > 0 else "linear", nice=False, domainMin=least)
    axis = alt.Axis(format=".2~g", gridOpacity=0.25, tickCount=6)
    return alt.Y("loss:Q", title="training loss, smoothed", scale=scale, axis=axis)


def _data(rows: list[dict[str, Any]]) -> alt.Chart:
    return alt.Chart(alt.Data(values=rows))
