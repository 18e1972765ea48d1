"""The tables of a record, and whether a file has them."""

import sqlite3
from pathlib import Path

from steepest.workbench.store.errors_of_database import DATABASE

SCHEMA_VERSION = 2
APPLICATION = 0x57EE9E57  # marks the file as ours, so that no other database passes for a study

SCHEMA = """
CREATE TABLE study (key TEXT PRIMARY KEY, value TEXT NOT NULL);           -- configuration and task, as JSON
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    phase TEXT NOT NULL,            -- range, control, search, finalists, default, diagnosis
    optimizer TEXT NOT NULL,
    rate REAL NOT NULL,
    settings TEXT NOT NULL,         -- other hyperparameters that were searched, as JSON; empty for none
    seed INTEGER NOT NULL,
    status TEXT NOT NULL,           -- trained, failed to train, diverged, pruned
    reason TEXT NOT NULL,
    steps INTEGER NOT NULL,
    seconds REAL NOT NULL,          -- in training steps, without evaluations
    initial REAL,                   -- the deciding metric before the first step
    final REAL,                     -- and at the end; NULL where it was not a number
    finished TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now')),
    node TEXT NOT NULL DEFAULT '',  -- the machine of a cluster that made it; empty for this one
    UNIQUE (phase, optimizer, rate, settings, seed)
);
CREATE TABLE curve (run INTEGER NOT NULL REFERENCES runs, step INTEGER, seconds REAL, loss REAL);
CREATE TABLE metrics (run INTEGER NOT NULL REFERENCES runs, step INTEGER, seconds REAL, name TEXT, value REAL);
CREATE TABLE interrupted (
    phase TEXT, optimizer TEXT, rate REAL, settings TEXT, seed INTEGER, state BLOB,
    PRIMARY KEY (phase, optimizer, rate, settings, seed)
);
CREATE INDEX curve_of_run ON curve (run);
CREATE INDEX metrics_of_run ON metrics (run);
"""


def is_study(folder: Path) -> bool:
    """Whether the folder holds a study of this workbench."""
    if not (folder / DATABASE).is_file():
        return False
    connection = sqlite3.connect(folder / DATABASE)
    try:
        marked = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION
        return marked or is_empty(connection)
    except sqlite3.DatabaseError:
        return False
    finally:
        connection.close()


def is_empty(connection: sqlite3.Connection) -> bool:
    """Whether there is no table, which is what a process leaves that was killed while it made the file."""
    return connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
