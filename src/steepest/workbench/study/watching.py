"""Who watches a study beside the terminal: loggers, and the live page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from steepest.workbench.executors.executor import Executor
from steepest.workbench.live import check_packages, live_page
from steepest.workbench.progress.loggers import loggers
from steepest.workbench.progress.watcher import Watcher, Watchers
from steepest.workbench.progress.words import LIVE

if TYPE_CHECKING:
    from steepest.workbench.study.study import Study


class Watching:
    """The watchers that a caller asked for.

    Args:
        watcher: The caller's own; without one, the address of the live page is printed.
        log_to: The loggers, as `NAME` or `NAME:WHERE`.
        live: Whether there is a live page.

    Raises:
        UsageError: There is no such logger.
        WorkbenchError: A package is missing.
    """

    def __init__(self, watcher: Watcher | None, log_to: str | Sequence[str], live: bool) -> None:
        self.watcher, self.loggers, self.live = watcher or _Printing(), loggers(log_to), live
        if live:
            check_packages()

    def join(self, study: Study) -> None:
        """Let them watch this study."""
        several = [self.watcher, *self.loggers]
        if self.live:
            page = live_page(study.folder, study.plan.task)
            page.start(self.watcher.live)
            several.append(page)
        study.watcher = Watchers(several) if len(several) > 1 else several[0]

    def conduct(self, study: Study, executor: Executor, fresh: bool, dry_run: bool) -> Any:
        """The comparison, made under their eyes; with `dry_run` only the study's own watcher is told what it costs."""
        if not dry_run:
            self.join(study)
            return study.conduct(executor, fresh)
        study.watcher.cost(study.cost(executor))
        study.watcher.close()
        return None


class _Printing(Watcher):
    """Prints where the report can be seen, in a program that has no watcher of its own."""

    def live(self, address: str) -> None:
        print(LIVE.format(address), flush=True)
