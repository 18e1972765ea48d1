"""The curves of a study that fit into memory: all of a usual one, those that a report needs of a very large one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.workbench.model.key import RANGE, SEARCH
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.store.record import Record

if TYPE_CHECKING:
    import polars

MOST_POINTS = 400_000
"""Rows of all curves that are read, 2000 runs of the usual ones: 880,000 take 0.9 GB, 20 million would take 20."""
BEST_TRIALS = 100
"""Of each optimizer, whose curves are read of a larger study, beside those of all runs with fresh seeds."""


def curves_of(record: Record, runs: polars.DataFrame) -> polars.DataFrame:
    """The curves of these runs, or of those that a report needs.

    Args:
        record: Of the study.
        runs: All of them.
    """
    return record.curves() if record.points() <= MOST_POINTS else record.curves(_needed(record, runs))


def _needed(record: Record, runs: polars.DataFrame) -> list[int]:
    import polars as pl

    others = runs.filter(~pl.col("phase").is_in([RANGE, SEARCH]))["id"].to_list()
    trained = runs.filter((pl.col("phase") == SEARCH) & (pl.col("status") == TRAINED))
    ranked = trained.sort("final", descending=record.get("plan")["higher_is_better"], nulls_last=True)
    return sorted([*others, *ranked.group_by("optimizer").head(BEST_TRIALS)["id"].to_list()])
