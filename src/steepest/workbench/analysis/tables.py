"""The record's tables, by optimizer, with the metric turned so that lower is better."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import polars as pl

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.statistics import Interval
from steepest.workbench.model.key import FINALISTS, SEARCH


class Setting(NamedTuple):
    """What a run is made with: the rate, and the other hyperparameters as the record keeps them."""

    rate: float
    settings: str = ""


class View:
    """What a study's record holds.

    Args:
        plan: Of the study.
        runs, curves: As the record gives them.
    """

    def __init__(self, plan: dict[str, Any], runs: pl.DataFrame, curves: pl.DataFrame) -> None:
        self.plan, self.runs, self.curves = plan, runs, curves
        self.metric = plan["metric"]
        self.sign = -1.0 if plan["higher_is_better"] else 1.0

    def select(self, phase: str, optimizer: str) -> pl.DataFrame:
        """The runs of an optimizer in a phase."""
        return self.runs.filter((pl.col("phase") == phase) & (pl.col("optimizer") == optimizer))

    def named(self, phase: str, optimizer: str) -> list[dict[str, Any]]:
        """The same as dictionaries, by rate and seed."""
        return list(self.select(phase, optimizer).sort("rate", "settings", "seed").iter_rows(named=True))

    @staticmethod
    def kept(run: dict[str, Any]) -> float | None:
        """The final metric of a run that trained."""
        return run["final"] if run["status"] == "trained" else None

    def oriented(self, run: dict[str, Any]) -> float:
        """The final metric so that lower is better and failed is infinite."""
        value = self.kept(run)
        return math.inf if value is None else self.sign * value

    def back(self, oriented: Interval) -> Interval:
        """An interval of the metric as the user knows it."""
        estimate, low, high = oriented
        return oriented if self.sign > 0 else Interval(-estimate, -high, -low)

    def estimate(self, optimizer: str) -> tuple[Setting | None, list[float]]:
        """The setting to recommend, and a value for each fresh seed that had no part in choosing it."""
        by_setting: dict[Setting, list[float]] = {}
        for run in self.named(FINALISTS, optimizer):
            by_setting.setdefault(_setting(run), []).append(self.oriented(run))
        score = {_setting(run): self.oriented(run) for run in self.named(SEARCH, optimizer)}
        ranked = sorted(by_setting, key=lambda setting: (score.get(setting, math.inf), setting))
        if not ranked:
            return min(score, key=lambda setting: (score[setting], setting), default=None), []
        first = by_setting[ranked[0]]
        if len(ranked) == 1 or len(by_setting[ranked[1]]) != len(first) or len(first) == 1:
            return ranked[0], first
        second = by_setting[ranked[1]]
        chosen = ranked[1] if statistics.prefers_second(first, second) else ranked[0]
        return chosen, statistics.left_out_choice(first, second)

    def at(self, optimizer: str, setting: Setting | None) -> pl.DataFrame:
        """The finalists' runs at a setting; the search's run where there are none."""
        for phase in (FINALISTS, SEARCH):
            found = self.select(phase, optimizer)
            if setting is not None:
                found = found.filter((pl.col("rate") == setting.rate) & (pl.col("settings") == setting.settings))
            if found.height and setting is not None:
                return found
        return self.runs.clear()

    def metric_of(self, runs: pl.DataFrame) -> pl.DataFrame:
        """The metric along runs, and in a column of its own so that lower is better."""
        chosen = self.curves.filter(pl.col("run").is_in(runs["id"].implode()) & (pl.col("name") == self.metric))
        return chosen.with_columns((self.sign * pl.col("value")).alias("oriented"))

    def cost(self, optimizer: str, phases: tuple[str, ...]) -> tuple[int, float]:
        """Steps and seconds of training in some phases."""
        runs = self.runs.filter((pl.col("optimizer") == optimizer) & pl.col("phase").is_in(phases))
        return int(runs["steps"].sum()), float(runs["seconds"].sum())


def _setting(run: dict[str, Any]) -> Setting:
    return Setting(run["rate"], run["settings"])
