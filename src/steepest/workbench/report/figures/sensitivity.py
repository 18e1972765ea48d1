"""The final metric against the rate: which rates train, and how much the choice matters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import altair as alt

from steepest.workbench.model.key import values_of
from steepest.workbench.report.figures import style

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Numbers, Point


CROSS = "M-1,-1L1,1M1,-1L-1,1"
PHASES = {"default": "usual rate", "finalists": "fresh seed"}
STRIP = 13  # height of an optimizer's row of failed runs above the figure


def sensitivity(found: Numbers, legend: bool = False) -> style.Figure:
    """The final metric against the rate: every run a dot, medians joined, failed runs as crosses on top."""
    good = [_run(point) | {"value": point.value} for point in found.points if point.value is not None]
    bad = [_run(point) for point in found.points if point.value is None]
    failing = [name for name in found.order if any(run["optimizer"] == name for run in bad)]
    for run in bad:
        run["height"] = STRIP * (failing.index(run["optimizer"]) + 0.5)
    x = style.axis_x("rate:Q", "learning rate", [point.rate for point in found.points])
    y = style.axis_y(
        "value:Q", found.metric, [run["value"] for run in good], STRIP * len(failing) + 6 if failing else 0
    )
    colour = style.colour(found, legend)
    tip = ["optimizer:N", alt.Tooltip("rate:Q", format=".3~g"), "run:N", *(["settings:N"] if _varied(found) else [])]
    value = alt.Tooltip("value:Q", title=found.metric, format=".4~g")
    lines = style.data("medians").mark_line(strokeWidth=2).encode(x=x, y=y, color=colour)
    dots = (
        style.data("runs").mark_circle(size=34, fillOpacity=0.75).encode(x=x, y=y, color=colour, tooltip=[*tip, value])
    )
    crosses = (
        style.data("failed")
        .mark_point(shape=CROSS, size=30, strokeWidth=1.8)
        .encode(x=x, y=alt.Y("height:Q", scale=None), color=colour, tooltip=[*tip, "status:N"])
    )
    layers = [lines, dots, crosses] + ([_failed_label(failing)] if failing else [])
    chart = alt.LayerChart(layer=layers).add_params(style.hidden())
    return style.Figure(chart, {"runs": good, "failed": bad, "medians": _lines(found, good)})


def _varied(found: Numbers) -> bool:
    return any(point.settings for point in found.points)


def _lines(found: Numbers, good: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians at each rate; where other hyperparameters vary too, over neighbouring rates."""
    smooth = {
        row.name
        for row in found.rows
        if row.settings or any(p.settings for p in found.points if p.optimizer == row.name)
    }
    exact = _medians([run for run in good if run["optimizer"] not in smooth])
    return exact + [point._asdict() for row in found.rows if row.name in smooth for point in row.line]


def _run(point: Point) -> dict[str, Any]:
    """What the tooltip says of a run."""
    return {
        "optimizer": point.optimizer,
        "rate": point.rate,
        "run": f"{PHASES.get(point.phase, point.phase)}, seed {point.seed}",
        "settings": ", ".join(f"{name} {value:g}" for name, value in values_of(point.settings).items()),
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


def _medians(good: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One point for each optimizer and rate."""
    from statistics import median

    groups: dict[tuple[str, float], list[float]] = {}
    for point in good:
        groups.setdefault((point["optimizer"], point["rate"]), []).append(point["value"])
    return [{"optimizer": name, "rate": rate, "value": median(v)} for (name, rate), v in groups.items()]
