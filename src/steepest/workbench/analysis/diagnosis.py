"""What a step did to each layer, at the best setting and at the first rate above it that failed."""

from __future__ import annotations

import polars as pl

from steepest.workbench.analysis.results import Diagnosis, GaugePoint
from steepest.workbench.analysis.tables import View
from steepest.workbench.model.diagnostics import GRADIENT, NOT_FINITE, RATIO
from steepest.workbench.model.key import DIAGNOSIS

MOST_LAYERS = 12
"""Of a model, that a figure can show; of a larger one those that are spread evenly over it."""


def diagnoses_of(view: View, optimizer: str) -> list[Diagnosis]:
    """The diagnosis runs of an optimizer, the best setting first."""
    runs = view.runs.filter((pl.col("phase") == DIAGNOSIS) & (pl.col("optimizer") == optimizer)).sort("rate")
    found = []
    for place, run in enumerate(runs.iter_rows(named=True)):
        measured = view.curves.filter(pl.col("run") == run["id"])
        layers = _layers(measured)
        wanted = measured.filter(pl.col("name").is_in([GRADIENT, *(RATIO + layer for layer in layers)]))
        counts = measured.filter((pl.col("name") == NOT_FINITE) & (pl.col("value") > 0)).sort("step")
        found.append(
            Diagnosis(
                optimizer=optimizer,
                rate=run["rate"],
                status=run["status"],
                reason=run["reason"],
                best=place == 0,
                first_not_finite=counts["step"][0] if counts.height else None,
                points=[
                    GaugePoint(row["step"], row["name"].removeprefix(RATIO), row["name"] == GRADIENT, row["value"])
                    for row in wanted.sort("name", "step").iter_rows(named=True)
                ],
            )
        )
    return found


def _layers(measured: pl.DataFrame) -> list[str]:
    ratios = measured.filter(pl.col("name").str.starts_with(RATIO))
    layers = [name.removeprefix(RATIO) for name in ratios["name"].unique(maintain_order=True)]
    spacing = -(-len(layers) // MOST_LAYERS)
    return layers[:: max(1, spacing)]
