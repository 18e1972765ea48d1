"""The tables of a study, by phase and optimizer; the metric with a sign such that lower is better (oriented)."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import polars as pl

from steepest.workbench.analysis.statistics import Interval
from steepest.workbench.model.key import DIAGNOSIS, FINALISTS, SEARCH, Setting
from steepest.workbench.model.outcome import TRAINED


class Tables:
    """The runs and the curves of a study.

    Args:
        plan: Of the study.
        runs, curves: As the record gives them.
    """

    def __init__(self, plan: dict[str, Any], runs: pl.DataFrame, curves: pl.DataFrame) -> None:
        self.plan, self.runs, self.curves = plan, runs, curves
        self.metric = plan["metric"]
        self.sign = -1.0 if plan["higher_is_better"] else 1.0

    @property
    def is_script(self) -> bool:
        """Whether a script was run."""
        return any("script" in each for each in self.plan["optimizers"])

    def select(self, phase: str, optimizer: str) -> pl.DataFrame:
        """The runs of an optimizer in a phase."""
        return self.runs.filter((pl.col("phase") == phase) & (pl.col("optimizer") == optimizer))

    def rows(self, phase: str, optimizer: str) -> list[dict[str, Any]]:
        """The runs of an optimizer in a phase as dictionaries, by rate and seed."""
        return list(self.select(phase, optimizer).sort("rate", "settings", "seed").iter_rows(named=True))

    @staticmethod
    def final(run: dict[str, Any]) -> float | None:
        """The final metric of a run that trained."""
        return run["final"] if run["status"] == TRAINED else None

    def oriented(self, run: dict[str, Any]) -> float:
        """The final metric, oriented; infinite where the run failed."""
        value = self.final(run)
        return math.inf if value is None else self.sign * value

    @cached_property
    def limits(self) -> tuple[float, float]:
        """Between which oriented values the metric lies, as far as the runs show it.

        It does not change its sign, and where several runs share the lowest or the highest value, as the return of an
        episode that is as long as it may be, none lies beyond.
        """
        is_new = pl.col("phase") != DIAGNOSIS  # which makes runs of before again
        trained = self.runs.filter((pl.col("status") == TRAINED) & is_new)
        different = trained.unique(["optimizer", "rate", "settings", "seed"])
        finals = [self.sign * value for value in different["final"] if value is not None]
        if not finals:
            return -math.inf, math.inf
        low, high = min(finals), max(finals)
        return (
            low if finals.count(low) > 1 else 0.0 if low >= 0 else -math.inf,
            high if finals.count(high) > 1 else 0.0 if high <= 0 else math.inf,
        )

    def unoriented(self, oriented: Interval) -> Interval:
        """An interval of the metric itself."""
        estimate, low, high = oriented
        return oriented if self.sign > 0 else Interval(-estimate, -high, -low)

    def at(self, optimizer: str, setting: Setting | None) -> pl.DataFrame:
        """The finalists' runs at a setting; the search's run where there are none."""
        for phase in (FINALISTS, SEARCH):
            found = self.select(phase, optimizer)
            if setting is not None:
                found = found.filter((pl.col("rate") == setting.rate) & (pl.col("settings") == setting.others))
            if found.height and setting is not None:
                return found
        return self.runs.clear()

    def metric_of(self, runs: pl.DataFrame) -> pl.DataFrame:
        """The metric along runs; in the column `oriented`, with a sign such that lower is better."""
        chosen = self.curves.filter(pl.col("run").is_in(runs["id"].implode()) & (pl.col("name") == self.metric))
        return chosen.with_columns((self.sign * pl.col("value")).alias("oriented"))

    def cost(self, optimizer: str, phases: tuple[str, ...]) -> tuple[int, float]:
        """Steps and seconds of training in these phases."""
        runs = self.runs.filter((pl.col("optimizer") == optimizer) & pl.col("phase").is_in(phases))
        return int(runs["steps"].sum()), float(runs["seconds"].sum())
