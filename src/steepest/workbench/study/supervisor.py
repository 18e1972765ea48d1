"""What the executor of a study tells it: passed on to the watcher, and to the pruner."""

from __future__ import annotations

from collections.abc import Callable

from steepest.workbench.model.job import Job
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.search.pruner import Pruner
from steepest.workbench.study.pruning import RecordedPruner


class StudySupervisor:
    """The study, as its executor sees it.

    Args:
        stop_requested: Whether all runs are to be interrupted.
        watcher: Is told what happens.
        pruner: Decides which runs end early.
        higher_is_better: The direction of the metric.
    """

    def __init__(
        self,
        stop_requested: Callable[[], bool],
        watcher: Watcher,
        pruner: Pruner | RecordedPruner,
        higher_is_better: bool,
    ) -> None:
        self.stop_requested, self.watcher, self.pruner = stop_requested, watcher, pruner
        self.sign = -1.0 if higher_is_better else 1.0

    def started(self, job: Job, worker: int) -> None:
        """A worker starts a run, or continues it."""
        self.watcher.started(job.key, job.steps, worker)

    def at_step(self, job: Job, step: int, worker: int) -> None:
        """The run of a worker has reached this step."""
        self.watcher.at_step(step, worker)

    def evaluated(self, job: Job, step: int, value: float, worker: int) -> bool:
        """The run of a worker has been evaluated.  Whether the run ends here."""
        self.watcher.evaluated(job.key, step, value, worker)
        return job.may_be_pruned and self.pruner.ends(job.key, step, self.sign * value)
