"""All settings of a search at once: a line for each trial through every hyperparameter to its result."""

from __future__ import annotations

import altair as alt

from steepest.workbench.analysis.search_figures import TRAINED, ParallelData
from steepest.workbench.report.figures import style

HEIGHT = 260
BEST_PART = 0.1
"""The best tenth of the trials is drawn thick."""


def parallel(data: ParallelData) -> style.Figure:
    """Lines from the first hyperparameter to the metric; a trial without one is dashed."""
    rows: style.Rows = [
        {
            "trial": line.trial,
            "axis": place,
            "place": round(at, 4),
            "rank": line.rank,
            "how": line.how,
            "shown": line.shown,
        }
        for line in data.lines
        for place, at in enumerate(line.places)
    ]
    last = len(data.axes) - 1
    heads = [{"axis": place, "name": name} for place, name in enumerate(data.axes)]
    ends = [end._asdict() | {"label": style.as_people_write(end.value)} for end in data.ends]
    x = alt.X("axis:Q", axis=None, scale=alt.Scale(domain=[-0.35, last + 0.45], nice=False))
    y = alt.Y("place:Q", axis=None, scale=alt.Scale(domain=[-0.1, 1.1], nice=False))
    lines = alt.Chart(alt.NamedData("lines"))
    colour = alt.Color(
        "rank:Q",
        scale=alt.Scale(domain=[0, 1], range=[style.GOOD, style.POOR]),
        legend=None,
    )
    width = alt.condition(f"datum.rank <= {BEST_PART}", alt.value(2.4), alt.value(1.0))
    trained = (
        lines.transform_filter(f"datum.how === '{TRAINED}'")
        .mark_line(opacity=0.75)
        .encode(x=x, y=y, detail="trial:N", color=colour, strokeWidth=width, tooltip=alt.Tooltip("shown:N", title=" "))
    )
    apart = (
        lines.transform_filter(f"datum.how !== '{TRAINED}'")
        .mark_line(strokeWidth=1, opacity=0.5, strokeDash=[3, 3], color="currentColor")
        .encode(x=x, y=y, detail="trial:N", tooltip=alt.Tooltip("shown:N", title=" "))
    )
    rules = alt.Chart(alt.NamedData("heads")).mark_rule(opacity=0.45, color="currentColor").encode(x=x)
    small = {"fontSize": 11.5, "color": "currentColor", "clip": False}
    names = (
        alt.Chart(alt.NamedData("heads"))
        .mark_text(**small, align="center", baseline="bottom", y=-6, fontWeight="bold", limit=98)
        .encode(x=x, text="name:N")
    )
    labels = (
        alt.Chart(alt.NamedData("ends"))
        .mark_text(**small, align="left", dx=4, opacity=0.8)
        .encode(x=x, y=y, text="label:N")
    )
    chart = alt.LayerChart(layer=[rules, apart, trained, names, labels]).properties(height=HEIGHT)
    return style.Figure(chart, {"lines": rows, "heads": heads, "ends": ends})
