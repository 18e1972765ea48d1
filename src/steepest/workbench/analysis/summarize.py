"""From the data of a study to the results of its report."""

from __future__ import annotations

import math

import polars as pl

from steepest.workbench.analysis.axes import trials_of
from steepest.workbench.analysis.diagnosis import diagnoses_of
from steepest.workbench.analysis.failures import failures_of
from steepest.workbench.analysis.importance import Importance, importance_of
from steepest.workbench.analysis.optimizer_results import optimizer_result
from steepest.workbench.analysis.optimizer_row import OptimizerResult
from steepest.workbench.analysis.pairs import pairs_of
from steepest.workbench.analysis.points import CurvePoint, RunPoint
from steepest.workbench.analysis.pruning import Pruning, pruning_of
from steepest.workbench.analysis.results import AtOnceRuns, Control, Results
from steepest.workbench.analysis.selection import estimate
from steepest.workbench.analysis.study_data import StudyData
from steepest.workbench.analysis.tables import Tables
from steepest.workbench.analysis.tuning import tunings_of
from steepest.workbench.analysis.yardstick import yardstick_of
from steepest.workbench.model.diagnostics import RUNS_AT_ONCE
from steepest.workbench.model.key import CONTROL, OF_OPTIMIZERS, Key, Setting
from steepest.workbench.model.outcome import LAST, NOT_FAILED, TRAINED


def summarize(study: StudyData) -> Results:
    """The results of a study, finished or not."""
    plan = study.plan
    tables = Tables(plan, study.runs, study.curves)
    rows = [
        optimizer_result(tables, each, study.target, study.memory.get(each["name"], {})) for each in plan["optimizers"]
    ]
    rows.sort(key=lambda row: _rank(row, tables.sign))
    points, pruning = _points(tables), pruning_of(tables, study.pruning)
    return Results(
        task=plan["task"],
        metric=plan["metric"],
        higher_is_better=plan["higher_is_better"],
        target=study.target,
        seeds=plan["seeds"],
        budget=plan["budget"],
        steps=plan["steps"] or int(study.runs["steps"].max() or 0),  # type: ignore[arg-type]  of a script, its last step
        rows=rows,
        pairs=pairs_of(rows, tables.sign, plan["seeds"]),
        points=points,
        curves=[point for row in rows for point in _curves(tables, row)],
        diagnoses=[one for row in rows for one in diagnoses_of(tables, row.name)],
        control=_control(tables),
        yardstick=yardstick_of(tables, rows[0]),
        failures=failures_of(_counted(tables)),
        runs=len(study.runs),
        runs_with_curves=study.curves["run"].n_unique(),
        counted=_counted(tables).height,
        failed=_counted(tables).filter(~pl.col("status").is_in(NOT_FAILED)).height,
        all_steps=int(study.runs["steps"].sum()),
        seconds=float(study.runs["seconds"].sum()),
        finished=study.finished,
        digests=study.digests,
        manifest=study.manifest,
        card=study.card,
        pruning=pruning,
        importances=_importances(study, points, pruning, tables.sign),
        judged_by_best=study.judged_by != LAST,
        tuning=tunings_of(tables, study.gains),
        at_once=_at_once(tables),
        around_usual=tuple(study.around_usual),
    )


def _importances(study: StudyData, points: list[RunPoint], pruning: Pruning, sign: float) -> list[Importance]:
    """Which hyperparameters matter; a run that was ended early counts as what it could have come to."""
    if study.plan.get("rates"):
        return []
    found = []
    for name in (each["name"] for each in study.plan["optimizers"]):
        trials = trials_of(points, name)
        heights = [_height(trial, pruning, sign) for trial in trials]
        described = study.manifest["search_space"][name].get("also_searched", [])
        found.append(importance_of(name, trials, described, heights))
    return [one for one in found if one is not None]


def _height(trial: RunPoint, pruning: Pruning, sign: float) -> float:
    key = Key(trial.phase, trial.optimizer, trial.rate, trial.seed, trial.settings)
    return pruning.possible.get(key, math.inf) if trial.value is None else sign * trial.value


def _counted(tables: Tables) -> pl.DataFrame:
    """The runs that say something of an optimizer that was compared."""
    names = [each["name"] for each in tables.plan["optimizers"]]
    return tables.runs.filter(pl.col("phase").is_in(OF_OPTIMIZERS) & pl.col("optimizer").is_in(names))


def _points(tables: Tables) -> list[RunPoint]:
    return [
        RunPoint(r["optimizer"], r["phase"], r["rate"], r["settings"], r["seed"], tables.final(r), r["status"])
        for r in _counted(tables).iter_rows(named=True)
    ]


def _curves(tables: Tables, row: OptimizerResult) -> list[CurvePoint]:
    """The loss and the metric at the recommended setting, median and range over the seeds that trained."""
    setting = estimate(tables, row.name).setting
    runs = tables.at(row.name, setting or Setting(math.nan)).filter(pl.col("status") == TRAINED)
    wanted = tables.curves.filter(
        pl.col("run").is_in(runs["id"].implode()) & pl.col("name").is_in(["train_loss", tables.metric])
    )
    grouped = wanted.group_by("name", "step").agg(
        pl.col("seconds").median(),
        pl.col("value").median().alias("median"),
        pl.col("value").min().alias("low"),
        pl.col("value").max().alias("high"),
    )
    return [CurvePoint(row.name, **point) for point in grouped.sort("name", "step").iter_rows(named=True)]


def _at_once(tables: Tables) -> AtOnceRuns:
    found = tables.curves.filter(pl.col("name") == RUNS_AT_ONCE)
    most = int(found["value"].max() or 0)  # type: ignore[arg-type]
    return AtOnceRuns(found.height, most, tuple(found["phase"].unique(maintain_order=True)))


def _control(tables: Tables) -> Control | None:
    """The run of the optimizer that does nothing."""
    for run in tables.rows(CONTROL, "nothing"):
        return Control(run["status"], run["initial"], run["final"])
    return None


def _rank(row: OptimizerResult, sign: float) -> tuple[bool, float]:
    """The order of the table: by the median; optimizers of whose seeds half or more failed come last, by the mean."""
    best, others = row.median.estimate, row.mean.estimate
    failed = not math.isfinite(best)
    value = others if failed else best
    return failed, math.inf if math.isnan(value) else sign * value
