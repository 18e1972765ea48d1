"""The final metric against the rate: which rates train, and how much the choice matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from steepest.workbench.analysis.figure_data import SensitivityData
from steepest.workbench.model.key import FINALISTS, USUAL_RATE, values_of, written
from steepest.workbench.model.outcome import PRUNED
from steepest.workbench.report.figures import style

if TYPE_CHECKING:
    from steepest.workbench.analysis.points import RunPoint


PHASES = {USUAL_RATE: "usual rate", FINALISTS: "fresh seed"}


def sensitivity(data: SensitivityData, names: list[str], legend: bool = False) -> style.Figure:
    """The final metric against the rate: every run a dot, medians joined; on top those without a result."""
    trained = [_row(point) | {"value": point.value} for point in data.trained]
    values = [point.value for point in data.trained if point.value is not None]
    values += [] if data.untuned is None else [data.untuned]
    failed = [
        _row(point) | {"height": style.STRIP * (data.failing.index(point.optimizer) + 0.5)} for point in data.failed
    ]
    strip = style.STRIP * len(data.failing) + 6 if data.failing else 0
    x = style.axis_x("rate:Q", data.rate_name, [point.rate for point in [*data.trained, *data.failed]])
    y = style.axis_y("value:Q", data.metric, values, strip)
    colour = style.colour(names, legend)
    tip = ["optimizer:N", alt.Tooltip("rate:Q", format=".3~g"), "run:N", *(["settings:N"] if data.has_others else [])]
    value = alt.Tooltip("value:Q", title=data.metric, format=".4~g")
    lines = style.data("medians").mark_line(strokeWidth=2).encode(x=x, y=y, color=colour)
    dots = (
        style.data("runs").mark_circle(size=34, fillOpacity=0.75).encode(x=x, y=y, color=colour, tooltip=[*tip, value])
    )
    height = alt.Y("height:Q", scale=None)
    apart = [
        style.data("failed")
        .transform_filter(f"datum.status {'===' if shape == 'circle' else '!=='} '{PRUNED}'")
        .mark_point(shape=shape, size=30, strokeWidth=1.8)
        .encode(x=x, y=height, color=colour, tooltip=[*tip, "status:N"])
        for shape in (style.CROSS, "circle")
    ]
    line = style.untuned(data.untuned, "y", y["scale"], data.metric)
    label = "no result" if any(point.status == PRUNED for point in data.failed) else style.FAILED
    layers = [*line, lines, dots, *apart]
    layers += [style.label(label, style.STRIP * len(data.failing) / 2)] if data.failing else []
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
