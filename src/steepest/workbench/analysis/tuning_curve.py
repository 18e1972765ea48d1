"""How good the best of k trials is: what another trial is worth."""

from __future__ import annotations

import math
import warnings
from typing import Any

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.results import TuningPoint
from steepest.workbench.analysis.tables import View

CONFIDENCE = 0.8
"""Of the band, for all numbers of trials at once."""
METHOD = "ks"
"""Of the band: Kolmogorov and Smirnov's, exact and the same each time.  opda's own default draws 100,000 samples, and
forks a pool of processes for it: that hung one report in three, because a fork has none of polars' threads."""


def tuning_curve(view: View, search: list[dict[str, Any]]) -> list[TuningPoint]:
    """The expected best of k trials, without replacement and without bias; and a band for its median.

    A trial that failed leaves the model as it was before training.  The band is exact for independent draws (Lourie,
    Cho, He, "Show your work with confidence", 2024); quasi-random ones are spread more evenly, so that it is too wide.
    Its ends are infinite where so few trials say nothing.
    """
    import numpy as np
    from opda.nonparametric import EmpiricalDistribution

    starts = [view.sign * run["initial"] for run in search if run["initial"] is not None]
    worst = statistics.median(starts)
    values = [min(view.oriented(run), worst) for run in search]
    if len(values) < 2 or not all(math.isfinite(value) for value in values):
        return []
    counts = np.arange(1, len(values) + 1)
    expected = EmpiricalDistribution(values).u_tuning_curve(counts, minimize=True)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # equal values (failures) only widen it
        bands = EmpiricalDistribution.confidence_bands(values, CONFIDENCE, b=worst, method=METHOD)
    ends = [band.quantile_tuning_curve(counts, minimize=True) for band in (bands[2], bands[0])]
    points = []
    for count, middle, low, high in zip(counts, expected, *ends, strict=True):
        turned = sorted(view.sign * float(end) for end in (low, high))
        points.append(TuningPoint(int(count), view.sign * float(middle), *turned))
    return points
