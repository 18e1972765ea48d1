"""Which settings of an optimizer go on: to the fresh seeds, into the recommendation, to the diagnosis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import polars as pl

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.tables import Tables
from steepest.workbench.model.key import FINALISTS, SEARCH, Key, Setting
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.store.record import Record


class Ranks(Protocol):
    """A sampler, as far as it is asked for the best of all that was tried."""

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """The settings that trained, the best first."""
        ...


FINALISTS_PER_OPTIMIZER = 2
"""Settings of each optimizer that are tried again with fresh seeds."""


def finalists(record: Record, optimizer: str, ranks: Ranks) -> list[Key]:
    """The best settings of an optimizer's search, the best first; fewer where fewer trained.

    ranks: says which are the best.
    """
    sign = -1 if record.get("plan")["higher_is_better"] else 1
    ended = {key.setting: (key, status, final) for key, status, final in record.ended(SEARCH, optimizer)}
    results = {
        setting: sign * final if status == TRAINED and final is not None else math.inf
        for setting, (_, status, final) in ended.items()
    }
    return [ended[setting][0] for setting in ranks.ranked(results)[:FINALISTS_PER_OPTIMIZER]]


def recommended(record: Record, optimizer: str) -> Key | None:
    """The setting of an optimizer that the report will recommend; None where none trained."""
    tables = Tables(record.get("plan"), record.runs(), pl.DataFrame())  # no curve decides what is recommended
    setting, values = estimate(tables, optimizer)
    trained = values or any(tables.final(run) is not None for run in tables.rows(SEARCH, optimizer))
    return Key(FINALISTS, optimizer, setting.rate, 0, setting.others) if setting is not None and trained else None


def estimate(tables: Tables, optimizer: str) -> tuple[Setting | None, list[float]]:
    """The recommended setting, and a value for each fresh seed that had no part in choosing it; values are oriented."""
    by_setting: dict[Setting, list[float]] = {}
    for run in tables.rows(FINALISTS, optimizer):
        by_setting.setdefault(_setting(run), []).append(tables.oriented(run))
    score = {_setting(run): tables.oriented(run) for run in tables.rows(SEARCH, optimizer)}
    ranked = sorted(by_setting, key=lambda setting: (score.get(setting, math.inf), setting))
    if not ranked:
        return min(score, key=lambda setting: (score[setting], setting), default=None), []
    first = by_setting[ranked[0]]
    if len(ranked) == 1 or len(by_setting[ranked[1]]) != len(first) or len(first) == 1:
        return ranked[0], first
    second = by_setting[ranked[1]]
    chosen = ranked[1] if statistics.prefers_second(first, second) else ranked[0]
    return chosen, statistics.left_out_choice(first, second)


def lowest_failure_above(record: Record, best: Key) -> Key | None:
    """The trial with the lowest rate above the best that did not train."""
    failed = [key for key, status, _ in record.ended(SEARCH, best.optimizer) if status != TRAINED]
    return min((key for key in failed if key.rate > best.rate), key=lambda key: key.rate, default=None)


def _setting(run: dict[str, object]) -> Setting:
    return Setting(run["rate"], run["settings"])  # type: ignore[arg-type]
