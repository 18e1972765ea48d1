"""A logger in a thread of its own: a service that is slow, or away, neither delays a study nor ends it."""

from __future__ import annotations

import queue
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.workbench.model.key import Key
from steepest.workbench.model.outcome import Outcome
from steepest.workbench.model.plan import Plan
from steepest.workbench.model.user_code import in_one_line
from steepest.workbench.progress.loggers.logger import LoggedResult, LoggedRun, LoggedStudy, Logger
from steepest.workbench.progress.watcher import Watcher

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results

PATIENCE = 120.0
"""Seconds that a logger may still write after the study: MLflow tries seven times to reach a server."""


class InBackground(Watcher):
    """Passes what concerns a logger on to it, in a thread; the first error ends its work with a warning.

    Args:
        name: What the user asked for.
        make: Makes the logger, in the thread.
        patience: Seconds to wait for it at the end.
    """

    def __init__(self, name: str, make: Callable[[], Logger], patience: float = PATIENCE) -> None:
        self.name, self.make, self.patience = name, make, patience
        self.metric = ""
        self.events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self.error: Exception | None = None
        self.has_warned = False
        self.thread: threading.Thread | None = None

    @property
    def needs_past(self) -> bool:
        """A study that was made without a logger is logged when it is repeated with one."""
        return True

    def opened(self, plan: Plan, folder: Path, identity: str) -> None:
        """Begin."""
        self.metric = plan.metric
        self._pass_on("open", LoggedStudy(plan, folder, identity))
        self.thread = threading.Thread(target=self._work, name=f"steepest-{self.name}", daemon=True)
        self.thread.start()

    def measured(self, key: Key, outcome: Outcome, time: float) -> None:
        """Pass the run on, without what it would continue from."""
        kept = Outcome(outcome.status, outcome.reason, outcome.trace)
        self._pass_on("run", LoggedRun(key, kept, time, self.metric))

    def result(self, results: Results, folder: Path, verdict: list[str], warnings: list[str]) -> None:
        """Pass the verdict and the files on."""
        rows = [(row.name, row.median.estimate, row.call) for row in results.rows]
        files = sorted([*folder.glob("*.png"), folder / "manifest.json"])
        self._pass_on("result", LoggedResult(verdict, warnings, rows, folder / "report.html", files))

    def close(self) -> None:
        """Wait until all is written, but not for ever."""
        if self.thread is None:
            return
        self._pass_on("close", None)
        self.thread.join(self.patience)
        if self.thread.is_alive():
            self._warn(f"it has not finished within {self.patience:g} seconds")
        elif self.error is not None:
            self._warn(in_one_line(self.error))

    def _pass_on(self, event: str, content: Any) -> None:
        if self.error is None:
            self.events.put((event, content))
        else:
            self._warn(in_one_line(self.error))

    def _work(self) -> None:
        try:
            logger, event = self.make(), ""
            while event != "close":
                event, content = self.events.get()
                if event == "close":
                    logger.close()
                else:
                    getattr(logger, event)(content)
        except Exception as error:  # whatever a service or its package does, the study goes on
            self.error = error

    def _warn(self, why: str) -> None:
        """Once, from the thread of the study, where a program may look for warnings."""
        if self.has_warned:
            return
        self.has_warned, why = True, why.rstrip(".")
        said = (
            f"Logging to {self.name} stopped: {why}.  The study goes on, and its folder has everything.  When the "
            "cause is mended, the same command or call logs what is missing."
        )
        try:
            warnings.warn(said, stacklevel=3)
        except UserWarning:  # a program that turns warnings into errors must not lose a study of days
            print(said, file=sys.stderr)
