"""How good the best of k trials is, and so what one more trial is worth."""

from __future__ import annotations

import math
import warnings
from typing import Any

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.drawn import counts_drawn
from steepest.workbench.analysis.points import TuningPoint
from steepest.workbench.analysis.tables import Tables

CONFIDENCE = 0.8
"""Of the band, for all numbers of trials together."""
METHOD = "ks"
"""Of the band: that of Kolmogorov and Smirnov, exact and the same each time.  opda's default draws 100,000 samples in
processes that it forks: one report in three hung, because a fork has none of the threads of polars."""


def tuning_curve(tables: Tables, search: list[dict[str, Any]]) -> list[TuningPoint]:
    """The expected best of k trials, without replacement and without bias; and a band for its median.

    A trial that failed leaves the model as it was before training.  The band is exact for independent draws (Lourie,
    Cho, He, "Show your work with confidence", 2024); for quasi-random ones,
    which are spread more evenly, it is too wide.  Its ends are infinite where there are too few trials.
    """
    import numpy as np
    from opda.nonparametric import EmpiricalDistribution

    starts = [tables.sign * run["initial"] for run in search if run["initial"] is not None]
    worst = statistics.median(starts)
    values = [min(tables.oriented(run), worst) for run in search]
    if len(values) < 2 or not all(math.isfinite(value) for value in values):
        return []
    counts = np.array(counts_drawn(len(values)))
    expected = EmpiricalDistribution(values).u_tuning_curve(counts, minimize=True)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # equal values (failures) only widen it
        bands = EmpiricalDistribution.confidence_bands(values, CONFIDENCE, b=worst, method=METHOD)
    ends = [band.quantile_tuning_curve(counts, minimize=True) for band in (bands[2], bands[0])]
    points = []
    for count, middle, low, high in zip(counts, expected, *ends, strict=True):
        turned = sorted(tables.sign * float(end) for end in (low, high))
        points.append(TuningPoint(int(count), tables.sign * float(middle), *turned))
    return points
