"""From the tables of a study to the result of one optimizer."""

from __future__ import annotations

import math
from typing import Any

import polars as pl

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.ends import ends_of
from steepest.workbench.analysis.near_optimal import Band, near_optimal
from steepest.workbench.analysis.optimizer_row import OptimizerResult
from steepest.workbench.analysis.points import RatePoint, Tried
from steepest.workbench.analysis.results import RATE
from steepest.workbench.analysis.selection import estimate
from steepest.workbench.analysis.steadiness import spikes_of
from steepest.workbench.analysis.tables import Tables
from steepest.workbench.analysis.tuning_curve import tuning_curve
from steepest.workbench.model.candidate import call_of
from steepest.workbench.model.key import RANGE, SEARCH, USUAL_RATE, Setting, values_of
from steepest.workbench.model.outcome import PRUNED, TRAINED
from steepest.workbench.model.stage_gain import Edge
from steepest.workbench.scripts.candidate import script_line

TENTHS = 10
"""Points of a curve from which on its last tenth can be seen."""


def optimizer_result(
    tables: Tables, optimizer: dict[str, Any], target: float | None, memory: dict[str, int]
) -> OptimizerResult:
    """The result of an optimizer that the plan describes."""
    name = optimizer["name"]
    search = tables.rows(SEARCH, name)
    found = estimate(tables, name)
    chosen, values = found.setting or Setting(math.nan), found.values
    good = [value for value in values if math.isfinite(value)]
    final = tables.at(name, found.setting)
    steps, seconds = _to_target(tables, final, target)
    profile = _profile(tables, search)
    usual = [tables.oriented(run) for run in tables.rows(USUAL_RATE, name)]
    trained = [value for value in usual if math.isfinite(value)]
    return OptimizerResult(
        name=name,
        call=_call(optimizer, chosen),
        rate=chosen.rate,
        settings=values_of(chosen.others),
        values=[tables.sign * value for value in values],
        cross_fitted=[tables.sign * value for value in found.cross_fitted],
        other_finalists=[_tried(tables, *each) for each in found.others.items()],
        mean=tables.unoriented(statistics.mean_interval(good)),
        median=tables.unoriented(statistics.chosen_interval(values, tables.limits)),
        trained=len(good),
        share=statistics.wilson(len(good), len(values)),
        searched=len(search),
        searched_trained=sum(run["status"] == TRAINED for run in search),
        searched_pruned=sum(run["status"] == PRUNED for run in search),
        band=_band(tables, search, profile),
        spikes=spikes_of(tables, final),
        ends=_ends(tables, optimizer, search, chosen),
        falling=_falling(tables, final),
        steps_to_target=steps,
        seconds_to_target=seconds,
        step_seconds=float((final["seconds"] / final["steps"]).median() or math.nan) if final.height else math.nan,  # type: ignore[arg-type]
        schedule=optimizer["schedule"],
        default_rate=optimizer["centre"],
        default=tables.unoriented(statistics.median_interval(usual)),
        default_trained=len(trained),
        default_seeds=len(usual),
        rate_name=optimizer["script"]["rate"] if "script" in optimizer else RATE,
        state_bytes=memory.get("state"),
        parameter_bytes=memory.get("parameters"),
        tuning_cost=tables.cost(name, (RANGE, SEARCH)),
        tuning=tuning_curve(tables, search),
        line=[RatePoint(name, rate, tables.sign * value) for rate, value in profile if math.isfinite(value)],
    )


def _call(optimizer: dict[str, Any], chosen: Setting) -> str:
    settings = values_of(chosen.others)
    if "script" in optimizer:
        return script_line(optimizer, chosen.rate, settings)
    return call_of(optimizer, settings).replace("RATE", f"{chosen.rate:g}")


def _tried(tables: Tables, setting: Setting, values: list[float]) -> Tried:
    return Tried(setting.rate, values_of(setting.others), [tables.sign * value for value in values])


def _profile(tables: Tables, search: list[dict[str, Any]]) -> list[tuple[float, float]]:
    """The oriented metric against the rate.

    Where other hyperparameters vary too, each point is the median over it and its neighbours, which shows the effect of
    the rate apart from theirs.
    """
    values = [tables.oriented(run) for run in search]
    if any(run["settings"] for run in search):
        values = [statistics.median(values[max(0, place - 1) : place + 2]) for place in range(len(values))]
    return [(run["rate"], value) for run, value in zip(search, values, strict=True)]


def _band(tables: Tables, search: list[dict[str, Any]], profile: list[tuple[float, float]]) -> Band:
    starts = [tables.sign * run["initial"] for run in search if run["initial"] is not None]
    if not starts:  # a script need not say where it began
        return Band(math.nan, math.nan, False)
    initial = statistics.median(starts)
    return near_optimal([rate for rate, _ in profile], [value for _, value in profile], initial)


def _to_target(tables: Tables, runs: pl.DataFrame, target: float | None) -> tuple[float, float]:
    if target is None or runs.is_empty():
        return math.nan, math.nan
    reached = tables.metric_of(runs).filter(pl.col("oriented") <= tables.sign * target)
    first = reached.group_by("run").agg(pl.col("step").min(), pl.col("seconds").min())
    missing = [math.inf] * (runs.height - first.height)
    steps, seconds = ([float(x) for x in first[column]] + missing for column in ("step", "seconds"))
    return statistics.median(steps), statistics.median(seconds)


def _falling(tables: Tables, runs: pl.DataFrame) -> float:
    """The part of the whole improvement that was made in the last tenth of the run."""
    trained = runs.filter(pl.col("status") == TRAINED)
    curve = tables.metric_of(trained).group_by("step").agg(pl.col("oriented").median()).sort("step")
    if curve.height < (TENTHS if tables.is_script else 3):  # a script may report after each of three epochs
        return 0.0
    values, steps = curve["oriented"], curve["step"]
    before = curve.filter(pl.col("step") <= 0.9 * steps[-1])["oriented"][-1]
    whole = values[0] - values[-1]
    return (before - values[-1]) / whole if whole > 0 else 0.0


def _ends(tables: Tables, optimizer: dict[str, Any], search: list[dict[str, Any]], chosen: Setting) -> list[Edge]:
    if not any(run["status"] == TRAINED for run in search):
        return []
    tried = [Setting(run["rate"], run["settings"]) for run in search]
    return ends_of(optimizer, tables.plan.get("rates") or (), chosen, tried)
