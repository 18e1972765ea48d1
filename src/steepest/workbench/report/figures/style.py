"""What all figures share: colours, axes, the parameter that hides an optimizer, and the style of page and paper."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import altair as alt

# Colours that people with any colour blindness can tell apart, on white and on black: Okabe and Ito, 2008, with a
# lighter blue, without yellow (invisible on white), and with grey and violet.
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
SHOWN = "indexof(hidden, datum.optimizer) < 0"

FAILED = "failed"
CROSS = "M-1,-1L1,1M1,-1L-1,1"
STRIP = 13
"""Height of a row of runs along the top of a figure that have no place on its axis."""
GOOD, POOR = "#1f83c6", "#d9a86a"
"""The best and the worst of a search, on white and on black."""

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Figure:
    """A chart, and its rows by the names under which the chart refers to them.

    Altair copies all that a chart holds at every call: with rows inside, a report took twice as long.
    """

    chart: alt.LayerChart
    rows: Mapping[str, Rows]

    def on_page(self) -> dict[str, Any]:
        """In Vega-Lite: as wide as the page, in the colour of the page's text."""
        return self._vega_lite(self.chart.properties(width="container", background="transparent"))

    def on_paper(self) -> dict[str, Any]:
        """In Vega-Lite: on a white ground, at a fixed width, without the layers that only respond to the pointer."""
        described = self._vega_lite(self.chart.properties(width=640, background="white", padding=14))
        return described | {"layer": [layer for layer in described["layer"] if layer["mark"].get("opacity") != 0]}

    def _vega_lite(self, chart: alt.LayerChart) -> dict[str, Any]:
        # Not validated: the browser tests draw every figure, and validation takes longer than drawing.
        return _styled(chart).to_dict(validate=False) | {"datasets": self.rows}


def colours(names: Iterable[str]) -> dict[str, str]:
    """A colour for each optimizer.  Known optimizers have the same colour in every report."""
    names = list(names)
    spare = [colour for name, colour in PALETTE.items() if name not in names]
    chosen = {}
    for position, name in enumerate(names):
        chosen[name] = PALETTE.get(name) or (spare.pop() if spare else list(PALETTE.values())[position % len(PALETTE)])
    return chosen


def data(name: str) -> alt.Chart:
    """The rows of this name, without those of hidden optimizers."""
    return alt.Chart(alt.NamedData(name)).transform_filter(SHOWN)


def short(value: float | None) -> float | None:
    """The value with five digits, which draw the same line in half the bytes."""
    return value if value is None else float(f"{value:.5g}")


def value_scale(values: list[float]) -> alt.Scale:
    """Room for all values; logarithmic where one optimizer is far from the others."""
    if not values:
        return alt.Scale(domain=[0, 1])
    low, high = min(values), max(values)
    if low > 0 and high > 20 * low:
        return alt.Scale(type="log", domain=[low / 1.1, high * 1.1], nice=False)
    room = 0.04 * (high - low) or 0.1 * abs(high) or 1.0
    return alt.Scale(domain=[low - room, high + room], zero=False, nice=False)


def untuned(value: float | None, channel: str, scale: Any, title: str) -> list[alt.Chart]:
    """A dashed line where Adam ends at its usual rate, on this axis; no layer where that is not known."""
    if value is None:
        return []
    place = {channel: {"x": alt.X, "y": alt.Y}[channel]("untuned:Q", scale=scale, title=title)}
    mark = alt.Chart(alt.Data(values=[{"untuned": value}])).mark_rule(
        strokeDash=[6, 4], strokeWidth=1.4, opacity=0.7, color="currentColor"
    )
    return [mark.encode(**place, tooltip=alt.Tooltip("untuned:Q", title="untuned", format=".4~g"))]


def hidden() -> alt.Parameter:
    """The optimizers that the legend of the page hides."""
    return alt.param("hidden", value=[])


def colour(names: list[str], legend: bool) -> alt.Color:
    """By optimizer; with a legend on paper, which the page has outside the figure."""
    table = colours(names)
    scale = alt.Scale(domain=list(table), range=list(table.values()))
    shown = alt.Legend(title=None, orient="top", symbolType="stroke", symbolStrokeWidth=3) if legend else None
    return alt.Color("optimizer:N", scale=scale, legend=shown)


def axis_x(field: str, title: str, values: list[float]) -> alt.X:
    """A logarithmic axis of rates; without any there is nothing to draw on it yet."""
    low, high = min(values, default=1e-3) / 1.25, max(values, default=1e-1) * 1.25
    powers = [10.0**k for k in range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)]
    axis = alt.Axis(title=title, values=powers or alt.Undefined, labelExpr=_POWER, grid=True)
    return alt.X(field, scale=alt.Scale(type="log", domain=[low, high], nice=False), axis=axis)


ABOVE = "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"
PLAIN = 1e-4, 1e5
"""Numbers between them are written as people write them, 0.001 and 2000; others in powers, 2·10⁻⁷."""


