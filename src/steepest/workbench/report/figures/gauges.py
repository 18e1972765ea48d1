"""What steps did to the model, at the best setting and at the first rate above it that failed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import altair as alt

from steepest.workbench.report.figures import style

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Numbers


GRADIENT_HEIGHT = 130


def gauges(found: Numbers) -> style.Figure:
    """Update over weight, a line for each layer; the page sets which optimizer and which of its runs."""
    return _lines(found, gradient=False, title="update / weight")


def gradients(found: Numbers) -> style.Figure:
    """The norm of the whole gradient."""
    return _lines(found, gradient=True, title="gradient norm")


def _lines(found: Numbers, gradient: bool, title: str) -> style.Figure:
    rows = [
        {
            "optimizer": one.optimizer,
            "run": "best" if one.best else "failing",
            "step": point.step,
            "layer": point.layer,
            "value": style.short(point.value),
        }
        for one in found.diagnoses
        for point in one.points
        if point.is_gradient == gradient and point.value is not None and 0 < point.value < 1e30
    ]
    layers = list(dict.fromkeys(row["layer"] for row in rows))
    name = "gradients" if gradient else "updates"
    chosen = alt.Chart(alt.NamedData(name)).transform_filter("datum.optimizer === looked && datum.run === which")
    x = alt.X("step:Q", axis=alt.Axis(title=None, grid=False, tickCount=6), scale=alt.Scale(nice=False))
    values = [row["value"] for row in rows] or [1e-6, 1.0]
    # Of all runs: one that is looked at alone would have another scale, and an empty one none.
    scale = alt.Scale(type="log", domain=[min(values) / 1.1, max(values) * 1.1], nice=False)
    y = alt.Y("value:Q", scale=scale, axis=style.log_axis(title))
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
    first = next((one.optimizer for one in found.diagnoses), "")
    params = [alt.param("looked", value=first), alt.param("which", value="best")]
    chart = alt.LayerChart(layer=[line, hover]).add_params(*params)
    return style.Figure(chart.properties(height=GRADIENT_HEIGHT if gradient else style.HEIGHT), {name: rows})
