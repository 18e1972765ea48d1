"""Which settings of an optimizer go on: to the fresh seeds, into the recommendation, to the diagnosis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import polars as pl

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.tables import Tables
from steepest.workbench.model.key import FINALISTS, SEARCH, Key, Setting
from steepest.workbench.model.outcome import PRUNED, TRAINED, has_failed
from steepest.workbench.search.pruner import PossibleResults
from steepest.workbench.store.record import Record


class Ranks(Protocol):
    """A sampler, as far as it is asked for the best of all that was tried."""

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """The settings that trained, the best first."""
        ...


FINALISTS_PER_OPTIMIZER = 2
"""Settings of each optimizer that are tried again with fresh seeds."""


@dataclass(frozen=True)
class Estimate:
    """What the fresh seeds say of an optimizer's finalists; values are oriented, and infinite where a run failed.

    Args:
        setting: The recommended one; None where nothing was tried.
        values: Of the runs at that setting, one for each fresh seed.
        cross_fitted: Each fresh seed's value at the setting that the *other* fresh seeds prefer: what the optimizer
            with its choice between two settings gives.  No seed has a part in the choice for which its value counts.
        others: The finalists that are not recommended, with their values.
    """

    setting: Setting | None
    values: list[float] = field(default_factory=list)
    cross_fitted: list[float] = field(default_factory=list)
    others: dict[Setting, list[float]] = field(default_factory=dict)


def finalists(record: Record, optimizer: str, ranks: Ranks, pruner: PossibleResults) -> list[Setting]:
    """The settings of an optimizer that are tried with fresh seeds, the best first; fewer where fewer trained.

    ranks: says which are the best.
    pruner: says what runs that it ended could have come to; they are no finalists.
    """
    sign = -1 if record.get("plan")["higher_is_better"] else 1
    ended = record.ended(SEARCH, optimizer)
    results = {
        key.setting: sign * final if status == TRAINED and final is not None else pruner.result(key)
        for key, status, final in ended
    }
    cut = {key.setting for key, status, _ in ended if status == PRUNED}
    return [setting for setting in ranks.ranked(results) if setting not in cut][:FINALISTS_PER_OPTIMIZER]


def recommended(record: Record, optimizer: str) -> Key | None:
    """The setting of an optimizer that the report will recommend; None where none trained."""
    tables = Tables(record.get("plan"), record.runs(), pl.DataFrame())  # no curve decides what is recommended
    found = estimate(tables, optimizer)
    setting = found.setting
    trained = found.values or any(tables.final(run) is not None for run in tables.rows(SEARCH, optimizer))
    return Key(FINALISTS, optimizer, setting.rate, 0, setting.others) if setting is not None and trained else None


def estimate(tables: Tables, optimizer: str) -> Estimate:
    """The recommended setting and its values; and apart from them the cross-fitted values, which decide the pairs."""
    by_setting: dict[Setting, list[float]] = {}
    for run in tables.rows(FINALISTS, optimizer):
        by_setting.setdefault(_setting(run), []).append(tables.oriented(run))
    score = {_setting(run): tables.oriented(run) for run in tables.rows(SEARCH, optimizer)}
    ranked = sorted(by_setting, key=lambda setting: (score.get(setting, math.inf), setting))
    if not ranked:
        return Estimate(min(score, key=lambda setting: (score[setting], setting), default=None))
    return estimated({setting: by_setting[setting] for setting in ranked})


def estimated(by_setting: dict[Setting, list[float]]) -> Estimate:
    """What the values of the finalists say; the finalists are in the order of the search, the best first."""
    (best, first), *others = by_setting.items()
    if not others or len(others[0][1]) != len(first) or len(first) == 1:
        return _estimate(best, by_setting, first)
    second = others[0][1]
    chosen = others[0][0] if statistics.prefers_second(first, second) else best
    return _estimate(chosen, by_setting, statistics.left_out_choice(first, second))


def _estimate(chosen: Setting, by_setting: dict[Setting, list[float]], cross_fitted: list[float]) -> Estimate:
    others = {setting: values for setting, values in by_setting.items() if setting != chosen}
    return Estimate(chosen, by_setting[chosen], cross_fitted, others)


def lowest_failure_above(record: Record, best: Key) -> Key | None:
    """The trial with the lowest rate above the best that did not train."""
    failed = [key for key, status, _ in record.ended(SEARCH, best.optimizer) if has_failed(status)]
    return min((key for key in failed if key.rate > best.rate), key=lambda key: key.rate, default=None)


def _setting(run: dict[str, object]) -> Setting:
    return Setting(run["rate"], run["settings"])  # type: ignore[arg-type]
