"""The record of a study: one SQLite file in its folder, with one writer.

A run is written in a single transaction when it ends, so that a killed process loses at most the current run.
"""

from __future__ import annotations

import json
import math
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.workbench.errors import WorkbenchError
from steepest.workbench.model.key import RANGE, Key
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.model.rising import RisingCurve, rising_rates
from steepest.workbench.store.errors_of_database import DATABASE, explained, lock_of_writer
from steepest.workbench.store.schema import APPLICATION, SCHEMA, SCHEMA_VERSION, is_empty

if TYPE_CHECKING:
    import polars

    from steepest.workbench.model.candidate import Candidate
    from steepest.workbench.model.outcome import Outcome

SYNCED_EVERY = 1.0
"""Seconds: a power cut loses the runs since the disk was last waited for; a killed process loses none of them.  A disk
that takes 10 ms would hold a study of 1000 slots to 100 runs a second, which it would wait for one by one."""
COLUMNS = ", ".join(Key._fields)
IS_KEY = " AND ".join(f"{field} = ?" for field in Key._fields)


class Record:
    """The runs of one study.  Close it, or use it in a `with` statement.

    Args:
        folder: The folder of the study.  It must exist.
        write: Whether runs will be added.  There is one writer at a time.
    """

    def __init__(self, folder: Path, write: bool = False) -> None:
        self.folder = folder
        self._costs: dict[tuple[str, str], tuple[float, int]] = {}  # of the one writer: a sum over all runs takes 50 ms
        self._synced, self._waits = -SYNCED_EVERY, None
        self.lock = lock_of_writer(folder) if write else None
        self.connection = sqlite3.connect(folder / DATABASE, isolation_level=None)
        try:
            self._open(write)
        except BaseException:
            self.close()
            raise

    def _open(self, write: bool) -> None:
        with explained(self.folder):
            if write and is_empty(self.connection):
                self._create()
            version = self.connection.execute("PRAGMA user_version").fetchone()[0]
            if write and version == SCHEMA_VERSION and not self._knows_nodes():
                self.connection.execute("ALTER TABLE runs ADD COLUMN node TEXT NOT NULL DEFAULT ''")
        if version != SCHEMA_VERSION:
            raise WorkbenchError(
                f"{self.folder} was written with version {version} of the record and this program reads version "
                f"{SCHEMA_VERSION}; use the release that wrote it, or another folder."
            )

    def _knows_nodes(self) -> bool:
        """Whether the record was begun since runs are made on several machines."""
        return any(column[1] == "node" for column in self.connection.execute("PRAGMA table_info(runs)"))

    def _create(self) -> None:
        self.connection.execute("PRAGMA journal_mode = WAL")
        marks = f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {SCHEMA_VERSION};"
        self.connection.executescript(f"BEGIN; {marks} {SCHEMA} COMMIT;")

    def __enter__(self) -> Record:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the database, and release the lock of the writer."""
        self.connection.close()
        if self.lock is not None:
            self.lock.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with explained(self.folder):
            self.connection.execute("BEGIN IMMEDIATE")
            try:
                yield self.connection
            except BaseException:
                self.connection.execute("ROLLBACK")
                raise
            self.connection.execute("COMMIT")

    def get(self, key: str) -> Any:
        """A value of the study's description, or None."""
        row = self.connection.execute("SELECT value FROM study WHERE key = ?", (key,)).fetchone()
        return None if row is None else json.loads(row[0])

    def set(self, **values: Any) -> None:
        """Store values of the study's description."""
        with self._transaction() as db:
            pairs = [(key, json.dumps(value)) for key, value in values.items()]
            db.executemany("INSERT OR REPLACE INTO study VALUES (?, ?)", pairs)

    def clear(self) -> None:
        """Delete the study."""
        with self._transaction() as db:
            for table in ("curve", "metrics", "interrupted", "runs", "study"):
                db.execute(f"DELETE FROM {table}")
        self._costs.clear()

    def add(self, key: Key, outcome: Outcome, metric: str) -> None:
        """Store a run that has ended."""
        trace = outcome.trace
        ends = (trace.first(metric), outcome.final(metric))
        row = (*key, outcome.status, outcome.reason, trace.step, trace.seconds, *ends, outcome.node)
        columns = f"{COLUMNS}, status, reason, steps, seconds, initial, final, node"
        places = ", ".join("?" * len(row))
        self._wait_for_the_disk_now_and_then()
        with self._transaction() as db:
            run = db.execute(f"INSERT INTO runs ({columns}) VALUES ({places})", row).lastrowid
            db.executemany("INSERT INTO curve VALUES (?, ?, ?, ?)", [(run, *point) for point in trace.curve])
            db.executemany("INSERT INTO metrics VALUES (?, ?, ?, ?, ?)", [(run, *point) for point in trace.metrics])
            db.execute(f"DELETE FROM interrupted WHERE {IS_KEY}", key)
        if (spent := self._costs.get(key[:2])) is not None:
            self._costs[key[:2]] = spent[0] + trace.seconds, spent[1] + trace.step

    def _wait_for_the_disk_now_and_then(self) -> None:
        is_due = time.monotonic() - self._synced >= SYNCED_EVERY
        if is_due:
            self._synced = time.monotonic()
        if is_due != self._waits:
            self._waits = is_due
            self.connection.execute(f"PRAGMA synchronous = {'FULL' if is_due else 'NORMAL'}")

    def interrupt(self, key: Key, state: bytes) -> None:
        """Store the state of an interrupted run, to be continued."""
        with self._transaction() as db:
            places = ", ".join("?" * (len(key) + 1))
            db.execute(f"INSERT OR REPLACE INTO interrupted ({COLUMNS}, state) VALUES ({places})", (*key, state))

    def interrupted(self, key: Key) -> bytes | None:
        """The state of this run, if it was interrupted."""
        row = self.connection.execute(f"SELECT state FROM interrupted WHERE {IS_KEY}", key).fetchone()
        return None if row is None else row[0]

    def done(self) -> set[Key]:
        """The runs that have ended."""
        return {Key(*row) for row in self.connection.execute(f"SELECT {COLUMNS} FROM runs")}

    def has(self, key: Key) -> bool:
        """Whether this run has ended."""
        return self.connection.execute(f"SELECT 1 FROM runs WHERE {IS_KEY}", key).fetchone() is not None

    def amount(self) -> tuple[int, int]:
        """How many runs have ended, and the steps of all of them."""
        return self.connection.execute("SELECT count(*), coalesce(sum(steps), 0) FROM runs").fetchone()

    def holds_work(self) -> bool:
        """Whether any run has ended or was interrupted."""
        tables = ("runs", "interrupted")
        return any(self.connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)

    def cost(self, phase: str, optimizer: str) -> tuple[float, int]:
        """Seconds of training and steps in a phase."""
        if (known := self._costs.get((phase, optimizer))) is not None:
            return known
        query = "SELECT total(seconds), coalesce(sum(steps), 0) FROM runs WHERE phase = ? AND optimizer = ?"
        found = self.connection.execute(query, (phase, optimizer)).fetchone()
        if self.lock is not None:
            self._costs[phase, optimizer] = found
        return found

    def first_seconds(self, phase: str, optimizer: str) -> float | None:
        """Seconds of the first run in a phase that trained; None where none has."""
        query = "SELECT seconds FROM runs WHERE phase = ? AND optimizer = ? AND status = ? ORDER BY id LIMIT 1"
        row = self.connection.execute(query, (phase, optimizer, TRAINED)).fetchone()
        return None if row is None else row[0]

    def ended(self, phase: str, optimizer: str) -> list[tuple[Key, str, float | None]]:
        """Key, status and final metric of an optimizer's runs in a phase, in the order of the keys."""
        query = f"SELECT {COLUMNS}, status, final FROM runs WHERE phase = ? AND optimizer = ? ORDER BY {COLUMNS}"
        rows = self.connection.execute(query, (phase, optimizer))
        return [(Key(*row[:-2]), row[-2], row[-1]) for row in rows]

    def result(self, key: Key) -> tuple[str, float | None] | None:
        """Status and final metric of a run; None where it has not ended."""
        return self.connection.execute(f"SELECT status, final FROM runs WHERE {IS_KEY}", key).fetchone()

    def has_trained(self) -> bool:
        """Whether any run has trained."""
        return self.connection.execute("SELECT 1 FROM runs WHERE status = ? LIMIT 1", (TRAINED,)).fetchone() is not None

    def failures(self) -> list[str]:
        """Why each run that did not train did not, in the order in which they ended."""
        rows = self.connection.execute("SELECT reason FROM runs WHERE status != ? ORDER BY id", (TRAINED,))
        return [reason for (reason,) in rows]

    def forget_runs(self) -> None:
        """Delete all runs, and keep the description of the study."""
        with self._transaction() as db:
            for table in ("curve", "metrics", "runs", "interrupted"):
                db.execute(f"DELETE FROM {table}")
        self._costs.clear()

    def all_ended(self) -> Iterator[tuple[Key, str, float | None]]:
        """Key, status and final metric of every run, in the order in which they ended."""
        rows = self.connection.execute(f"SELECT {COLUMNS}, status, final FROM runs ORDER BY id")
        return ((Key(*row[:-2]), row[-2], row[-1]) for row in rows)

    def evaluated(self, metric: str) -> list[tuple[Key, str, float | None, list[tuple[int, float]]]]:
        """Every run, in the order in which they ended: key, status, final metric, the metric after the first step."""
        values: dict[int, list[tuple[int, float]]] = {}
        query = "SELECT run, step, value FROM metrics WHERE name = ? AND step > 0 ORDER BY run, step"
        for run, step, value in self.connection.execute(query, (metric,)):
            values.setdefault(run, []).append((step, math.nan if value is None else value))
        rows = self.connection.execute(f"SELECT {COLUMNS}, status, final, id FROM runs ORDER BY id")
        return [(Key(*row[:-3]), row[-3], row[-2], values.get(row[-1], [])) for row in rows]

    def rising_curves(self, candidate: Candidate, steps: int) -> list[RisingCurve]:
        """The runs with a rising rate."""
        rates, curves = rising_rates(candidate.centre, steps), []
        query = "SELECT id, seed FROM runs WHERE phase = ? AND optimizer = ? ORDER BY seed"
        for run, seed in self.connection.execute(query, (RANGE, candidate.name)).fetchall():
            rows = self.connection.execute("SELECT loss FROM curve WHERE run = ? ORDER BY step", (run,))
            losses = [math.nan if loss is None else loss for (loss,) in rows]
            curves.append(RisingCurve(seed, rates[: len(losses)], losses))
        return curves

    def runs(self) -> polars.DataFrame:
        """One row for each run."""
        node = "" if self._knows_nodes() else ", '' AS node"
        return self._frame(f"SELECT *{node} FROM runs ORDER BY id")

    def curves(self, of: Sequence[int] | None = None) -> polars.DataFrame:
        """Training losses and metrics, one row for each value; the training loss is named `train_loss`.

        Args:
            of: The ids of the runs; all if None.
        """
        chosen = "" if of is None else " WHERE runs.id IN (SELECT value FROM json_each(:ids))"
        return self._frame(
            f"SELECT run, {COLUMNS}, step, curve.seconds, 'train_loss' AS name, loss AS value"
            f" FROM runs JOIN curve ON runs.id = run{chosen}"
            f" UNION ALL SELECT run, {COLUMNS}, step, metrics.seconds, name, value"
            f" FROM runs JOIN metrics ON runs.id = run{chosen} ORDER BY run, name, step",
            {} if of is None else {"ids": json.dumps(list(of))},
        )

    def points(self) -> int:
        """How many rows all curves have."""
        tables = ("curve", "metrics")
        return sum(self.connection.execute(f"SELECT coalesce(max(rowid), 0) FROM {t}").fetchone()[0] for t in tables)

    def _frame(self, query: str, values: Mapping[str, Any] | None = None) -> polars.DataFrame:
        import polars

        cursor = self.connection.execute(query, values or {})
        columns = [column[0] for column in cursor.description]
        texts = {"phase", "optimizer", "settings", "status", "reason", "finished", "name", "node"}
        whole = {"id", "run", "seed", "steps", "step"}
        types = {
            name: polars.String if name in texts else polars.Int64 if name in whole else polars.Float64
            for name in columns
        }
        return polars.DataFrame(cursor.fetchall(), schema=types, orient="row")
