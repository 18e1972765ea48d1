"""What each stage of a search has gained, by the model of the results up to its end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import Setting, values_of
from steepest.workbench.model.stage_gain import Edge
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.surrogate import Surrogate, is_logarithmic, levelled

SURE = 1.96
"""Standard deviations on either side of a 95 % interval."""
AT_THE_EDGE = 0.05
"""Of the range: a best value that is nearer to its end is said to lie there."""


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
    model = Surrogate(points, levelled(values))
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


def edges_of(space: SearchSpace, setting: Setting) -> tuple[Edge, ...]:
    """The values of a setting that lie at the end of what was searched."""
    given = values_of(setting.others)
    found = [_edge("rate", setting.rate, space.point_of(setting)[0])]
    found += [edge_of(one, given[one.name]) for one in space.dimensions if one.name in given]
    return tuple(edge for edge in found if edge is not None)


def edge_of(dimension: Dimension, value: Any) -> Edge | None:
    """A value at the end of what was searched; None for others, and for choices."""
    edge = None if dimension.choices else _edge(dimension.name, value, dimension.position(value))
    return edge._replace(side=_OTHER[edge.side]) if edge and dimension.from_one else edge


_OTHER = {"lower": "upper", "upper": "lower"}
"""Of a decay, 1 - value is searched."""


def _edge(name: str, value: float, position: float) -> Edge | None:
    if position < AT_THE_EDGE:
        return Edge(name, value, "lower")
    return Edge(name, value, "upper") if position > 1 - AT_THE_EDGE else None
