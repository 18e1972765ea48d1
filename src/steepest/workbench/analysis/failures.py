"""Which runs did not train, how they ended, at which rates and steps."""

from __future__ import annotations

import polars as pl

from steepest.workbench.analysis.results import Failures
from steepest.workbench.model.outcome import NOT_FAILED


def failures_of(counted: pl.DataFrame) -> list[Failures]:
    """One record for each optimizer and each way to end without having trained, in the order of the runs."""
    runs = dict(counted.group_by("optimizer").len().iter_rows())
    grouped = (
        counted.filter(~pl.col("status").is_in(NOT_FAILED))
        .group_by("optimizer", "status", maintain_order=True)
        .agg(
            pl.len().alias("count"),
            *(pl.col(name).min().alias(f"{name} low") for name in ("rate", "steps")),
            *(pl.col(name).max().alias(f"{name} high") for name in ("rate", "steps")),
            pl.col("reason").first(),
        )
    )
    return [
        Failures(
            row["optimizer"],
            row["status"],
            row["count"],
            runs[row["optimizer"]],
            (row["rate low"], row["rate high"]),
            (row["steps low"], row["steps high"]),
            *_parted(row["reason"]),
        )
        for row in grouped.iter_rows(named=True)
    ]


def _parted(reason: str) -> tuple[str, str]:
    """The sentence, and the last lines of a script below it."""
    sentence, _, lines = reason.partition("\n")
    return sentence, lines
