"""Adam untuned, against which every recommendation is measured."""

from __future__ import annotations

import math

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.optimizer_row import OptimizerResult
from steepest.workbench.analysis.pairs import pair_of
from steepest.workbench.analysis.results import Yardstick
from steepest.workbench.analysis.tables import Tables
from steepest.workbench.model.key import USUAL_RATE
from steepest.workbench.model.optimizers import YARDSTICK, is_yardstick


def yardstick_of(tables: Tables, best: OptimizerResult) -> Yardstick | None:
    """Adam at its usual rate, and the first of the table against it; None where it did not run."""
    name, rate, called = _which(tables, best)
    values = [tables.oriented(run) for run in tables.rows(USUAL_RATE, name)]
    if not values:
        return None
    mine, pasted = ([tables.sign * value for value in one] for one in (best.cross_fitted, best.values))
    against = pair_of(best.name, YARDSTICK.name, mine, values, tables.sign, pasted=(pasted, values)) if mine else None
    return Yardstick(
        optimizer=name,
        rate=rate,
        median=tables.unoriented(statistics.median_interval(values)),
        trained=sum(map(math.isfinite, values)),
        seeds=len(values),
        against=against,
        name=called,
    )


def _which(tables: Tables, best: OptimizerResult) -> tuple[str, float, str]:
    """The name of its runs, its rate, and what sentences call it."""
    (first, *_) = (each for each in tables.plan["optimizers"] if each["name"] == best.name)
    if "script" in first:
        return best.name, first["centre"], f"{best.name} as it is"
    names = [each["name"] for each in tables.plan["optimizers"] if is_yardstick(each)]
    return names[0] if names else YARDSTICK.name, YARDSTICK.centre, "Adam untuned"
