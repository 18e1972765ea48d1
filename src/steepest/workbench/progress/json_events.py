"""How a study gets on, for another program: one JSON object a line."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from steepest.workbench.model.cost import Cost
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.model.plan import Plan
from steepest.workbench.model.stage_gain import StageGain
from steepest.workbench.progress.watcher import Watcher

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results
    from steepest.workbench.analysis.tuning import Tuning
    from steepest.workbench.model.key import Key

SCHEMA = 1
"""It rises when an event loses a field, or a field changes its meaning."""


class JsonEvents(Watcher):
    """Writes `live`, `remark`, `cost`, `begin`, `run`, `ended`, `stage` and `result`, each flushed at once.

    live: address, where the report can be seen as it grows; only if that was asked for.
    remark: text, a sentence on how the runs will be made.
    cost: runs, steps, all_steps, seconds (null where only the first run can tell), workers,
    cheaper (a smaller budget and its seconds, or null), search (seconds of a search whose runs are not counted).
    begin: schema, plan, runs (about how many there will be), done, workers.  run: phase, optimizer, rate, settings,
    seed, steps, worker.  ended: the same without the last two, status, value (null where the run failed).
    stage (of `tune`): optimizer, stage, names (what it varied for the first time), trials, failed, best, gain with low
    and high (null where too few trained), kept, edges (name, value, side, longer: what to type).
    result: folder, verdict, rows by rank, warnings; tuning, where there were stages.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def live(self, address: str) -> None:
        """Where the report can be seen."""
        self._write("live", address=address)

    def begin(self, plan: Plan, runs: int, done: int, workers: int = 1) -> None:
        """The study begins, or continues."""
        self._write("begin", schema=SCHEMA, plan=asdict(plan), runs=runs, done=done, workers=workers)

    def cost(self, cost: Cost) -> None:
        """About what is left."""
        written = asdict(cost) | {"seconds": _finite(cost.seconds)}
        if cost.cheaper is not None:
            written["cheaper"] = [cost.cheaper[0], _finite(cost.cheaper[1])]
        self._write("cost", **written)

    def remark(self, sentence: str) -> None:
        """How the runs will be made."""
        self._write("remark", text=sentence)

    def started(self, key: Key, steps: int, worker: int = 0) -> None:
        """A run starts, or continues."""
        self._write("run", **_fields(key), steps=steps, worker=worker)

    def ended(self, key: Key, status: str, value: float | None, higher_is_better: bool) -> None:
        """A run has ended, or was found in the record."""
        self._write("ended", **_fields(key), status=status, value=_finite(value) if status == TRAINED else None)

    def stage(self, gain: StageGain) -> None:
        """A stage of the search of an optimizer is over."""
        edges = [one._asdict() for one in gain.edges]
        self._write("stage", **gain.stored() | {"edges": edges, "kept": gain.is_kept})

    def result(self, results: Results, folder: Path, verdict: list[str], warnings: list[str]) -> None:
        """All runs have been made, and the report is written."""
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
                "edges": [edge._asdict() for edge in row.ends],
            }
            for row in results.rows
        ]
        more = {"tuning": [_tuned(one) for one in results.tuning]} if results.tuning else {}
        self._write("result", folder=str(folder), verdict=verdict, rows=rows, warnings=warnings, **more)

    def _write(self, event: str, **fields: Any) -> None:
        print(json.dumps({"event": event, **fields}), file=self._stream, flush=True)


def _tuned(tuning: Tuning) -> dict[str, Any]:
    settings = [
        {
            "label": one.label,
            "rate": one.rate,
            "settings": one.settings,
            "search": one.search,
            "fresh": [_finite(bound) for bound in one.fresh],
            "trained": one.trained,
            "seeds": one.seeds,
        }
        for one in tuning.settings
    ]
    names = {"kept": tuning.kept, "at_default": tuning.at_default, "spared": tuning.spared}
    return {"optimizer": tuning.optimizer, "settings": settings} | names


def _fields(key: Key) -> dict[str, Any]:
    return {"phase": key.phase, "optimizer": key.optimizer, "rate": key.rate, "settings": key.values, "seed": key.seed}


def _finite(value: float | None) -> float | None:
    """The value; None for infinity and NaN, which JSON does not have."""
    return value if value is not None and math.isfinite(value) else None
