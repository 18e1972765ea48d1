"""Which hyperparameters matter: the share of the spread of results that each explains alone."""

from __future__ import annotations

import altair as alt

from steepest.workbench.analysis.search_figures import ImportanceData
from steepest.workbench.report.figures import style

BAR, ROOM = 15, 13
"""Heights of a bar, and of the space between two hyperparameters."""


def importance(data: ImportanceData, names: list[str], legend: bool = False) -> style.Figure:
    """A bar for each hyperparameter and optimizer, with its interval."""
    rows = [point._asdict() for point in data.points]
    several = len(data.optimizers) > 1
    y = alt.Y("name:N", sort=data.names, axis=alt.Axis(title=None, ticks=False, domain=False, labelFontSize=13))
    offset = alt.YOffset("optimizer:N", sort=data.optimizers) if several else alt.Undefined
    axis = alt.Axis(title="share of the spread of results", format="%", values=[0, 0.25, 0.5, 0.75, 1])
    scale = alt.Scale(domain=[0, 1], nice=False)
    colour = style.colour(names, legend)
    tip = ["optimizer:N", "name:N", *(alt.Tooltip(f"{one}:Q", format=".0%") for one in ("share", "low", "high"))]
    base = style.data("importance").encode(y=y, yOffset=offset)
    bars = base.mark_bar(fillOpacity=0.75, height=alt.RelativeBandSize(0.8)).encode(
        x=alt.X("share:Q", scale=scale, axis=axis), color=colour, tooltip=tip
    )
    ends = (
        base.transform_filter("datum.low !== null")
        .mark_rule(strokeWidth=1.6, color="currentColor", opacity=0.75)
        .encode(x=alt.X("low:Q", scale=scale), x2="high:Q")
    )
    height = len(data.names) * (BAR * len(data.optimizers) + ROOM)
    chart = alt.LayerChart(layer=[bars, ends]).add_params(style.hidden()).properties(height=height)
    return style.Figure(chart, {"importance": rows})
