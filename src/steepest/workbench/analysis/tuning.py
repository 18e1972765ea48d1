"""What a staged search has found for an optimizer: what each stage gained, and which values it chose.

The value of a setting in the search, which chose it, stands beside that of the fresh seeds, which did not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.selection import Estimate, estimate
from steepest.workbench.analysis.statistics import Interval
from steepest.workbench.analysis.tables import Tables
from steepest.workbench.model.key import SEARCH, USUAL_RATE, Setting, values_of
from steepest.workbench.model.stage_gain import StageGain, from_stored

RECOMMENDED, OTHER, UNTUNED = "recommended", "the other finalist", "untuned"
"""Settings that ran with fresh seeds."""


@dataclass(frozen=True)
class TunedSetting:
    """A setting that ran with the fresh seeds.

    Args:
        label: RECOMMENDED, OTHER or UNTUNED.
        rate, settings: Its values.
        search: The metric of its run in the search; None where it was not tried there, or failed.
        fresh: The median over the fresh seeds, with its interval.
        trained, seeds: How many of the runs with fresh seeds trained, of how many.
    """

    label: str
    rate: float
    settings: dict[str, Any]
    search: float | None
    fresh: Interval
    trained: int
    seeds: int


@dataclass(frozen=True)
class Tuning:
    """What a staged search has found for an optimizer.

    Args:
        optimizer: Its name.
        stages: What each stage gained.
        settings: Those that ran with fresh seeds: the recommended one, the other finalist, the usual rate.
        kept: The hyperparameters that the recommended setting sets.
        at_default: Those that were searched and stay at their defaults.
        spared: How many trials of the budget were not made, since little was left to gain.
        rate_name: What the rate is called; empty for a script in which no rate is searched.
    """

    optimizer: str
    stages: list[StageGain]
    settings: list[TunedSetting]
    kept: list[str]
    at_default: list[str]
    spared: int
    rate_name: str = "rate"


def tunings_of(tables: Tables, gains: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Tuning]:
    """One for each optimizer whose search has had stages."""
    return [_tuning(tables, one, gains[one["name"]]) for one in tables.plan["optimizers"] if gains.get(one["name"])]


def _tuning(tables: Tables, optimizer: Mapping[str, Any], kept: Sequence[Mapping[str, Any]]) -> Tuning:
    name, stages = optimizer["name"], [from_stored(one) for one in kept]
    found = estimate(tables, name)
    given = values_of(found.setting.others) if found.setting else {}
    searched = dict.fromkeys(one for run in tables.rows(SEARCH, name) for one in values_of(run["settings"]))
    return Tuning(
        name,
        stages,
        list(_settings(tables, name, found)),
        [one for one in searched if one in given],
        [one for one in searched if one not in given],
        _spared(tables, name),
        optimizer["script"]["rate"] if "script" in optimizer else "rate",
    )


def _settings(tables: Tables, name: str, found: Estimate) -> Iterable[TunedSetting]:
    searched = {Setting(run["rate"], run["settings"]): tables.final(run) for run in tables.rows(SEARCH, name)}
    if found.setting is not None and found.values:
        yield _of_setting(tables, RECOMMENDED, found.setting, searched, found.values)
    for setting, values in found.others.items():
        yield _of_setting(tables, OTHER, setting, searched, values)
    if usual := tables.rows(USUAL_RATE, name):
        untuned = Setting(usual[0]["rate"], usual[0]["settings"])
        yield _of_setting(tables, UNTUNED, untuned, searched, [tables.oriented(run) for run in usual])


def _of_setting(
    tables: Tables, label: str, setting: Setting, searched: Mapping[Setting, float | None], values: list[float]
) -> TunedSetting:
    is_chosen = label == RECOMMENDED
    interval = statistics.chosen_interval(values, tables.limits) if is_chosen else statistics.median_interval(values)
    fresh = tables.unoriented(interval)
    trained = sum(map(math.isfinite, values))
    given = values_of(setting.others)
    return TunedSetting(label, setting.rate, given, searched.get(setting), fresh, trained, len(values))


def _spared(tables: Tables, name: str) -> int:
    kind, _, amount = str(tables.plan["budget"]).partition("=")
    per_trial = {"trials": 1, "steps": tables.plan["steps"]}.get(kind)
    if per_trial is None or not amount:
        return 0
    return max(0, int(float(amount) // per_trial) - len(tables.rows(SEARCH, name)))
