"""The final metric against the rate: which rates train, and how much the choice matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from steepest.workbench.analysis.figure_data import SensitivityData
from steepest.workbench.model.key import FINALISTS, USUAL_RATE, values_of, written
from steepest.workbench.report.figures import style

if TYPE_CHECKING:
    from steepest.workbench.analysis.points import RunPoint


CROSS = "M-1,-1L1,1M1,-1L-1,1"
PHASES = {USUAL_RATE: "usual rate", FINALISTS: "fresh seed"}
STRIP = 13  # height of the row of an optimizer's failed runs above the figure


def sensitivity(data: SensitivityData, names: list[str], legend: bool = False) -> style.Figure:
    """The final metric against the rate: every run a dot, medians joined, failed runs as crosses on top."""
    trained = [_row(point) | {"value": point.value} for point in data.trained]
    values = [point.value for point in data.trained if point.value is not None]
    values += [] if data.untuned is None else [data.untuned]
    failed = [_row(point) | {"height": STRIP * (data.failing.index(point.optimizer) + 0.5)} for point in data.failed]
    strip = STRIP * len(data.failing) + 6 if data.failing else 0
    x = style.axis_x("rate:Q", data.rate_name, [point.rate for point in [*data.trained, *data.failed]])
    y = style.axis_y("value:Q", data.metric, values, strip)
    colour = style.colour(names, legend)
    tip = ["optimizer:N", alt.Tooltip("rate:Q", format=".3~g"), "run:N", *(["settings:N"] if data.has_others else [])]
    value = alt.Tooltip("value:Q", title=data.metric, format=".4~g")
    lines = style.data("medians").mark_line(strokeWidth=2).encode(x=x, y=y, color=colour)
    dots = (
        style.data("runs").mark_circle(size=34, fillOpacity=0.75).encode(x=x, y=y, color=colour, tooltip=[*tip, value])
    )
    crosses = (
        style.data("failed")
        .mark_point(shape=CROSS, size=30, strokeWidth=1.8)
        .encode(x=x, y=alt.Y("height:Q", scale=None), color=colour, tooltip=[*tip, "status:N"])
    )
    line = style.untuned(data.untuned, "y", y["scale"], data.metric)
    layers = [*line, lines, dots, crosses] + ([_failed_label(data.failing)] if data.failing else [])
    chart = alt.LayerChart(layer=layers).add_params(style.hidden())
    medians = [point._asdict() for point in data.medians]
    return style.Figure(chart, {"runs": trained, "failed": failed, "medians": medians})


def _row(point: RunPoint) -> dict[str, Any]:
    """A run for the page, with what its tooltip says."""
    return {
        "optimizer": point.optimizer,
        "rate": point.rate,
        "run": f"{PHASES.get(point.phase, point.phase)}, seed {point.seed}",
        "settings": ", ".join(f"{name} {written(value)}" for name, value in values_of(point.settings).items()),
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
