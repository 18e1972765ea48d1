"""From the record to the numbers of the report: plain records, no figures and no markup."""

from __future__ import annotations

import math

import polars as pl

from steepest.workbench.analysis.diagnosis import diagnoses_of
from steepest.workbench.analysis.optimizer_results import row_of
from steepest.workbench.analysis.pairs import pairs_of
from steepest.workbench.analysis.results import Control, CurvePoint, Numbers, Point, Row
from steepest.workbench.analysis.study_data import Held
from steepest.workbench.analysis.tables import Setting, View
from steepest.workbench.model.key import CONTROL, DEFAULT, FINALISTS, SEARCH, Key
from steepest.workbench.store.record import Record


def numbers_of(study: Held) -> Numbers:
    """The numbers of a study, finished or not."""
    plan = study.plan
    view = View(plan, study.runs, study.curves)
    rows = [row_of(view, each, study.target, study.memory.get(each["name"], {})) for each in plan["optimizers"]]
    rows.sort(key=lambda row: _standing(row, view.sign))
    return Numbers(
        task=plan["task"],
        metric=plan["metric"],
        higher_is_better=plan["higher_is_better"],
        target=study.target,
        seeds=plan["seeds"],
        budget=plan["budget"],
        steps=plan["steps"],
        rows=rows,
        pairs=pairs_of(rows, view.sign, plan["seeds"]),
        points=_points(view),
        curves=[point for row in rows for point in _curves(view, row)],
        diagnoses=[one for row in rows for one in diagnoses_of(view, row.name)],
        control=_control(view),
        runs=len(study.runs),
        failed=_counted(study.runs).filter(pl.col("status") != "trained").height,
        all_steps=int(study.runs["steps"].sum()),
        seconds=float(study.runs["seconds"].sum()),
        finished=study.finished,
        digests=study.digests,
        manifest=study.manifest,
    )


def recommended(record: Record, optimizer: str) -> Key | None:
    """The setting of an optimizer that the report will recommend; None where none trained."""
    view = View(record.get("plan"), record.runs(), pl.DataFrame())  # what is recommended, no curve decides
    setting, values = view.estimate(optimizer)
    if setting is None or not (values or any(view.kept(run) is not None for run in view.named(SEARCH, optimizer))):
        return None
    return Key(FINALISTS, optimizer, setting.rate, 0, setting.settings)


def _counted(runs: pl.DataFrame) -> pl.DataFrame:
    """The runs that say something of an optimizer: searched, repeated, or at its usual rate."""
    return runs.filter(pl.col("phase").is_in([SEARCH, FINALISTS, DEFAULT]))


def _points(view: View) -> list[Point]:
    return [
        Point(r["optimizer"], r["phase"], r["rate"], r["settings"], r["seed"], view.kept(r), r["status"])
        for r in _counted(view.runs).iter_rows(named=True)
    ]


def _curves(view: View, row: Row) -> list[CurvePoint]:
    """The loss and the metric at the recommended setting, median and range over the seeds that trained."""
    setting, _ = view.estimate(row.name)
    runs = view.at(row.name, setting or Setting(math.nan)).filter(pl.col("status") == "trained")
    wanted = view.curves.filter(
        pl.col("run").is_in(runs["id"].implode()) & pl.col("name").is_in(["train_loss", view.metric])
    )
    grouped = wanted.group_by("name", "step").agg(
        pl.col("seconds").median(),
        pl.col("value").median().alias("median"),
        pl.col("value").min().alias("low"),
        pl.col("value").max().alias("high"),
    )
    return [CurvePoint(row.name, **point) for point in grouped.sort("name", "step").iter_rows(named=True)]


def _control(view: View) -> Control | None:
    """What became of the run in which nothing was learned."""
    for run in view.named(CONTROL, "nothing"):
        return Control(run["status"], run["initial"], run["final"])
    return None


def _standing(row: Row, sign: float) -> tuple[bool, float]:
    """The order of the table: those where half or more failed last, the others by their mean."""
    hopeless = not math.isfinite(row.median)
    return hopeless, math.inf if math.isnan(row.mean.estimate) else sign * row.mean.estimate
