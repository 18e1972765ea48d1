"""The expected best of k trials: what more tuning gains, and which optimizer needs it."""

from __future__ import annotations

import math

import altair as alt

from steepest.workbench.analysis.figure_data import TrialsData
from steepest.workbench.report.figures import style


def trials(data: TrialsData, names: list[str], legend: bool = False) -> style.Figure:
    """The unbiased estimate, and the worse end of the median's band, against the number of trials.

    The better end is infinite from about the third trial on, and five bands over each other say less than five lines.
    """
    if not data.points:
        nothing = alt.LayerChart(layer=[style.data("trials").mark_line()])
        return style.Figure(nothing.add_params(style.hidden()), {"trials": []})
    scale, log = _scale([point.expected for _, point in data.points])
    rows = [
        {
            "optimizer": name,
            "trials": point.trials,
            "expected": style.short(point.expected),
            "low": style.short(point.low) if math.isfinite(point.low) else None,
            "high": style.short(point.high) if math.isfinite(point.high) else None,
        }
        for name, point in data.points
    ]
    most = max(point["trials"] for point in rows)
    axis = alt.Axis(title="trials", grid=False, tickMinStep=1, format="d")
    x = alt.X("trials:Q", axis=axis, scale=alt.Scale(domain=[1, max(2, most)], nice=False))
    kind = alt.Scale(type="log" if log else "linear", domain=list(scale), nice=False, clamp=True)
    y_axis = style.log_axis(data.metric) if log else alt.Axis(title=data.metric, tickCount=6)
    base = style.data("trials").encode(x=x, color=style.colour(names, legend))
    tips = [
        "optimizer:N",
        "trials:Q",
        *(alt.Tooltip(f"{name}:Q", format=".4~g") for name in ("expected", "low", "high")),
    ]
    worse = "low" if data.higher_is_better else "high"
    end = base.mark_line(strokeWidth=1.2, strokeDash=[3, 3], strokeOpacity=0.75)
    band = end.encode(y=alt.Y(f"{worse}:Q", scale=kind))
    line = base.mark_line(strokeWidth=2).encode(y=alt.Y("expected:Q", scale=kind, axis=y_axis))
    hover = base.mark_point(size=120, opacity=0, filled=True).encode(y=alt.Y("expected:Q", scale=kind), tooltip=tips)
    return style.Figure(alt.LayerChart(layer=[band, line, hover]).add_params(style.hidden()), {"trials": rows})


def _scale(values: list[float]) -> tuple[tuple[float, float], bool]:
    """Room for the expected values; with few trials the bands are wider than the figure."""
    low, high = min(values), max(values)
    if low > 0 and high > style.LOG_FROM * low:
        return (low / 1.3, high * 1.1), True
    room = 0.12 * (high - low) or abs(high) * 0.05 or 1.0
    return (low - room, high + room), False
