"""Whether a setting is as steady as it looks: metrics that jump up late in a run, seeds that end far apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from steepest.workbench.analysis.optimizer_row import OptimizerResult
from steepest.workbench.analysis.points import Spike
from steepest.workbench.analysis.tables import Tables

JUMP = 0.1
"""Of a run's whole improvement: a metric that rises so far and falls again is a spike."""
NOISE = 12.0
"""Times the lower quartile of the steps from one evaluation to the next: less is the noise of this curve, of which
this is five standard deviations.  A quartile, because in a short run the spike itself moves the median."""
FAR_APART = 4.0
"""Times the usual spread of the other settings.  Of five equal normal ones, one in 300 is as far by chance."""
SEEDS_OF_A_SPREAD = 5


def spikes_of(tables: Tables, runs: pl.DataFrame) -> list[Spike]:
    """The highest late spike of each run that has one."""
    found = []
    for (run,), curve in tables.metric_of(runs).sort("step").group_by("run", maintain_order=True):
        place = spike_in(curve["oriented"].to_list())
        if place is not None:
            seed = runs.filter(pl.col("id") == run)["seed"][0]
            before, at = (tables.sign * float(curve["oriented"][one]) for one in (place - 1, place))
            found.append(Spike(seed, curve["step"][place], before, at))
    return found


def spike_in(values: Sequence[float]) -> int | None:
    """The place of the highest spike in the second half of a run, lower values are better; None where it has none.

    A spike is higher than the lowest value before it and than the lowest behind it, by a tenth of the run's whole
    improvement and by more than the curve's noise.
    """
    known = np.asarray(values, float)
    if len(known) < 5 or not np.isfinite(known).all():
        return None
    half = len(known) // 2
    jump = max(JUMP * (known[0] - known.min()), NOISE * float(np.quantile(np.abs(np.diff(known[half:])), 0.25)))
    heights = {
        place: known[place] - max(known[half - 1 : place].min(), known[place + 1 :].min())
        for place in range(half, len(known) - 1)
    }
    highest = max(heights, key=lambda place: heights[place], default=None)
    return highest if highest is not None and jump > 0 and heights[highest] > jump else None


def times_apart(row: OptimizerResult, others: Sequence[OptimizerResult]) -> float:
    """The spread of a row's seeds, in that of its neighbours: its other finalist, and the other optimizers' settings.

    NaN where there are too few seeds to tell.
    """
    lists = [tried.values for tried in row.other_finalists] + [other.values for other in others if other is not row]
    spreads = [spread for spread in map(_spread, lists) if spread > 0]
    mine = _spread(row.values)
    return mine / float(np.median(spreads)) if spreads and mine > 0 else math.nan


def _spread(values: Sequence[float]) -> float:
    trained = [value for value in values if math.isfinite(value)]
    return float(np.std(trained, ddof=1)) if len(trained) >= SEEDS_OF_A_SPREAD else 0.0
