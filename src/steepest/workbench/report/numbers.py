"""From the record to the numbers of the report: plain records, no figures and no markup."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import polars as pl

from steepest.workbench import statistics
from steepest.workbench.errors import WorkbenchError
from steepest.workbench.record import Record
from steepest.workbench.report.band import Band, near_optimal
from steepest.workbench.report.records import CurvePoint, Numbers, Pair, Point, Row
from steepest.workbench.statistics import Interval

PROOF = 3  # seeds below which nothing wins: every resample of one or two runs agrees with them


def numbers_of(record: Record) -> Numbers:
    """The numbers of a study, finished or not."""
    plan, runs, curves = record.get("plan"), record.runs(), record.curves()
    if plan is None or runs.is_empty():
        raise WorkbenchError(
            f"{record.folder} holds no finished run, so there is nothing to report; go on with the study."
        )
    target = record.get("target")
    view = View(plan, runs, curves, target)
    rows = sorted((view.row(each) for each in plan["optimizers"]), key=view.standing)
    pairs = adjusted([view.pair(a, b) for i, a in enumerate(rows) for b in rows[i + 1 :]])
    return Numbers(
        task=plan["task"],
        metric=plan["metric"],
        higher_is_better=plan["higher_is_better"],
        target=target,
        seeds=plan["seeds"],
        trials=plan["trials"],
        steps=plan["steps"],
        rows=rows,
        pairs=pairs,
        points=view.points(),
        curves=[point for row in rows for point in view.curves_of(row)],
        runs=len(runs),
        failed=runs.filter(pl.col("status") != "trained").height,
        seconds=float(runs["seconds"].sum()),
        digests=record.get("digests"),
        manifest=record.get("manifest"),
    )


class View:
    """The record's tables, by optimizer.  `sign` turns the metric into one where lower is better."""

    def __init__(self, plan: dict[str, Any], runs: pl.DataFrame, curves: pl.DataFrame, target: float | None) -> None:
        self.plan, self.runs, self.curves, self.target = plan, runs, curves, target
        self.metric = plan["metric"]
        self.sign = -1.0 if plan["higher_is_better"] else 1.0

    def select(self, phase: str, optimizer: str) -> pl.DataFrame:
        """The runs of an optimizer in a phase."""
        return self.runs.filter((pl.col("phase") == phase) & (pl.col("optimizer") == optimizer))

    def points(self) -> list[Point]:
        """Every run."""
        return [
            Point(r["optimizer"], r["phase"], r["rate"], r["seed"], self._kept(r), r["status"])
            for r in self.runs.iter_rows(named=True)
        ]

    @staticmethod
    def _kept(run: dict[str, Any]) -> float | None:
        return run["final"] if run["status"] == "trained" else None

    def oriented(self, run: dict[str, Any]) -> float:
        """The metric so that lower is better and failed is infinite."""
        value = self._kept(run)
        return math.inf if value is None else self.sign * value

    def row(self, optimizer: dict[str, Any]) -> Row:
        """One optimizer's numbers."""
        name = optimizer["name"]
        search = sorted(self.select("search", name).iter_rows(named=True), key=lambda run: run["rate"])
        rate, values = self._estimate(name, search)
        good = [value for value in values if math.isfinite(value)]
        mean = self._back(statistics.mean_interval(good))
        final = self._at(name, rate)
        steps, seconds = self._to_target(final)
        rates = [run["rate"] for run in search]
        return Row(
            name=name,
            call=optimizer["call"].replace("RATE", f"{rate:g}"),
            rate=rate,
            values=[self.sign * value for value in values],
            mean=mean,
            median=self.sign * statistics.median(values),
            trained=len(good),
            share=statistics.wilson(len(good), len(values)),
            searched=len(search),
            searched_trained=sum(run["status"] == "trained" for run in search),
            band=self._band(search),
            edge=_edge(rate, rates),
            falling=self._falling(name, final),
            steps_to_target=steps,
            seconds_to_target=seconds,
            step_seconds=float((final["seconds"] / final["steps"]).median() or math.nan) if final.height else math.nan,  # type: ignore[arg-type]
            schedule=optimizer.get("schedule", ""),
        )

    def _back(self, oriented: Interval) -> Interval:
        estimate, low, high = oriented
        return oriented if self.sign > 0 else Interval(-estimate, -high, -low)

    def _estimate(self, name: str, search: list[dict[str, Any]]) -> tuple[float, list[float]]:
        """The rate to recommend, and a value for each fresh seed that had no part in choosing it."""
        by_rate: dict[float, list[float]] = {}
        ended = self.select("finalists", name).sort("seed")
        for run in ended.iter_rows(named=True):
            by_rate.setdefault(run["rate"], []).append(self.oriented(run))
        score = {run["rate"]: self.oriented(run) for run in search}
        rates = sorted(by_rate, key=lambda rate: score.get(rate, math.inf))
        if not rates:
            return min(score, key=lambda rate: score[rate], default=math.nan), []
        first = by_rate[rates[0]]
        if len(rates) == 1 or len(by_rate[rates[1]]) != len(first) or len(first) == 1:
            return rates[0], first
        second = by_rate[rates[1]]
        chosen = rates[1] if statistics.prefers_second(first, second) else rates[0]
        return chosen, statistics.left_out_choice(first, second)

    def _at(self, name: str, rate: float) -> pl.DataFrame:
        """The finalists' runs at a rate; the search's run where there are none."""
        for phase in ("finalists", "search"):
            found = self.select(phase, name).filter(pl.col("rate") == rate)
            if found.height:
                return found
        return self.runs.clear()

    def _band(self, search: list[dict[str, Any]]) -> Band:
        initial = statistics.median([self.sign * run["initial"] for run in search if run["initial"] is not None])
        return near_optimal([run["rate"] for run in search], [self.oriented(run) for run in search], initial)

    def _metric_of(self, runs: pl.DataFrame) -> pl.DataFrame:
        chosen = self.curves.filter(pl.col("run").is_in(runs["id"].implode()) & (pl.col("name") == self.metric))
        return chosen.with_columns((self.sign * pl.col("value")).alias("oriented"))

    def _to_target(self, runs: pl.DataFrame) -> tuple[float, float]:
        if self.target is None or runs.is_empty():
            return math.nan, math.nan
        reached = self._metric_of(runs).filter(pl.col("oriented") <= self.sign * self.target)
        first = reached.group_by("run").agg(pl.col("step").min(), pl.col("seconds").min())
        missing = [math.inf] * (runs.height - first.height)
        steps, seconds = ([float(x) for x in first[column]] + missing for column in ("step", "seconds"))
        return statistics.median(steps), statistics.median(seconds)

    def _falling(self, name: str, runs: pl.DataFrame) -> float:
        trained = runs.filter(pl.col("status") == "trained")
        curve = self._metric_of(trained).group_by("step").agg(pl.col("oriented").median()).sort("step")
        if curve.height < 3:
            return 0.0
        values, steps = curve["oriented"], curve["step"]
        before = curve.filter(pl.col("step") <= 0.9 * steps[-1])["oriented"][-1]
        whole = values[0] - values[-1]
        return (before - values[-1]) / whole if whole > 0 else 0.0

    def curves_of(self, row: Row) -> list[CurvePoint]:
        """The loss and the metric of the recommended rate, median and range over the seeds that trained."""
        runs = self._at(row.name, row.rate).filter(pl.col("status") == "trained")
        wanted = self.curves.filter(
            pl.col("run").is_in(runs["id"].implode()) & pl.col("name").is_in(["train_loss", self.metric])
        )
        grouped = wanted.group_by("name", "step").agg(
            pl.col("seconds").median(),
            pl.col("value").median().alias("median"),
            pl.col("value").min().alias("low"),
            pl.col("value").max().alias("high"),
        )
        return [CurvePoint(row.name, **point) for point in grouped.sort("name", "step").iter_rows(named=True)]

    def standing(self, row: Row) -> tuple[bool, float]:
        """The order of the table: those where half or more failed last, the others by their mean."""
        hopeless = not math.isfinite(row.median)
        return hopeless, math.inf if math.isnan(row.mean.estimate) else self.sign * row.mean.estimate

    def pair(self, first: Row, second: Row) -> Pair:
        """One row of the pairwise table."""
        count = min(len(first.values), len(second.values))  # unequal only in an unfinished study
        a, b = first.values[:count], second.values[:count]
        chance = statistics.superiority([self.sign * x for x in a], [self.sign * x for x in b])
        decided = statistics.decision(chance) if count else "tie"
        if count < PROOF:
            decided = {"win": "leaning", "loss": "trailing"}.get(decided, decided)
        return Pair(
            first.name,
            second.name,
            statistics.paired_difference(a, b),
            statistics.sign_flip_p(a, b),
            chance,
            decided,
        )


def adjusted(pairs: list[Pair]) -> list[Pair]:
    """The pairs with p values that hold for all of them together."""
    together = statistics.holm([pair.p for pair in pairs])
    return [replace(pair, p=p) for pair, p in zip(pairs, together, strict=True)]


def _edge(rate: float, rates: list[float]) -> str:
    if len(rates) > 1 and rate == min(rates):
        return "lowest"
    return "highest" if len(rates) > 1 and rate == max(rates) else ""
