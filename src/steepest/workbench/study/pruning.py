"""The pruner of a study, and what the record holds of it: a study that is continued decides as without a break."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence

from steepest.workbench.model.job import Job
from steepest.workbench.model.key import Key
from steepest.workbench.model.outcome import TRAINED, Outcome
from steepest.workbench.model.plan import NO_PRUNING, Plan
from steepest.workbench.report.formatting import listed
from steepest.workbench.search.median_rule import exempt
from steepest.workbench.search.pruner import Ended, Memory, Pruner
from steepest.workbench.store.record import Record


class RecordedPruner:
    """A pruner whose memory is in the record.

    Args:
        pruner: Decides.
        record: Holds the runs, and what the pruner remembers.
        plan: Of the study.
    """

    def __init__(self, pruner: Pruner, record: Record, plan: Plan) -> None:
        self._pruner, self._record, self._metric = pruner, record, plan.metric
        self._sign = -1.0 if plan.higher_is_better else 1.0
        self.phases = pruner.phases
        self.memory = pruner.memory = Memory.of(record.get("pruning"))
        for key, status, final, evaluations in record.evaluated(plan.metric) if self.phases else ():
            if key.phase in self.phases:
                self._tell(key, status, final, evaluations)

    def tell(self, job: Job, outcome: Outcome) -> None:
        """A run has ended."""
        if job.may_be_pruned:
            trace, metric = outcome.trace, self._metric
            evaluations = [(step, value) for step, _, name, value in trace.metrics if name == metric and step > 0]
            self._tell(job.key, outcome.status, outcome.final(metric), evaluations)

    def ends(self, key: Key, step: int, value: float) -> bool:
        """Whether the run ends here."""
        checks = len(self.memory.checked)
        ends = self._pruner.ends(key, step, value)
        if len(self.memory.checked) > checks:
            self.remember()
        return ends

    def result(self, key: Key) -> float:
        """What a sampler is told of a run that was ended."""
        return self._pruner.result(key)

    def remember(self) -> None:
        """Store what the pruner has to know again: after a decision, and when runs are interrupted."""
        if self.phases:
            self._record.set(pruning=self.memory.stored())

    def _tell(self, key: Key, status: str, final: float | None, evaluations: Sequence[tuple[int, float]]) -> None:
        result = self._sign * final if status == TRAINED and final is not None else math.inf
        self._pruner.tell(Ended(key, status, result, [(step, self._sign * value) for step, value in evaluations]))


def warn_of_exempt(plan: Plan) -> None:
    """Say at the start which optimizers the pruner leaves alone."""
    if plan.prune == NO_PRUNING:
        return
    if names := exempt(plan.optimizers, plan.steps):
        warnings.warn(
            f"No run of {listed(names)} is ended early: the rate falls to the end of the run, so values on the way do "
            f"not say which run ends best.",
            stacklevel=2,
        )
