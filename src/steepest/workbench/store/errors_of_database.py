"""What a database says when it cannot be used, as sentences; and the lock of its one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steepest.workbench.errors import WorkbenchError

DATABASE = "study.db"


def lock_of_writer(folder: Path) -> sqlite3.Connection:
    """A second database, locked exclusively while there is a writer.

    The system releases the lock however the process ends, on every platform; a file with a process id stays.
    """
    with explained(folder):
        lock = sqlite3.connect(folder / f"{DATABASE}.lock", timeout=0.2, isolation_level=None)
    try:
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        lock.close()
        if "locked" not in str(error):
            raise WorkbenchError(f"{folder} cannot be written ({error}); choose another folder with --out.") from None
        raise WorkbenchError(
            f"Another process is writing to {folder}; wait for it to end, or choose another folder with --out."
        ) from None
    return lock


@contextmanager
def explained(folder: Path) -> Iterator[None]:
    """Turn errors of the database into a WorkbenchError."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise WorkbenchError(
            f"The record in {folder} could not be written ({error}); the runs before are kept. "
            "Make room or give permission, and repeat the same command."
        ) from error
    except sqlite3.DatabaseError as error:
        raise WorkbenchError(
            f"{folder / DATABASE} is not a study of this workbench ({error}); choose another folder."
        ) from error
