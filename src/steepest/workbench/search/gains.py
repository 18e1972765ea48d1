"""What each stage of a search has gained, by the model of the results up to its end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from steepest.workbench.search.surrogate import is_logarithmic, modelled

SURE = 1.96
"""Standard deviations on either side of a 95 % interval."""


def gained(points: Sequence[np.ndarray], values: Sequence[float], before: int) -> tuple[float, float, float]:
    """How much better the best point is than the best of the first `before`: estimate, lower and upper bound.

    Both bests are those of the model's mean, so that a lucky run is no gain.  In units of the results; NaN where fewer
    than two points trained or none of the first did.

    Args:
        points: Of the unit cube, in the order of the trials.
        values: Their results, lower is better; infinite where a run failed.
        before: How many of them came before the stage.
    """
    trained = [place for place, value in enumerate(values) if math.isfinite(value)]
    first = [place for place in trained if place < before]
    if len(trained) < 2 or not first:
        return math.nan, math.nan, math.nan
    model = modelled(points, values)
    means = model.means(points)
    old, new = (min(places, key=lambda place: (means[place], place)) for places in (first, trained))
    if old == new:
        return 0.0, 0.0, 0.0
    difference, deviation = model.difference(points[old], points[new])
    found = (difference, difference - SURE * deviation, difference + SURE * deviation)
    if not is_logarithmic(values):
        return found
    base = math.exp(means[old])
    estimate, low, high = (base * -math.expm1(-one) for one in found)
    return estimate, low, high
