"""The fresh seeds of each optimizer, with their median and its interval."""

from __future__ import annotations

import altair as alt

from steepest.workbench.analysis.figure_data import FinalistsData
from steepest.workbench.report.figures import style


def finalists(data: FinalistsData, names: list[str]) -> style.Figure:
    """The fresh seeds at each best setting: a dot each, the median and its interval; and Adam untuned, dashed."""
    dots = [value._asdict() for value in data.values]
    bars = [middle._asdict() for middle in data.medians]
    y = alt.Y(
        "optimizer:N",
        sort=data.optimizers,
        axis=alt.Axis(title=None, ticks=False, domain=False, labelFontSize=13, labelPadding=10),
    )
    ends = [v for bar in bars for v in (bar["low"], bar["high"]) if v is not None] + [dot["value"] for dot in dots]
    ends += [] if data.untuned is None else [data.untuned]
    scale, axis = style.value_scale(ends), alt.Axis(title=data.metric, tickCount=6)
    colour = style.colour(names, False)
    base = style.data("medians")
    tips = [alt.Tooltip(f"{field}:Q", format=".4~g") for field in ("median", "low", "high")]
    rules = (
        base.transform_filter("datum.low !== null && datum.high !== null")
        .mark_rule(strokeWidth=2.5)
        .encode(y=y, x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", color=colour)
    )
    middles = base.mark_tick(thickness=3, size=22).encode(
        y=y, x=alt.X("median:Q", scale=scale), color=colour, tooltip=["optimizer:N", *tips]
    )
    seeds = (
        style.data("fresh seeds")
        .mark_circle(size=46, fillOpacity=0.55, yOffset=14)
        .encode(
            y=y,
            x=alt.X("value:Q", scale=scale),
            color=colour,
            tooltip=["optimizer:N", "seed:Q", alt.Tooltip("value:Q", format=".4~g")],
        )
    )
    height = 58 * len(data.optimizers) + 10
    line = style.untuned(data.untuned, "x", scale, data.metric)
    chart = alt.LayerChart(layer=[*line, rules, middles, seeds]).add_params(style.hidden()).properties(height=height)
    return style.Figure(chart, {"medians": bars, "fresh seeds": dots})
