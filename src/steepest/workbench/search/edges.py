"""Where the best lies at an end of what was searched, and how a search goes on past an end that is not the user's."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, NamedTuple

from steepest.workbench.model.dimension import LOG, Dimension
from steepest.workbench.model.key import Setting, values_of
from steepest.workbench.model.stage_gain import Edge
from steepest.workbench.search.space import SearchSpace

AT_THE_EDGE = 0.05
"""Of the range: a best value that is nearer to its end is said to lie there."""
STEP = 1 / 6
"""Of the range, by which a search goes on past its end: half a decade of rates."""
UPPER, LOWER = "upper", "lower"
_OTHER = {LOWER: UPPER, UPPER: LOWER}
"""Of a decay, 1 - value is searched."""


class End(NamedTuple):
    """An end of what was tried at which the best lies: the place of a coordinate, and 1 or -1 for the side."""

    place: int
    sign: int


class Tried:
    """What a search has tried: its best, how far it went, and how it goes on past an end.

    Args:
        space: What is searched.
    """

    def __init__(self, space: SearchSpace) -> None:
        self.space, self.reach, self.count = space, space.reach, 0
        self.best, self.least = None, math.inf
        self.extents = [(math.inf, -math.inf)] * len(self.reach)
        """The lowest and the highest position of each coordinate, where a setting sets it."""

    best: Setting | None

    def add(self, setting: Setting, value: float) -> None:
        """A result, lower is better; infinite where the run failed."""
        self.count += 1
        if value < self.least:
            self.best, self.least = setting, value
        positions = zip(self.extents, self.space.point_of(setting), self.space.set_in(setting), strict=True)
        self.extents = [
            (min(low, here), max(high, here)) if is_set else (low, high) for (low, high), here, is_set in positions
        ]

    def open_ends(self) -> list[End]:
        """The ends at which the best lies and past which the search may go on.

        The best is the outermost of all that was tried, also of what failed: beyond it nothing is known.  And it is
        nearer to the end of the range than points that are evenly spread are to each other.
        """
        if self.best is None:
            return []
        here, is_set = self.space.point_of(self.best), self.space.set_in(self.best)
        return [
            End(place, sign)
            for place in range(len(self.reach))
            for sign in (1, -1)
            if is_set[place] and self._is_open(here[place], self.extents[place], self.reach[place], sign)
        ]

    def _is_open(self, here: float, extent: tuple[float, float], reach: tuple[float, float], sign: int) -> bool:
        """By the upper end; the lower one is the upper one in a mirror."""
        if sign < 0:
            here, extent, reach = 1 - here, (1 - extent[1], 1 - extent[0]), (1 - reach[1], 1 - reach[0])
        near = max(AT_THE_EDGE, 1 / self.count)
        return 1 - near < here and extent[1] <= here < reach[1] and reach[1] > 1

    def past(self, end: End, steps: int) -> Setting:
        """The best setting, moved so many steps past an end."""
        assert self.best is not None, "an end is open where something trained"
        point, is_set = self.space.point_of(self.best), self.space.set_in(self.best)
        point[end.place] = _beyond(point[end.place], self.reach[end.place], end.sign, steps)
        kept = [place for place, one in enumerate(is_set) if one]
        dimensions = [self.space.dimensions[place - 1] for place in kept[1:]]
        return self.space.candidate.setting([point[place] for place in kept], dimensions, self.space.centre)

    def bounds(self) -> list[tuple[float, float]]:
        """Between which positions of each coordinate a search goes on: all that was tried, a step past an open end."""
        opened = {*self.open_ends()}
        return [
            (
                _beyond(low, reach, -1, End(place, -1) in opened),
                _beyond(high, reach, 1, End(place, 1) in opened),
            )
            for place, ((low, high), reach) in enumerate(zip(self.extents, self.reach, strict=True))
        ]


def _beyond(here: float, reach: tuple[float, float], sign: int, steps: int) -> float:
    return min(max(1.0, here) + STEP * steps, reach[1]) if sign > 0 else max(min(0.0, here) - STEP * steps, reach[0])


def edges_of(space: SearchSpace, setting: Setting, tried: Iterable[Setting] = ()) -> tuple[Edge, ...]:
    """The values of a setting that lie at the end of what was searched."""
    settings, edge = [*tried], None
    if (first := space.candidate.first(setting)) is not None:
        positions = [space.candidate.first_position(one, space.centre) for one in (setting, *settings)]
        edge = _edge(*first, positions[0], space.candidate.first_reach, (min(positions), max(positions)))
    return (*([] if edge is None else [edge]), *edges_along(space.dimensions, setting, settings))


def edges_along(dimensions: Iterable[Dimension], setting: Setting, tried: Iterable[Setting]) -> list[Edge]:
    """Those of the values beside the rate."""
    given, values = values_of(setting.others), [values_of(one.others) for one in tried]
    found = (
        edge_of(one, given[one.name], [each.get(one.name) for each in values])
        for one in dimensions
        if one.name in given
    )
    return [edge for edge in found if edge is not None]


def edge_of(dimension: Dimension, value: Any, tried: Iterable[Any] = ()) -> Edge | None:
    """A value at the end of what was searched; None for others, and for choices.

    Args:
        dimension: Of the value.
        value: The best.
        tried: All values that were.
    """
    if dimension.choices:
        return None
    positions = [dimension.position(one) for one in (value, *tried) if one is not None]
    extent = min(positions), max(positions)
    edge = _edge(dimension.name, value, dimension.position(value), dimension.reach, extent)
    if edge is None or (dimension.grows is None and not longer(dimension, edge.side)):
        return None
    line = "" if dimension.grows is not None else longer(dimension, edge.side)
    side = _OTHER[edge.side] if dimension.from_one else edge.side
    return edge._replace(side=side, longer=line)


def _edge(
    name: str, value: float, position: float, reach: tuple[float, float], extent: tuple[float, float]
) -> Edge | None:
    """A range that may grow has no end where it has grown as far as it can."""
    lowest, highest = (reach[0] if reach[0] < 0 else -math.inf, reach[1] if reach[1] > 1 else math.inf)
    if position < AT_THE_EDGE and lowest < position <= extent[0]:
        return Edge(name, value, LOWER)
    return Edge(name, value, UPPER) if position > 1 - AT_THE_EDGE and extent[1] <= position < highest else None


def longer(dimension: Dimension, side: str) -> str:
    """A longer range for what a user gave, as it is typed; empty where nothing lies beyond.

    A decade more on a logarithmic scale, else half as much again; a share of at most 1 stays below 1, and a number that
    begins at 0 is not negative.

    >>> longer(Dimension("dropout", 0.0, 0.5), UPPER)
    'dropout=0..0.75'
    >>> longer(Dimension("eps", 1e-10, 1e-4, scale="log"), LOWER)
    'eps=1e-11..0.0001:log'
    """
    low, high = dimension.low, dimension.high
    if side == LOWER:
        low = _lower(dimension)
    else:
        high = _higher(dimension)
    if dimension.integer:
        low, high = math.floor(low), math.ceil(high)
    if (low, high) == (dimension.low, dimension.high):
        return ""
    ends = (1 - high, 1 - low) if dimension.from_one else (low, high)
    scale = f":{LOG}" if dimension.scale == LOG and not dimension.from_one else ""
    return f"{dimension.name}={ends[0]:g}..{ends[1]:g}{scale}"


def _lower(dimension: Dimension) -> float:
    low, high = dimension.low, dimension.high
    if dimension.scale == LOG:
        return max(1.0, low / 10) if dimension.integer else low / 10
    return max(0.0, low - (high - low) / 2) if low >= 0 else low - (high - low) / 2


def _higher(dimension: Dimension) -> float:
    low, high = dimension.low, dimension.high
    if dimension.scale == LOG:
        return high * 10
    return (1 + high) / 2 if low >= 0 and high <= 1 and not dimension.integer else high + (high - low) / 2
