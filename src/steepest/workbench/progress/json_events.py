"""How a study gets on, for another program: one JSON object a line."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

from steepest.workbench.model.cost import Cost
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.model.plan import Plan
from steepest.workbench.progress.watcher import Watcher

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results
    from steepest.workbench.model.key import Key

SCHEMA = 1
"""It rises when an event loses a field, or a field changes its meaning."""


class JsonEvents(Watcher):
    """Writes `note`, `cost`, `begin`, `run`, `ended` and `result`, each flushed at once.

    note: text, a sentence on how the runs will be made.
    cost: runs, steps, all_steps, seconds, workers, cheaper (a smaller budget and its seconds, or null).
    begin: schema, plan, runs (about how many there will be), done, workers.  run: phase, optimizer, rate, settings,
    seed, steps, worker.  ended: the same without the last two, status, value (null where the run failed).
    result: folder, verdict, rows by rank, warnings.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """The study begins, or continues."""
        self._write("begin", schema=SCHEMA, plan=asdict(plan), runs=runs, done=done, workers=workers)

    def cost(self, cost: Cost) -> None:
        """About what is left."""
        self._write("cost", **asdict(cost))

    def note(self, sentence: str) -> None:
        """How the runs will be made."""
        self._write("note", text=sentence)

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        """A run starts, or continues."""
        self._write("run", **_fields(key), steps=steps, worker=worker)

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """A run has ended, or was found in the record."""
        self._write("ended", **_fields(key), status=status, value=_finite(value) if status == TRAINED else None)

    def result(self, results: Results, folder: str, verdict: list[str], warnings: list[str]) -> None:
        """The study is over."""
        rows = [
            {
                "optimizer": row.name,
                "rate": _finite(row.rate),
                "settings": row.settings,
                "median": [_finite(one) for one in row.median],
                "mean": [_finite(one) for one in row.mean],
                "trained": row.trained,
                "seeds": len(row.values),
                "call": row.call,
            }
            for row in results.rows
        ]
        self._write("result", folder=folder, verdict=verdict, rows=rows, warnings=warnings)

    def _write(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, **fields}), file=self._stream, flush=True)


def _fields(key: Key) -> dict[str, Any]:
    return {"phase": key.phase, "optimizer": key.optimizer, "rate": key.rate, "settings": key.values, "seed": key.seed}


def _finite(value: float | None) -> float | None:
    """The value; None for infinity and NaN, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None
