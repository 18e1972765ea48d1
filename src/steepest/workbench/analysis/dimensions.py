"""What was searched beside the rate: for each hyperparameter the runs at each value, and where the best ones lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from steepest.workbench.analysis.drawn import MOST_TRIALS, drawn
from steepest.workbench.model.key import SEARCH, values_of

if TYPE_CHECKING:
    from steepest.workbench.analysis.points import RunPoint
    from steepest.workbench.analysis.results import Results

BEST_PART = 4
"""The best quarter of the trials that trained says where good values lie."""


class ValuePoint(NamedTuple):
    """A trial at a value of a dimension; `result` is the metric, None where the run failed."""

    optimizer: str
    value: Any
    result: float | None
    rate: float
    status: str


@dataclass(frozen=True)
class DimensionRow:
    """What the search of one optimizer says of one dimension.

    Args:
        optimizer, name: Which.
        searched: The range, as a table has it.
        recommended: The value of the recommended setting.
        low, high: The least and the greatest value of the best quarter of the trials; the first and last choice.
        trials: How many trained.
    """

    optimizer: str
    name: str
    searched: str
    recommended: Any
    low: Any
    high: Any
    trials: int


@dataclass(frozen=True)
class DimensionData:
    """The trials of all optimizers against one dimension.

    Args:
        name: Of the dimension.
        metric: The deciding one.
        logarithmic: Whether its axis is.
        from_one: Whether it is so of 1 - value, as for the decay of an average.
        choices: Its values, where it is a choice.
        points: The trials that are drawn.
        trials: How many there are in all.
        rows: One for each optimizer that searched it.
    """

    name: str
    metric: str
    logarithmic: bool
    from_one: bool
    choices: list[str]
    points: list[ValuePoint]
    trials: int
    rows: list[DimensionRow]


def dimensions(results: Results) -> list[DimensionData]:
    """One record for each dimension that was searched, in the order in which the optimizers name them."""
    spaces = {name: space.get("also_searched", []) for name, space in results.manifest["search_space"].items()}
    names = dict.fromkeys(one["name"] for row in results.rows for one in spaces.get(row.name, []))
    found = [_dimension(results, name, spaces, MOST_TRIALS // len(names)) for name in names]
    return [one for one in found if one.points]


def _dimension(
    results: Results, name: str, spaces: Mapping[str, Sequence[Mapping[str, Any]]], most: int
) -> DimensionData:
    described = {opt: one for opt, space in spaces.items() for one in space if one["name"] == name}
    points = [point for run in results.points if (point := _point(run, name)) is not None]
    first = next(iter(described.values()))
    rows = [
        _row(results, described[row.name], row.name, row.settings.get(name), points)
        for row in results.rows
        if row.name in described and any(point.optimizer == row.name for point in points)
    ]
    values = [point.value for point in points]
    from_one = first.get("of") == "1 - value"
    places = [1 - value if from_one else value for value in values] if "choices" not in first else []
    is_drawn = any(place > 0 for place in places) and min(places) >= 0 and not (from_one and 0 in places)
    logarithmic = first.get("scale", "log") == "log" and is_drawn
    sign = -1 if results.higher_is_better else 1
    shown = drawn(points, most, lambda one: math.inf if one.result is None else sign * one.result)
    choices = [str(choice) for choice in first.get("choices", [])]
    is_from_one = from_one and logarithmic
    return DimensionData(name, results.metric, logarithmic, is_from_one, choices, shown, len(points), rows)


def _point(run: RunPoint, name: str) -> ValuePoint | None:
    value = values_of(run.settings).get(name)
    if run.phase != SEARCH or value is None:
        return None
    return ValuePoint(run.optimizer, value, run.value, run.rate, run.status)


def _row(
    results: Results, described: Mapping[str, Any], optimizer: str, recommended: Any, points: Sequence[ValuePoint]
) -> DimensionRow:
    trained = [point for point in points if point.optimizer == optimizer and point.result is not None]
    sign = -1 if results.higher_is_better else 1
    ranked = sorted(trained, key=lambda point: sign * (math.inf if point.result is None else point.result))
    best = [point.value for point in ranked[: math.ceil(len(ranked) / BEST_PART)]]
    choices = described.get("choices")
    best = sorted(best, key=choices.index) if choices else sorted(best)
    low, high = (best[0], best[-1]) if best else (None, None)
    return DimensionRow(optimizer, described["name"], _searched(described), recommended, low, high, len(trained))


def _searched(described: Mapping[str, Any]) -> str:
    if "choices" in described:
        return ", ".join(map(str, described["choices"]))
    low, high = described["low"], described["high"]
    if described.get("of") == "1 - value":
        low, high = 1 - high, 1 - low
    return f"{low:g} to {high:g}"
