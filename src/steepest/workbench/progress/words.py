"""How the cost of a study is said, and a time that is left."""

from __future__ import annotations

import math

from steepest.workbench.model.cost import Cost

LIVE = "The report as it grows: {}"
AROUND_USUAL = (
    "The range test of {} shows no fall above its noise, so the search is around the usual rate, from 1/30 to 30."
)


def about(seconds: float) -> str:
    """A time without false precision: `40 seconds`, `35 minutes`, `2.5 hours`."""
    for size, unit in ((3600, "hours"), (60, "minutes")):
        if seconds >= 1.5 * size:
            count = seconds / size
            return f"{count:.0f} {unit}" if count >= 10 or unit == "minutes" else f"{count:.1f} {unit}"
    return f"{max(1, round(seconds))} second{'s' if round(seconds) > 1 else ''}"


def sentence(cost: Cost) -> str:
    """As `109 runs of 95 steps, about 35 minutes with 1 worker; --budget trials=8: about 24 minutes`."""
    if math.isnan(cost.seconds):
        once = "" if cost.workers == 1 else f", {cost.workers} at a time"
        search = f"A search that ends after {about(cost.search)} of training, then " if cost.search else ""
        return f"{search}{cost.runs} runs of the script{once}; the first of them says how long they take"
    workers = f"{cost.workers} worker{'s' if cost.workers > 1 else ''}"
    together = f", up to {cost.at_once} at once" if cost.at_once else ""
    said = f"{cost.runs} runs of {cost.steps} steps{together}, about {about(cost.seconds)} with {workers}"
    if cost.cheaper is None or cost.cheaper[1] > 0.9 * cost.seconds:
        return said
    return f"{said}; --budget {cost.cheaper[0]}: about {about(cost.cheaper[1])}"
