"""The runs at each best setting: loss and metric along the run, and the rate of every step."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import altair as alt

from steepest.workbench.analysis.figure_data import CurvesData, StepRate
from steepest.workbench.analysis.points import CurvePoint
from steepest.workbench.report.figures import style

RATES_HEIGHT = 110


def curves(data: CurvesData, names: list[str]) -> style.Figure:
    """The runs at each best setting, median and range over seeds; the page sets the quantity and the x axis."""
    x = "against === 'seconds' ? datum.seconds : datum.step"
    base = style.data("curves").transform_filter("datum.name === quantity").transform_calculate(x=x)
    switches = [alt.param("against", value="steps"), alt.param("quantity", value="metric")]
    bands = _bands(names, base, data.points, " ")  # a LayerChart would take the data from its layers
    titles = [
        _title("x", "against === 'seconds' ? 'seconds of training' : 'step'"),
        _title("y", _quantity(data.metric)),
    ]
    chart = alt.LayerChart(layer=[*bands, *titles]).add_params(style.hidden(), *switches)
    return style.Figure(chart, {"curves": [_row(data, point) for point in data.points]})


def losses(data: CurvesData, names: list[str], against: str) -> style.Figure:
    """The training loss at each best setting against `step` or `seconds`, for paper."""
    base = style.data("curves").transform_calculate(x=f"datum.{against}")
    titles = {"step": "step", "seconds": "seconds of training"}
    bands = _bands(names, base, data.losses, titles[against], "training loss")
    chart = alt.LayerChart(layer=bands).add_params(style.hidden())
    return style.Figure(chart, {"curves": [_row(data, point) for point in data.losses]})


def rates(data: Sequence[StepRate], names: list[str], legend: bool = False) -> style.Figure:
    """The rate of each step at each best setting, below the loss."""
    rows = [{"optimizer": point.optimizer, "x": point.step, "rate": point.rate} for point in data]
    axis = alt.Axis(title="step" if legend else None, grid=False, tickCount=6, labelFlush=True)
    x = alt.X("x:Q", axis=axis, scale=alt.Scale(nice=False))
    y = alt.Y(
        "rate:Q", scale=alt.Scale(type="log", nice=False), axis=style.log_axis("learning rate" if legend else None)
    )
    tip = ["optimizer:N", alt.Tooltip("x:Q", title="step", format=",d"), alt.Tooltip("rate:Q", format=".3~g")]
    line = style.data("rates").mark_line(strokeWidth=2).encode(x=x, y=y, color=style.colour(names, legend), tooltip=tip)
    chart = alt.LayerChart(layer=[line]).add_params(style.hidden()).properties(height=RATES_HEIGHT)
    return style.Figure(chart, {"rates": rows})


def _quantity(metric: str) -> str:
    """What the y axis shows, as an expression of the page's switch."""
    return f"quantity === 'metric' ? {json.dumps(metric)} : 'training loss'"


def _title(axis: str, expression: str) -> alt.Chart:
    """The title of an axis as text: Vega-Lite's own cannot follow a switch."""
    ends = {"x": ("center", "top", "width / 2", "height + 26"), "y": ("left", "bottom", "0", "-8")}
    align, baseline, x, y = ends[axis]
    mark = {"align": align, "baseline": baseline, "fontSize": 12.5, "color": "currentColor", "clip": False}
    return (
        alt.Chart(alt.Data(values=[{}]))
        .transform_calculate(title=expression)
        .mark_text(**mark, x=alt.ExprRef(x), y=alt.ExprRef(y))
        .encode(text="title:N")
    )


def _row(data: CurvesData, point: CurvePoint) -> dict[str, Any]:
    """A point for the page."""
    shortened = {
        key: style.short(value) if isinstance(value, float) else value for key, value in point._asdict().items()
    }
    return shortened | {"name": "metric" if point.name == data.metric else "loss"}


def _bands(
    names: list[str],
    base: alt.Chart,
    points: Sequence[CurvePoint],
    title: str | None = None,
    quantity: str | None = None,
) -> list[alt.Chart]:
    """Lines with their ranges; on paper with titles and a legend, which the page has outside the figure."""
    axis = alt.Axis(title=title, grid=False, tickCount=6, labelFlush=True)
    x = alt.X("x:Q", axis=axis, scale=alt.Scale(nice=False))
    log = bool(points) and min(point.low for point in points) > 0 and _ratio(points) > style.LOG_FROM
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False, nice=False)
    y = alt.Y("median:Q", scale=scale, axis=style.log_axis(quantity) if log else alt.Axis(title=quantity))
    base = base.encode(x=x, color=style.colour(names, legend=quantity is not None))
    tooltip = [
        "optimizer:N",
        alt.Tooltip("step:Q", format=",d"),
        alt.Tooltip("seconds:Q", format=".3~g"),
        alt.Tooltip("median:Q", format=".4~g"),
        alt.Tooltip("low:Q", title="lowest", format=".4~g"),
        alt.Tooltip("high:Q", title="highest", format=".4~g"),
    ]
    band = base.mark_area(fillOpacity=0.13).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    line = base.mark_line(strokeWidth=2).encode(y=y)
    hover = base.mark_point(size=120, opacity=0, filled=True).encode(y=y, tooltip=tooltip)
    return [band, line, hover]


def _ratio(points: Sequence[CurvePoint]) -> float:
    return max(point.median for point in points) / min(point.median for point in points)
