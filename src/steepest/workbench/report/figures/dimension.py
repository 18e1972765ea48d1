"""The metric against a hyperparameter that was searched beside the rate: where it matters, good values lie together."""

from __future__ import annotations

from typing import Any

import altair as alt

from steepest.workbench.analysis.dimensions import DimensionData, ValuePoint
from steepest.workbench.analysis.search_figures import ENDED_EARLY
from steepest.workbench.model.key import written
from steepest.workbench.model.outcome import PRUNED
from steepest.workbench.report.figures import style

HEIGHT = 220
_FROM_ONE = [digit * 10.0**power for power in range(-8, 0) for digit in (1, 3)] + [0.6]
"""Where an axis of 1 - value has a tick: 0.4, 0.7, 0.9, 0.97, 0.99, ..."""
BELOW = 10.0
"""On a logarithmic axis, 0 stands so many times below the least value."""


def dimension(data: DimensionData, names: list[str], legend: bool = False) -> style.Figure:
    """Every trial at its value, those without a result in rows along the top; the colour says the optimizer."""
    rows = [_row(data, point) for point in data.points if point.result is not None]
    apart = [_row(data, point) | {"how": _how(point)} for point in data.points if point.result is None]
    kinds = style.kinds_of(row["how"] for row in apart)
    apart = [row | {"height": style.row_of(row["how"], kinds)} for row in apart]
    results = [point.result for point in data.points if point.result is not None]
    x = _x(data)
    tip = ["optimizer:N", alt.Tooltip("shown:N", title=data.name), alt.Tooltip("rate:Q", format=".3~g")]
    colour = style.colour(names, legend)
    if legend:  # a stroke, as lines have it, would not show the colour of dots
        colour = colour.legend(title=None, orient="top", symbolType="circle")
    value = alt.Tooltip("result:Q", title=data.metric, format=".4~g")
    dots = (
        style.data("trials")
        .mark_circle(size=40, fillOpacity=0.75)
        .encode(
            x=x,
            y=style.axis_y("result:Q", data.metric, results, style.strip_of(kinds), HEIGHT),
            color=colour,
            tooltip=[*tip, value],
        )
    )
    layers = [dots, *style.apart("apart", kinds, x, colour, tip)]
    chart = alt.LayerChart(layer=layers).add_params(style.hidden()).properties(height=HEIGHT)
    return style.Figure(chart, {"trials": rows, "apart": apart})


def _row(data: DimensionData, point: ValuePoint) -> dict[str, Any]:
    value = str(point.value) if data.choices else point.value
    place = {"place": 1 - point.value} if data.from_one else {}
    if zero := _place_of_zero(data):
        place = {"place": point.value or zero}
    return point._asdict() | {"value": value, "shown": written(point.value)} | place


def _place_of_zero(data: DimensionData) -> float:
    """Where 0 stands on a logarithmic axis; 0 where nothing is."""
    values = [point.value for point in data.points] if data.logarithmic and not data.from_one else []
    positive = [value for value in values if value > 0]
    return min(positive) / BELOW if positive and len(positive) < len(values) else 0.0


def _how(point: ValuePoint) -> str:
    return ENDED_EARLY if point.status == PRUNED else style.FAILED


def _x(data: DimensionData) -> alt.X:
    if data.choices:
        return alt.X("value:N", title=data.name, sort=data.choices, axis=alt.Axis(labelAngle=0))
    values = [point.value for point in data.points]
    if data.from_one:  # 0.9, 0.99, 0.999: evenly spaced by 1 - value
        x = style.axis_x("place:Q", data.name, [1 - value for value in values])
        x["scale"]["reverse"], x["axis"]["labelExpr"] = True, "format(1 - datum.value, '.6~f')"
        low, high = x["scale"]["domain"]
        x["axis"]["values"] = [tick for tick in _FROM_ONE if low <= tick <= high]
        return x
    if data.logarithmic and (zero := _place_of_zero(data)):
        x = style.axis_x("place:Q", data.name, [value or zero for value in values])
        ticks = [] if x["axis"]["values"] is alt.Undefined else x["axis"]["values"]
        x["axis"]["values"] = [zero, *(tick for tick in ticks if tick > 2 * zero)]
        x["axis"]["labelExpr"] = f"datum.value < {2 * zero!r} ? '0' : {x['axis']['labelExpr']}"
        return x
    if data.logarithmic:
        return style.axis_x("value:Q", data.name, values)
    low, high = min(values), max(values)
    room = 0.04 * (high - low) or 0.5
    whole: dict[str, Any] = {"tickMinStep": 1} if all(isinstance(value, int) for value in values) else {}
    scale = alt.Scale(domain=[low - room, high + room], nice=False, zero=False)
    return alt.X("value:Q", scale=scale, axis=alt.Axis(title=data.name, tickCount=6, **whole))
