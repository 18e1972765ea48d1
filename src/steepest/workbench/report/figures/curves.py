"""The runs at each best setting: loss and metric along the run, and the rate of every step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from steepest.workbench.report.figures import style

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import CurvePoint, Numbers


RATE_POINTS, RATE_HEIGHT = 200, 110


def curves(found: Numbers) -> style.Figure:
    """The runs at each best rate, median and range over seeds; the page sets the quantity and the x axis."""
    x = "against === 'seconds' ? datum.seconds : datum.step"
    data = style.data("curves").transform_filter("datum.name === quantity").transform_calculate(x=x)
    switches = [alt.param("against", value="steps"), alt.param("quantity", value="loss")]
    chart = _bands(found, data, found.curves).add_params(style.hidden(), *switches)
    return style.Figure(chart, {"curves": [_row(found, point) for point in found.curves]})


def losses(found: Numbers, against: str) -> style.Figure:
    """The training loss at each best rate against `step` or `seconds`, for paper."""
    points = [point for point in found.curves if point.name == "train_loss"]
    data = style.data("curves").transform_calculate(x=f"datum.{against}")
    titles = {"step": "step", "seconds": "seconds of training"}
    chart = _bands(found, data, points, titles[against], "training loss").add_params(style.hidden())
    return style.Figure(chart, {"curves": [_row(found, point) for point in points]})


def rates(found: Numbers, legend: bool = False) -> style.Figure:
    """The rate of each step at each best rate, below the loss; only where some rate does not stay."""
    steps = sorted({round(found.steps * point / RATE_POINTS) for point in range(RATE_POINTS + 1)})
    rows = [
        {"optimizer": row.name, "x": at, "rate": row.rate_at(at)}
        for row in found.rows
        for at in steps
        if row.rate_at(at) > row.rate / 100  # on a log scale, a fall to zero has no bottom
    ]
    axis = alt.Axis(title="step" if legend else None, grid=False, tickCount=6, labelFlush=True)
    x = alt.X("x:Q", axis=axis, scale=alt.Scale(nice=False))
    y = alt.Y(
        "rate:Q", scale=alt.Scale(type="log", nice=False), axis=style.log_axis("learning rate" if legend else None)
    )
    tip = ["optimizer:N", alt.Tooltip("x:Q", title="step", format=",d"), alt.Tooltip("rate:Q", format=".3~g")]
    line = style.data("rates").mark_line(strokeWidth=2).encode(x=x, y=y, color=style.colour(found, legend), tooltip=tip)
    chart = alt.LayerChart(layer=[line]).add_params(style.hidden()).properties(height=RATE_HEIGHT)
    return style.Figure(chart, {"rates": rows})


def _row(found: Numbers, point: CurvePoint) -> dict[str, Any]:
    """A point for the page."""
    shortened = {
        key: style.short(value) if isinstance(value, float) else value for key, value in point._asdict().items()
    }
    return shortened | {"name": "metric" if point.name == found.metric else "loss"}


def _bands(
    found: Numbers, data: alt.Chart, points: list[CurvePoint], title: str | None = None, quantity: str | None = None
) -> alt.LayerChart:
    """Lines with their ranges; on paper with titles and a legend, which the page has outside the figure."""
    axis = alt.Axis(title=title, grid=False, tickCount=6, labelFlush=True)
    x = alt.X("x:Q", axis=axis, scale=alt.Scale(nice=False))
    log = bool(points) and min(point.low for point in points) > 0 and _ratio(points) > style.LOG_FROM
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False, nice=False)
    y = alt.Y("median:Q", scale=scale, axis=style.log_axis(quantity) if log else alt.Axis(title=quantity))
    base = data.encode(x=x, color=style.colour(found, legend=title is not None))
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
    return alt.LayerChart(layer=[band, line, hover])


def _ratio(points: list[CurvePoint]) -> float:
    return max(point.median for point in points) / min(point.median for point in points)
