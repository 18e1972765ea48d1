"""The fresh seeds of each optimizer, with their mean and its interval."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import altair as alt

from steepest.workbench.report.figures import style

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Numbers


def finalists(found: Numbers) -> style.Figure:
    """The fresh seeds at each optimizer's best rate: a dot each, the mean and its interval."""
    dots = [
        {"optimizer": row.name, "value": value, "seed": seed + 1}
        for row in found.rows
        for seed, value in enumerate(row.values)
        if math.isfinite(value)
    ]
    bars = [
        {"optimizer": row.name, "mean": row.mean.estimate, "low": row.mean.low, "high": row.mean.high}
        for row in found.rows
        if math.isfinite(row.mean.low)
    ]
    order = [row.name for row in found.rows]
    y = alt.Y(
        "optimizer:N",
        sort=order,
        axis=alt.Axis(title=None, ticks=False, domain=False, labelFontSize=13, labelPadding=10),
    )
    ends = [v for bar in bars for v in (bar["low"], bar["high"])] + [dot["value"] for dot in dots]
    scale, axis = style.value_scale(ends), alt.Axis(title=found.metric, tickCount=6)
    colour = style.colour(found, False)
    base = style.data("means")
    tips = [alt.Tooltip(f"{field}:Q", format=".4~g") for field in ("mean", "low", "high")]
    rules = base.mark_rule(strokeWidth=2.5).encode(
        y=y, x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", color=colour
    )
    means = base.mark_tick(thickness=3, size=22).encode(
        y=y, x=alt.X("mean:Q", scale=scale), color=colour, tooltip=["optimizer:N", *tips]
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
    height = 58 * len(found.rows) + 10
    chart = alt.LayerChart(layer=[rules, means, seeds]).add_params(style.hidden()).properties(height=height)
    return style.Figure(chart, {"means": bars, "fresh seeds": dots})
