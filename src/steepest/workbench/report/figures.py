"""The numbers as Altair charts: once for the page (interactive, no colours of its own) and once for paper."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    from steepest.workbench.report.records import CurvePoint, Numbers, Point

# Told apart by people with any colour blindness, and on white as well as on black: Okabe and Ito, 2008, with
# the blue lightened, the yellow (invisible on white) left out, and grey and violet added.
PALETTE = {
    "sgd": "#e69f00",
    "momentum": "#009e73",
    "rmsprop": "#cc79a7",
    "adam": "#1f83c6",
    "adagrad": "#d55e00",
    "adamw": "#56b4e9",
    "nesterov": "#8a8a8a",
    "amsgrad": "#8f6fd0",
}
LOG_FROM = 5.0  # ratio of the largest to the smallest value from which an axis is logarithmic
TEXT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
HEIGHT = 340
QUIET = {"domainOpacity": 0.35, "tickOpacity": 0.35, "gridOpacity": 0.11, "labelOpacity": 0.75}
CROSS = "M-1,-1L1,1M1,-1L-1,1"
RATE_POINTS, RATE_HEIGHT = 200, 110
STRIP = 13  # height of an optimizer's row of failed runs above the sensitivity figure


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each optimizer: the known ones always have the same, so that reports can be compared."""
    names = list(names)
    spare = [colour for name, colour in PALETTE.items() if name not in names]
    chosen = {}
    for position, name in enumerate(names):
        chosen[name] = PALETTE.get(name) or (spare.pop() if spare else list(PALETTE.values())[position % len(PALETTE)])
    return chosen


def for_page(found: Numbers) -> dict[str, alt.LayerChart]:
    """The figures of the report.  The page sets their parameters: who is hidden, which x axis."""
    return {
        "sensitivity": _fluid(sensitivity(found)),
        "curves": _fluid(curves(found)),
        "finalists": _fluid(finalists(found)),
    } | ({"rates": _fluid(rates(found)).properties(height=RATE_HEIGHT)} if found.has_schedules else {})


def for_paper(found: Numbers) -> dict[str, alt.LayerChart]:
    """The same with a legend and a white ground, at a fixed width."""
    return {
        "sensitivity": _fixed(sensitivity(found, legend=True)),
        "curves-steps": _fixed(losses(found, against="step")),
        "curves-seconds": _fixed(losses(found, against="seconds")),
        "finalists": _fixed(finalists(found)),
    } | ({"rates": _fixed(rates(found, legend=True)).properties(height=RATE_HEIGHT)} if found.has_schedules else {})


def sensitivity(found: Numbers, legend: bool = False) -> alt.LayerChart:
    """The final metric against the rate: every run a dot, medians joined, failed runs as crosses on top."""
    good = [_run(point) | {"value": point.value} for point in found.points if point.value is not None]
    bad = [_run(point) for point in found.points if point.value is None]
    failing = [name for name in found.order if any(run["optimizer"] == name for run in bad)]
    for run in bad:
        run["height"] = STRIP * (failing.index(run["optimizer"]) + 0.5)
    x = _axis_x("rate:Q", "learning rate", [point.rate for point in found.points])
    y = _axis_y("value:Q", found.metric, [run["value"] for run in good], STRIP * len(failing) + 6 if failing else 0)
    colour = _colour(found, legend)
    tip = ["optimizer:N", alt.Tooltip("rate:Q", format=".3~g"), "run:N"]
    value = alt.Tooltip("value:Q", title=found.metric, format=".4~g")
    lines = _data(_medians(good)).mark_line(strokeWidth=2).encode(x=x, y=y, color=colour)
    dots = _data(good).mark_circle(size=34, opacity=0.75).encode(x=x, y=y, color=colour, tooltip=[*tip, value])
    crosses = (
        _data(bad)
        .mark_point(shape=CROSS, size=30, strokeWidth=1.8)
        .encode(x=x, y=alt.Y("height:Q", scale=None), color=colour, tooltip=[*tip, "status:N"])
    )
    layers = [lines, dots, crosses] + ([_failed_label(failing)] if failing else [])
    return alt.LayerChart(layer=layers).add_params(_hidden())


def _run(point: Point) -> dict[str, Any]:
    """What the tooltip says of a run."""
    return {
        "optimizer": point.optimizer,
        "rate": point.rate,
        "run": f"{point.phase}, seed {point.seed}",
        "status": point.status,
    }


def _failed_label(failing: list[str]) -> alt.Chart:
    middle = STRIP * len(failing) / 2
    text = {"text": "failed", "align": "right", "baseline": "middle", "fontSize": 12, "opacity": 0.6}
    return (
        alt.Chart(alt.Data(values=[{}]))
        .mark_text(**text, color="currentColor", dx=-7)
        .encode(x=alt.value(0), y=alt.value(middle))
    )


