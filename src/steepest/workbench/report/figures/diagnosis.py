"""What steps did to the model, at the best setting and at the lowest rate above it that failed."""

from __future__ import annotations

import json
from collections.abc import Sequence

import altair as alt

from steepest.workbench.analysis.figure_data import BEST, DiagnosisData, StepValue
from steepest.workbench.report.figures import style

GRADIENT_HEIGHT = 130


def updates(data: DiagnosisData) -> style.Figure:
    """Update over weight, a line for each layer; the page sets which optimizer and which of its runs."""
    return _lines("updates", data.updates, data.optimizers[0], "update / weight", gradient=False)


def gradients(data: DiagnosisData) -> style.Figure:
    """The norm of the whole gradient."""
    return _lines("gradients", data.gradients, data.optimizers[0], "gradient norm", gradient=True)


def _lines(name: str, points: Sequence[StepValue], first: str, title: str, gradient: bool) -> style.Figure:
    rows: style.Rows = [point._asdict() | {"value": style.short(point.value)} for point in points]
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    chosen = alt.Chart(alt.NamedData(name)).transform_filter("datum.optimizer === diagnosed && datum.run === run")
    x = alt.X("step:Q", axis=alt.Axis(title="step", grid=False, tickCount=6), scale=alt.Scale(nice=False))
    y = alt.Y("value:Q", scale=_own_scale(points), axis=style.log_axis(title))
    legend = alt.Legend(title=None, orient="bottom", columns=3, symbolType="stroke", symbolStrokeWidth=3)
    colour = alt.Color(
        "layer:N",
        sort=layers,
        scale=alt.Scale(domain=layers, scheme="turbo") if not gradient else alt.Scale(range=["#8a8a8a"]),
        legend=None if gradient else legend,
    )
    tip = ["layer:N", alt.Tooltip("step:Q", format=",d"), alt.Tooltip("value:Q", title=title, format=".3~g")]
    line = chosen.mark_line(strokeWidth=1.6).encode(x=x, y=y, color=colour)
    hover = chosen.mark_point(size=90, opacity=0, filled=True).encode(x=x, y=y, color=colour, tooltip=tip)
    params = [alt.param("diagnosed", value=first), alt.param("run", value=BEST)]
    chart = alt.LayerChart(layer=[line, hover]).add_params(*params)
    return style.Figure(chart.properties(height=GRADIENT_HEIGHT if gradient else style.HEIGHT), {name: rows})


def _own_scale(points: Sequence[StepValue]) -> alt.Scale:
    """A scale that fits the run that is shown: with one for all, a run that diverged flattened every other."""
    values: dict[str, list[float]] = {}
    for point in points:
        values.setdefault(f"{point.optimizer}|{point.run}", []).append(point.value)
    lowest = {key: min(one) / 1.1 for key, one in values.items()}
    highest = {key: max(one) * 1.1 for key, one in values.items()}
    low, high = (
        alt.ExprRef(f"{json.dumps(ends)}[diagnosed + '|' + run] || {empty}")
        for ends, empty in ((lowest, 0.1), (highest, 1))
    )
    return alt.Scale(type="log", domainMin=low, domainMax=high, nice=False)
