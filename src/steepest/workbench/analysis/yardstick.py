"""Adam untuned, against which every recommendation is measured."""

from __future__ import annotations

import math

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.pairs import pair_of
from steepest.workbench.analysis.results import OptimizerResult, Yardstick
from steepest.workbench.analysis.tables import Tables
from steepest.workbench.model.key import USUAL_RATE
from steepest.workbench.model.optimizers import YARDSTICK, is_yardstick


def yardstick_of(tables: Tables, best: OptimizerResult) -> Yardstick | None:
    """Adam at its usual rate, and the first of the table against it; None where it did not run."""
    names = [each["name"] for each in tables.plan["optimizers"] if is_yardstick(each)]
    name = names[0] if names else YARDSTICK.name
    values = [tables.oriented(run) for run in tables.rows(USUAL_RATE, name)]
    if not values:
        return None
    mine, pasted = ([tables.sign * value for value in one] for one in (best.cross_fitted, best.values))
    against = pair_of(best.name, YARDSTICK.name, mine, values, tables.sign, pasted=(pasted, values)) if mine else None
    return Yardstick(
        optimizer=name,
        rate=YARDSTICK.centre,
        median=tables.unoriented(statistics.median_interval(values)),
        trained=sum(map(math.isfinite, values)),
        seeds=len(values),
        against=against,
    )
