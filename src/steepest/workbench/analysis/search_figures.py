"""What the figures of a search draw, as plain records: what matters, the history of the best, all settings at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from steepest.workbench.analysis.axes import Axis, axes_of, places, trials_of
from steepest.workbench.analysis.drawn import drawn
from steepest.workbench.analysis.importance import Share
from steepest.workbench.analysis.points import RunPoint
from steepest.workbench.analysis.results import Results
from steepest.workbench.model.key import values_of, written
from steepest.workbench.model.outcome import PRUNED

TRAINED, FAILED, ENDED_EARLY = "trained", "failed", "ended early"
"""How a trial is drawn."""
MOST_PARALLEL = 2
"""Optimizers that are drawn so: of the five of a comparison the page would be twice as long, and say little of each."""
LEAST_AXES = 3
"""Hyperparameters from which lines through all of them say more than a figure of each."""
MOST_LINES = 200
"""Lines of one figure: of more trials, the best and an even part of the others."""
WORST, BEST = 0.0, 1.0
"""Places on the axis of results."""
TOGETHER = "several together"
"""What stands in the place of a name for what no hyperparameter explains alone."""


class Trial(NamedTuple):
    """A trial of a search; `value` is the metric, None where it failed or was ended early."""

    optimizer: str
    trial: int
    value: float | None
    how: str
    setting: str


class BestSoFar(NamedTuple):
    """The best metric of the trials up to this one."""

    optimizer: str
    trial: int
    value: float


@dataclass(frozen=True)
class HistoryData:
    """The trials of each search in the order in which they ended, and the best up to each."""

    metric: str
    trials: list[Trial]
    bests: list[BestSoFar]


class SharePoint(NamedTuple):
    """The share of a hyperparameter of an optimizer; without an interval for what several explain together."""

    optimizer: str
    name: str
    share: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class ImportanceData:
    """What each hyperparameter explains alone, the most important first; then what they explain together."""

    optimizers: list[str]
    names: list[str]
    points: list[SharePoint]


class AxisEnd(NamedTuple):
    """What stands at a place of an axis."""

    axis: int
    place: float
    value: Any


@dataclass(frozen=True)
class Line:
    """One trial through all axes.

    Args:
        trial: Its number.
        places: On each axis, from 0 to 1; the last is the place of its result, where 1 is the best.
        rank: From 0 for the best to 1 for the worst; None where it has no result.
        how: Trained, failed or ended early.
        shown: What a tooltip says.
    """

    trial: int
    places: list[float]
    rank: float | None
    how: str
    shown: str


@dataclass(frozen=True)
class ParallelData:
    """The trials of one optimizer as lines through its hyperparameters.

    Args:
        optimizer: Its name.
        axes: The names of the axes, the metric last.
        ends: What stands at the axes.
        lines: The trials; the worst first, so that the best is drawn above them.
        trials: How many there are; more than lines where only a part is drawn.
    """

    optimizer: str
    metric: str
    axes: list[str]
    ends: list[AxisEnd]
    lines: list[Line]
    trials: int


def history(results: Results) -> HistoryData | None:
    """The history of each search; None where no search has three trials."""
    trials, bests = [], []
    for name in results.order:
        ended = trials_of(results.points, name)
        trials += [_trial(number, point) for number, point in enumerate(ended, 1)]
        bests += _bests(name, ended, results.higher_is_better)
    return HistoryData(results.metric, trials, bests) if len(trials) > 2 * len(results.order) and bests else None


def importance(results: Results) -> ImportanceData | None:
    """What matters in each search; None where no search says it."""
    found = results.importances
    if not found:
        return None
    greatest: dict[str, float] = {}
    for share in (share for one in found for share in one.shares):
        greatest[share.name] = max(share.share, greatest.get(share.name, 0.0))
    names = [*sorted(greatest, key=lambda name: -greatest[name]), TOGETHER]
    points = [_share(one.optimizer, share) for one in found for share in one.shares]
    points += [SharePoint(one.optimizer, TOGETHER, one.together, None, None) for one in found]
    return ImportanceData([one.optimizer for one in found], names, points)


def parallel(results: Results) -> list[ParallelData]:
    """One record for each optimizer of which three hyperparameters or more were searched; none of a field of many."""
    spaces = results.manifest["search_space"]
    found = []
    if sum(bool(trials_of(results.points, row.name)) for row in results.rows) > MOST_PARALLEL:
        return found
    for row in results.rows:
        trials = trials_of(results.points, row.name)
        axes = axes_of(trials, spaces[row.name].get("also_searched", [])) if trials else []
        if len(axes) >= LEAST_AXES and any(trial.value is not None for trial in trials):
            found.append(_parallel(results, row.name, trials, axes))
    return found


def _trial(number: int, point: RunPoint) -> Trial:
    return Trial(point.optimizer, number, point.value, _how(point), _setting(point))


def _how(point: RunPoint) -> str:
    return TRAINED if point.value is not None else ENDED_EARLY if point.status == PRUNED else FAILED


def _setting(point: RunPoint) -> str:
    others = (f", {name} {written(value)}" for name, value in values_of(point.settings).items())
    return f"{point.rate:g}" + "".join(others)


def _bests(name: str, ended: Sequence[RunPoint], higher_is_better: bool) -> list[BestSoFar]:
    found: list[BestSoFar] = []
    best, better = None, max if higher_is_better else min
    for number, point in enumerate(ended, 1):
        if point.value is not None:
            best = point.value if best is None else better(best, point.value)
        if best is not None:
            found.append(BestSoFar(name, number, best))
    return found


def _share(optimizer: str, share: Share) -> SharePoint:
    return SharePoint(optimizer, share.name, share.share, share.low, share.high)


def _parallel(results: Results, name: str, trials: Sequence[RunPoint], axes: Sequence[Axis]) -> ParallelData:
    sign = -1 if results.higher_is_better else 1
    trained = sorted(sign * trial.value for trial in trials if trial.value is not None)
    ranks = {value: place / max(1, len(trained) - 1) for place, value in enumerate(trained)}
    lines = []
    for number, trial in enumerate(trials, 1):
        rank = None if trial.value is None else ranks[sign * trial.value]
        last = WORST if rank is None else BEST - rank
        lines.append(Line(number, [*places(trial, axes), last], rank, _how(trial), _shown(results.metric, trial)))
    ends = [AxisEnd(place, axis.position(end), end) for place, axis in enumerate(axes) for end in axis.ends()]
    ends += [AxisEnd(len(axes), BEST, sign * trained[0]), AxisEnd(len(axes), WORST, sign * trained[-1])]
    some = drawn(lines, MOST_LINES, lambda line: math.inf if line.rank is None else line.rank)
    worst_first = sorted(some, key=lambda line: -2 if line.rank is None else -line.rank)
    return ParallelData(
        name, results.metric, [*(axis.name for axis in axes), results.metric], ends, worst_first, len(trials)
    )


def _shown(metric: str, trial: RunPoint) -> str:
    outcome = _how(trial) if trial.value is None else f"{metric} {trial.value:.4g}"
    return f"{_setting(trial)}: {outcome}"
