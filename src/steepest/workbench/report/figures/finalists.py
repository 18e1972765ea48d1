"""The fresh seeds of each optimizer, with their mean and its interval."""

from __future__ import annotations

import altair as alt

from steepest.workbench.analysis.figure_data import FinalistsData
from steepest.workbench.report.figures import style


def finalists(data: FinalistsData, names: list[str]) -> style.Figure:
    """The fresh seeds at each best setting: a dot each, the mean and its interval."""
    dots = [value._asdict() for value in data.values]
    bars = [mean._asdict() for mean in data.means]
    y = alt.Y(
        "optimizer:N",
        sort=data.optimizers,
        axis=alt.Axis(title=None, ticks=False, domain=False, labelFontSize=13, labelPadding=10),
    )
    ends = [v for bar in bars for v in (bar["low"], bar["high"])] + [dot["value"] for dot in dots]
    scale, axis = style.value_scale(ends), alt.Axis(title=data.metric, tickCount=6)
    colour = style.colour(names, False)
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
    height = 58 * len(data.optimizers) + 10
    chart = alt.LayerChart(layer=[rules, means, seeds]).add_params(style.hidden()).properties(height=height)
    return style.Figure(chart, {"means": bars, "fresh seeds": dots})
