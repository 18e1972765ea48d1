"""What steps did to each layer, at the best setting and at the lowest rate above it that failed."""

from __future__ import annotations

import polars as pl

from steepest.workbench.analysis.points import Diagnosis, StepPoint
from steepest.workbench.analysis.tables import Tables
from steepest.workbench.model.diagnostics import GRADIENT_NORM, GRADIENTS_NOT_FINITE, UPDATE_RATIO
from steepest.workbench.model.key import DIAGNOSIS, values_of

MAX_LAYERS = 12
"""Of a model in a figure; of a larger model, layers that are spread evenly over it."""


def diagnoses_of(tables: Tables, optimizer: str) -> list[Diagnosis]:
    """The diagnosis runs of an optimizer, the best setting first."""
    runs = tables.runs.filter((pl.col("phase") == DIAGNOSIS) & (pl.col("optimizer") == optimizer)).sort("rate")
    found = []
    for place, run in enumerate(runs.iter_rows(named=True)):
        measured = tables.curves.filter(pl.col("run") == run["id"])
        layers = _layers(measured)
        wanted = measured.filter(pl.col("name").is_in([GRADIENT_NORM, *(UPDATE_RATIO + layer for layer in layers)]))
        counts = measured.filter((pl.col("name") == GRADIENTS_NOT_FINITE) & (pl.col("value") > 0)).sort("step")
        found.append(
            Diagnosis(
                optimizer=optimizer,
                rate=run["rate"],
                settings=values_of(run["settings"]),
                status=run["status"],
                reason=run["reason"],
                best=place == 0,
                first_not_finite=counts["step"][0] if counts.height else None,
                points=[
                    StepPoint(step, name.removeprefix(UPDATE_RATIO), name == GRADIENT_NORM, value)
                    for step, name, value in wanted.sort("name", "step").select("step", "name", "value").iter_rows()
                ],
            )
        )
    return found


def _layers(measured: pl.DataFrame) -> list[str]:
    ratios = measured.filter(pl.col("name").str.starts_with(UPDATE_RATIO))
    layers = [name.removeprefix(UPDATE_RATIO) for name in ratios["name"].unique(maintain_order=True)]
    spacing = -(-len(layers) // MAX_LAYERS)
    return layers[:: max(1, spacing)]
