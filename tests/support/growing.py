"""A study that grows at a test's command: the first runs of one that was recorded, and the live page of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steepest.workbench.live.server import LivePage
from steepest.workbench.model.key import Key
from steepest.workbench.model.plan import Plan
from steepest.workbench.store.record import COLUMNS, DATABASE, Record

ITS_TABLES = {"runs": "id", "curve": "run", "metrics": "run"}


class Growing:
    """The first runs of a recorded study, in a folder of their own."""

    def __init__(self, source: Path, folder: Path) -> None:
        folder.mkdir()
        self.folder, self.source = folder, source
        with sqlite3.connect(source / DATABASE) as whole, sqlite3.connect(folder / DATABASE) as copy:
            whole.backup(copy)
            self.keys = [Key(*row) for row in whole.execute(f"SELECT {COLUMNS} FROM runs ORDER BY id")]
            self.ends = [tuple(row) for row in whole.execute("SELECT status, final FROM runs ORDER BY id")]
        whole.close()
        copy.close()
        with Record(source) as record:
            self.plan = Plan(**record.get("plan"))

    def until(self, runs: int, finished: bool = False) -> None:
        """The study as it was when so many runs had ended."""
        record = sqlite3.connect(self.folder / DATABASE)
        record.execute("ATTACH ? AS whole", (str(self.source / DATABASE),))
        with record:
            for table, column in ITS_TABLES.items():
                record.execute(f"DELETE FROM main.{table}")
                record.execute(f"INSERT INTO main.{table} SELECT * FROM whole.{table} WHERE {column} <= ?", (runs,))
            record.execute("UPDATE study SET value = ? WHERE key = 'finished'", ("true" if finished else "false",))
        record.close()

    @contextmanager
    def page(self, done: int) -> Iterator[LivePage]:
        """The live page of a study that continues with so many runs."""
        self.until(done)
        page = LivePage(self.folder, self.plan.task)
        addresses: list[str] = []
        page.start(addresses.append)
        assert addresses == [page.address]
        page.begin(self.plan, len(self.keys), done)
        self.tell(page, 0, done)
        try:
            yield page
        finally:
            page.close()

    def tell(self, page: LivePage, first: int, last: int) -> None:
        """The page hears that these runs have ended."""
        for key, (status, final) in zip(self.keys[first:last], self.ends[first:last], strict=True):
            page.ended(key, status, final, self.plan.higher_is_better)

    def grow(self, page: LivePage, runs: int) -> None:
        """More runs end."""
        before = page.progress.done
        self.until(runs)
        self.tell(page, before, runs)
