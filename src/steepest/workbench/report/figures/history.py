"""The history of the best: every trial in the order in which they ended, and the best up to each."""

from __future__ import annotations

import altair as alt

from steepest.workbench.analysis.search_figures import HistoryData
from steepest.workbench.report.figures import style

HEIGHT = 260


def history(data: HistoryData, names: list[str], legend: bool = False) -> style.Figure:
    """A dot for each trial, a line of steps for the best; failed and ended trials in rows along the top."""
    trained = [point._asdict() for point in data.trials if point.value is not None]
    rest = [point._asdict() for point in data.trials if point.value is None]
    kinds = style.kinds_of(row["how"] for row in rest)
    rest = [row | {"height": style.row_of(row["how"], kinds)} for row in rest]
    values = [row["value"] for row in trained]
    most = max(point.trial for point in data.trials)
    axis = alt.Axis(title="trial", grid=False, tickMinStep=1, format="d")
    x = alt.X("trial:Q", axis=axis, scale=alt.Scale(domain=[0.5, most + 0.5], nice=False))
    y = style.axis_y("value:Q", data.metric, values, style.strip_of(kinds), HEIGHT)
    colour = style.colour(names, legend)
    tip = ["optimizer:N", "trial:Q", alt.Tooltip("setting:N")]
    value = alt.Tooltip("value:Q", title=data.metric, format=".4~g")
    line = style.data("best").mark_line(strokeWidth=2, interpolate="step-after").encode(x=x, y=y, color=colour)
    dots = style.data("trials").mark_circle(size=34, fillOpacity=0.6)
    marks = [line, dots.encode(x=x, y=y, color=colour, tooltip=[*tip, value])]
    marks += style.apart("apart", kinds, x, colour, [*tip, "how:N"])
    chart = alt.LayerChart(layer=marks).add_params(style.hidden()).properties(height=HEIGHT)
    rows = {"trials": trained, "best": [point._asdict() for point in data.bests], "apart": rest}
    return style.Figure(chart, rows)
