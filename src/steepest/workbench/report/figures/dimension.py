"""The metric against a hyperparameter that was searched beside the rate: where it matters, good values lie together."""

from __future__ import annotations

from typing import Any

import altair as alt

from steepest.workbench.analysis.dimensions import DimensionData
from steepest.workbench.model.key import written
from steepest.workbench.report.figures import style


def dimension(data: DimensionData, names: list[str], legend: bool = False) -> style.Figure:
    """Every trial that trained, at its value; the colour says the optimizer."""
    trained = [point for point in data.points if point.result is not None]
    rows = [
        point._asdict() | {"value": str(point.value) if data.choices else point.value, "shown": written(point.value)}
        for point in trained
    ]
    results = [point.result for point in trained if point.result is not None]
    tip = ["optimizer:N", alt.Tooltip("shown:N", title=data.name), alt.Tooltip("rate:Q", format=".3~g")]
    colour = style.colour(names, legend)
    if legend:  # a stroke, as lines have it, would not show the colour of dots
        colour = colour.legend(title=None, orient="top", symbolType="circle")
    value = alt.Tooltip("result:Q", title=data.metric, format=".4~g")
    dots = (
        style.data("trials")
        .mark_circle(size=40, fillOpacity=0.75)
        .encode(
            x=_x(data),
            y=style.axis_y("result:Q", data.metric, results, 0),
            color=colour,
            tooltip=[*tip, value],
        )
    )
    return style.Figure(alt.LayerChart(layer=[dots]).add_params(style.hidden()), {"trials": rows})


def _x(data: DimensionData) -> alt.X:
    if data.choices:
        return alt.X("value:N", title=data.name, sort=data.choices, axis=alt.Axis(labelAngle=0))
    values = [point.value for point in data.points]
    if data.logarithmic:
        return style.axis_x("value:Q", data.name, values)
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or 0.5
    whole: dict[str, Any] = {"tickMinStep": 1} if all(isinstance(value, int) for value in values) else {}
    scale = alt.Scale(domain=[low - room, high + room], nice=False, zero=False)
    return alt.X("value:Q", scale=scale, axis=alt.Axis(title=data.name, tickCount=6, **whole))