def as_people_write(value: Any) -> str:
    """A value at an axis: 0.001, 2000, 0.9997, 5·10⁻⁷, a word.

    >>> as_people_write(1e-10), as_people_write(0.9997), as_people_write(5e-07)
    ('10⁻¹⁰', '0.9997', '5·10⁻⁷')
    """
    if isinstance(value, str | bool | int) or value == 0 or PLAIN[0] <= abs(value) < PLAIN[1]:
        return str(value) if isinstance(value, str | bool | int) else f"{value:.4g}"
    leading, _, exponent = f"{value:.3g}".partition("e")
    power = "10" + str(int(exponent or 0)).translate(str.maketrans("-0123456789", ABOVE))
    return power if leading == "1" else f"{leading}·{power}"


def _superscript(text: str) -> str:
    """An expression that writes the digits of a text, which may begin with a minus, above the line."""
    for digit, above in zip("-0123456789", ABOVE, strict=True):
        text = f"replace({text}, /{digit}/g, '{above}')"
    return text


_EXPONENT = "floor(log(datum.value) / LN10 + 1e-9)"
_LEADING = f"round(datum.value / pow(10, {_EXPONENT}))"
_AS_POWER = f"({_LEADING} === 1 ? '' : {_LEADING} + '·') + '10' + {_superscript(f'toString({_EXPONENT})')}"
_IS_PLAIN = f"datum.value >= {0.99 * PLAIN[0]!r} && datum.value < {PLAIN[1]!r}"
_POWER = f"{_IS_PLAIN} ? format(datum.value, '.9~f') : {_AS_POWER}"
"""How a number on a logarithmic axis is written, which has one digit that is not zero."""


def kinds_of(found: Iterable[str]) -> list[str]:
    """The ways in which runs ended that are drawn apart, in rows along the top of a figure; failed first."""
    return sorted(set(found), key=lambda how: how != FAILED)


def strip_of(kinds: list[str]) -> int:
    """The height of these rows."""
    return STRIP * len(kinds) + 6 if kinds else 0


def row_of(how: str, kinds: list[str]) -> float:
    """The middle of a row."""
    return STRIP * (kinds.index(how) + 0.5)


def apart(name: str, kinds: list[str], x: alt.X, colour: alt.Color, tips: list[Any]) -> list[alt.Chart]:
    """Crosses for failed runs and rings for those that were ended early, each with its word at the left."""
    heights = {kind: row_of(kind, kinds) for kind in kinds}
    marks = [
        data(name)
        .transform_filter(f"datum.how === '{kind}'")
        .mark_point(shape=CROSS if kind == FAILED else "circle", size=30, strokeWidth=1.6, filled=False)
        .encode(x=x, y=alt.Y("height:Q", scale=None), color=colour, tooltip=tips)
        for kind in kinds
    ]
    return marks + [label(kind, heights[kind]) for kind in kinds]


def label(text: str, height: float) -> alt.Chart:
    """A word left of the figure, beside a row along its top."""
    mark = {"text": text, "align": "right", "baseline": "middle", "fontSize": 12, "opacity": 0.6}
    empty = alt.Chart(alt.Data(values=[{}]))
    return empty.mark_text(**mark, color="currentColor", dx=-7).encode(x=alt.value(0), y=alt.value(height))


def axis_y(field: str, title: str, values: list[float], strip: int, height: int = HEIGHT) -> alt.Y:
    """An axis that ends below a strip of so many pixels at the top of the figure."""
    if not values:
        return alt.Y(field, scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(title=title, values=[]))
    low, high = min(values), max(values)
    room = strip / (height - strip)
    if low > 0 and high > LOG_FROM * low:
        low, high = low / 1.1, high * 1.1
        top = high * (high / low) ** room
        scale = alt.Scale(type="log", domain=[low, top], nice=False)
        return alt.Y(field, scale=scale, axis=log_axis(title, below=high))
    margin = 0.05 * (high - low) or abs(high) * 0.05 or 1.0
    low, high = low - margin, high + margin
    scale = alt.Scale(domain=[low, high + (high - low) * room], nice=False)
    below = f"datum.value <= {high!r}"
    return alt.Y(
        field,
        scale=scale,
        axis=alt.Axis(title=title, tickCount=6, **_where(below), labelExpr=f"{below} ? datum.label : ''"),
    )


def log_axis(title: str | None, below: float = math.inf) -> alt.Axis:
    """Lines and labels at 1, 2, 5 of each decade: Vega labels either all nine or only the powers."""
    shown = f"indexof([1, 2, 5], {_LEADING}) >= 0" + (f" && datum.value <= {below!r}" if math.isfinite(below) else "")
    label = f"{shown} ? ({_POWER}) : ''"
    return alt.Axis(title=title, labelExpr=label, labelOverlap=True, **_where(shown))


def _where(test: str) -> dict[str, Any]:
    """Lines and ticks of an axis only where a test holds.  This multiplies the opacity that `QUIET` sets."""
    return {f"{part}Opacity": {"condition": {"test": test, "value": 1}, "value": 0} for part in ("grid", "tick")}


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
