"""The report of a study that is under way, drawn again when somebody looks at it, and not too often."""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path

from markupsafe import Markup

from steepest.workbench.errors import WorkbenchError
from steepest.workbench.live.progress import Progress
from steepest.workbench.report.page import template
from steepest.workbench.report.sentences import CONTINUE
from steepest.workbench.store import folder as folders
from steepest.workbench.store.record import Record

SHORTEST_PAUSE, LONGEST_PAUSE = 2.0, 30.0
"""Seconds between two reports."""
SHARE = 20
"""Drawing takes about one part in so many of a processor: the training needs it."""
RUNNING = "The study is running, so every number here is provisional."
HERE = Path(__file__).parent


class GrowingReport:
    """Draws the report from the record, in a thread: whoever asks gets at once what there is.

    Args:
        folder: Of the study.
        progress: Counts the changes.
    """

    def __init__(self, folder: Path, progress: Progress) -> None:
        self.folder, self.progress = folder, progress
        self.lock = threading.Lock()  # held while it is drawn
        self.current = 0, self._waiting(0)
        """The number of the report, and its page."""
        self.pause, self.drawn_at = 0.0, -math.inf

    def ask(self) -> tuple[int, str]:
        """The report that there is, and its number; a newer one is begun where it is time for one."""
        current = self.current
        if current[0] != self.progress.changes and self._may_draw() and self.lock.acquire(blocking=False):
            threading.Thread(target=self._draw, name="steepest-live-report", daemon=True).start()
        return current

    def _may_draw(self) -> bool:
        return self.progress.is_over or time.monotonic() - self.drawn_at >= self.pause

    def _draw(self) -> None:
        began, number, html = time.thread_time(), self.progress.changes, self.current[1]
        try:
            html, self.progress.note = self._drawn(number), ""
        except Exception as error:  # the page keeps what it has, and the study goes on
            self.progress.note = f"the report could not be drawn ({type(error).__name__}: {error})"
        finally:
            self.current, self.drawn_at = (number, html), time.monotonic()
            self.pause = min(LONGEST_PAUSE, max(SHORTEST_PAUSE, SHARE * (time.thread_time() - began)))
            self.lock.release()

    def _drawn(self, number: int) -> str:
        from steepest.workbench.analysis.study_data import data_of
        from steepest.workbench.analysis.summarize import summarize
        from steepest.workbench.report.page import contents

        try:
            with Record(folders.existing(self.folder)) as record:
                results = summarize(data_of(record))
        except WorkbenchError:  # no run has ended yet
            return self._waiting(number)
        shown = contents(results)
        if not self.progress.is_over:
            shown["verdict"] = [sentence for sentence in shown["verdict"] if sentence != CONTINUE]
            shown["warnings"] = [RUNNING]
        return template("live.html", HERE).render(shown, number=number)

    def _waiting(self, number: int) -> str:
        return template("waiting.html", HERE).render(task=self.progress.task, charts=Markup("{}"), number=number)