def _data(rows: list[dict[str, Any]]) -> alt.Chart:
    """Rows without those of hidden optimizers."""
    return alt.Chart(alt.Data(values=rows)).transform_filter(_SHOWN)


def _medians(good: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One point for each optimizer and rate."""
    from statistics import median

    groups: dict[tuple[str, float], list[float]] = {}
    for point in good:
        groups.setdefault((point["optimizer"], point["rate"]), []).append(point["value"])
    return [{"optimizer": name, "rate": rate, "value": median(v)} for (name, rate), v in groups.items()]


def curves(found: Numbers) -> alt.LayerChart:
    """The runs at each best rate, median and range over seeds; the page sets the quantity and the x axis."""
    x = "against === 'seconds' ? datum.seconds : datum.step"
    data = _data([_row(found, point) for point in found.curves])
    data = data.transform_filter("datum.name === quantity").transform_calculate(x=x)
    switches = [alt.param("against", value="steps"), alt.param("quantity", value="loss")]
    return _bands(found, data, found.curves).add_params(_hidden(), *switches)


def losses(found: Numbers, against: str) -> alt.LayerChart:
    """The training loss at each best rate against `step` or `seconds`, for paper."""
    points = [point for point in found.curves if point.name == "train_loss"]
    data = _data([_row(found, point) for point in points]).transform_calculate(x=f"datum.{against}")
    titles = {"step": "step", "seconds": "seconds of training"}
    return _bands(found, data, points, titles[against], "training loss").add_params(_hidden())


def rates(found: Numbers, legend: bool = False) -> alt.LayerChart:
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
    y = alt.Y("rate:Q", scale=alt.Scale(type="log", nice=False), axis=_log_axis("learning rate" if legend else None))
    tip = ["optimizer:N", alt.Tooltip("x:Q", title="step", format=",d"), alt.Tooltip("rate:Q", format=".3~g")]
    line = _data(rows).mark_line(strokeWidth=2).encode(x=x, y=y, color=_colour(found, legend), tooltip=tip)
    return alt.LayerChart(layer=[line]).add_params(_hidden())


def _row(found: Numbers, point: CurvePoint) -> dict[str, Any]:
    """A point for the page; five digits draw the same line and take half the room."""
    short = {
        key: float(f"{value:.5g}") if isinstance(value, float) else value for key, value in point._asdict().items()
    }
    return short | {"name": "metric" if point.name == found.metric else "loss"}


def _bands(
    found: Numbers, data: alt.Chart, points: list[CurvePoint], title: str | None = None, quantity: str | None = None
) -> alt.LayerChart:
    """Lines with their ranges; on paper with titles and a legend, which the page has outside the figure."""
    axis = alt.Axis(title=title, grid=False, tickCount=6, labelFlush=True)
    x = alt.X("x:Q", axis=axis, scale=alt.Scale(nice=False))
    log = bool(points) and min(point.low for point in points) > 0 and _ratio(points) > LOG_FROM
    scale = alt.Scale(type="log", nice=False) if log else alt.Scale(zero=False, nice=False)
    y = alt.Y("median:Q", scale=scale, axis=_log_axis(quantity) if log else alt.Axis(title=quantity))
    base = data.encode(x=x, color=_colour(found, legend=title is not None))
    tooltip = [
        "optimizer:N",
        alt.Tooltip("step:Q", format=",d"),
        alt.Tooltip("seconds:Q", format=".3~g"),
        alt.Tooltip("median:Q", format=".4~g"),
        alt.Tooltip("low:Q", title="lowest", format=".4~g"),
        alt.Tooltip("high:Q", title="highest", format=".4~g"),
    ]
    band = base.mark_area(opacity=0.13).encode(y=alt.Y("low:Q", scale=scale), y2="high:Q")
    line = base.mark_line(strokeWidth=2).encode(y=y)
    hover = base.mark_point(size=120, opacity=0, filled=True).encode(y=y, tooltip=tooltip)
    return alt.LayerChart(layer=[band, line, hover])


def _ratio(points: list[CurvePoint]) -> float:
    return max(point.median for point in points) / min(point.median for point in points)


def finalists(found: Numbers) -> alt.LayerChart:
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
    scale, axis = _value_scale(ends), alt.Axis(title=found.metric, tickCount=6)
    colour = _colour(found, False)
    base = _data(bars)
    tips = [alt.Tooltip(f"{field}:Q", format=".4~g") for field in ("mean", "low", "high")]
    rules = base.mark_rule(strokeWidth=2.5).encode(
        y=y, x=alt.X("low:Q", scale=scale, axis=axis), x2="high:Q", color=colour
    )
    means = base.mark_tick(thickness=3, size=22).encode(
        y=y, x=alt.X("mean:Q", scale=scale), color=colour, tooltip=["optimizer:N", *tips]
    )
    seeds = (
        _data(dots)
        .mark_circle(size=46, opacity=0.55, yOffset=14)
        .encode(
            y=y,
            x=alt.X("value:Q", scale=scale),
            color=colour,
            tooltip=["optimizer:N", "seed:Q", alt.Tooltip("value:Q", format=".4~g")],
        )
    )
    return (
        alt.LayerChart(layer=[rules, means, seeds]).add_params(_hidden()).properties(height=58 * len(found.rows) + 10)
    )


def _value_scale(values: list[float]) -> alt.Scale:
    """Room for all values; logarithmic where one optimizer is far from the others."""
    if not values:
        return alt.Scale(domain=[0, 1])
    low, high = min(values), max(values)
    if low > 0 and high > 20 * low:
        return alt.Scale(type="log", domain=[low / 1.1, high * 1.1], nice=False)
    room = 0.04 * (high - low) or 0.1 * abs(high) or 1.0
    return alt.Scale(domain=[low - room, high + room], zero=False, nice=False)


_SHOWN = "indexof(hidden, datum.optimizer) < 0"


def _hidden() -> alt.Parameter:
    return alt.param("hidden", value=[])


def _colour(found: Numbers, legend: bool) -> alt.Color:
    table = colours(found.order)
    scale = alt.Scale(domain=list(table), range=list(table.values()))
    shown = alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3) if legend else None
    return alt.Color("optimizer:N", scale=scale, legend=shown)


def _axis_x(field: str, title: str, values: list[float]) -> alt.X:
    low, high = min(values) / 1.25, max(values) * 1.25
    powers = [10.0**k for k in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    axis = alt.Axis(title=title, values=powers or alt.Undefined, format=".0e", labelExpr=_POWER, grid=True)
    return alt.X(field, scale=alt.Scale(type="log", domain=[low, high], nice=False), axis=axis)


# 0.001, 0.01, ... 100 as people write them, the rest as powers
_POWER = "datum.value >= 0.001 && datum.value <= 1000 ? format(datum.value, '~g') : format(datum.value, '.0e')"


def _axis_y(field: str, title: str, values: list[float], strip: int) -> alt.Y:
    """An axis that ends below a strip of so many pixels at the top of the figure."""
    if not values:
        return alt.Y(field, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(title=title, values=[]))
    low, high = min(values), max(values)
    room = strip / (HEIGHT - strip)
    if low > 0 and high > LOG_FROM * low:
        low, high = low / 1.1, high * 1.1
        top = high * (high / low) ** room
        scale = alt.Scale(type="log", domain=[low, top], nice=False)
        return alt.Y(field, scale=scale, axis=_log_axis(title, below=high))
    margin = 0.05 * (high - low) or abs(high) * 0.05 or 1.0
    low, high = low - margin, high + margin
    scale = alt.Scale(domain=[low, high + (high - low) * room], nice=False)
    seen = f"datum.value <= {high!r}"
    return alt.Y(
        field,
        scale=scale,
        axis=alt.Axis(title=title, tickCount=6, **_where(seen), labelExpr=f"{seen} ? datum.label : ''"),
    )


def _log_axis(title: str | None, below: float = math.inf) -> alt.Axis:
    """Lines and labels at 1, 2, 5 of each decade: Vega labels either all nine or only the powers."""
    leading = "round(datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9)))"
    seen = f"indexof([1, 2, 5], {leading}) >= 0" + (f" && datum.value <= {below!r}" if math.isfinite(below) else "")
    label = f"{seen} ? format(datum.value, '.1~g') : ''"
    return alt.Axis(title=title, labelExpr=label, labelOverlap=True, **_where(seen))


def _where(test: str) -> dict[str, Any]:
    """Lines and ticks of an axis only where a test holds.  This multiplies the opacity that `QUIET` sets."""
    return {f"{part}Opacity": {"condition": {"test": test, "value": 1}, "value": 0} for part in ("grid", "tick")}


def _fluid(chart: alt.LayerChart) -> alt.LayerChart:
    """As wide as the page lets it, in the page's own colour of text."""
    return _styled(chart.properties(width="container", background="transparent"))


def _fixed(chart: alt.LayerChart) -> alt.LayerChart:
    return _styled(chart.properties(width=640, background="white", padding=14))


def _styled(chart: alt.LayerChart) -> alt.LayerChart:
    if chart.height is alt.Undefined:
        chart = chart.properties(height=HEIGHT)
    ink = dict.fromkeys(("domainColor", "tickColor", "gridColor", "labelColor", "titleColor"), "currentColor")
    text = {"labelFontSize": 12, "titleFontSize": 12.5, "titleFontWeight": "normal", "titlePadding": 10}
    return (
        chart.configure(font=TEXT, autosize=alt.AutoSizeParams(type="fit-x", contains="padding"))
        .configure_axis(**QUIET, **ink, **text)  # type: ignore[arg-type]
        .configure_view(stroke=None)
        .configure_legend(
            labelColor="currentColor", labelFontSize=13, symbolSize=220, symbolOpacity=1, columnPadding=18
        )
    )
