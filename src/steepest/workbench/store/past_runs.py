"""The runs that a record holds, each with all that it measured."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from steepest.workbench.model.key import Key
from steepest.workbench.model.outcome import Outcome, Trace
from steepest.workbench.store.record import COLUMNS, Record


def past_runs(record: Record) -> Iterator[tuple[Key, Outcome, float]]:
    """Each run that has ended, how it ended, and when, in seconds since 1970; in the order in which they ended."""
    query = f"SELECT id, {COLUMNS}, status, reason, steps, seconds, finished FROM runs ORDER BY id"
    for run, *row in record.connection.execute(query).fetchall():
        *key, status, reason, steps, seconds, finished = row
        trace = Trace(steps, seconds, _losses(record, run), _metrics(record, run))
        yield Key(*key), Outcome(status, reason, trace), datetime.fromisoformat(finished).timestamp()


def _losses(record: Record, run: int) -> list[tuple[int, float, float]]:
    rows = record.connection.execute("SELECT step, seconds, loss FROM curve WHERE run = ? ORDER BY step", (run,))
    return [(step, seconds, math.nan if loss is None else loss) for step, seconds, loss in rows]


def _metrics(record: Record, run: int) -> list[tuple[int, float, str, float]]:
    query = "SELECT step, seconds, name, value FROM metrics WHERE run = ? ORDER BY step"
    rows = record.connection.execute(query, (run,))
    return [(step, seconds, name, math.nan if value is None else value) for step, seconds, name, value in rows]
