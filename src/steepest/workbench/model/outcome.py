"""What a run has measured, and how it ended."""

import math
from dataclasses import dataclass, field

TRAINED, FAILED, DIVERGED, INTERRUPTED, PRUNED = "trained", "failed to train", "diverged", "interrupted", "pruned"
"""How a run ends."""
NOT_FAILED = (TRAINED, PRUNED)
"""A run that a pruner ended was no failure: it was worse than others, and nobody knows how it would have ended."""
DIFFERS = "it was interrupted, and continued with other numbers"
"""What the reason of a run says that could not be continued as it would have gone on."""
LAST, LOWEST, HIGHEST = "last", "lowest", "highest"
"""Which value of its metric a run is judged by."""


def has_failed(status: str) -> bool:
    """Whether a run that has ended failed."""
    return status not in NOT_FAILED


@dataclass
class Trace:
    """What a run has measured so far.

    Args:
        step: Steps taken.
        seconds: Time spent in them, without evaluations.
        curve: (step, seconds, mean training loss since the point before).
        metrics: (step, seconds, name, value).
        judged_by: Which value of the metric is the run's: LAST, or the LOWEST or the HIGHEST after the first step.
    """

    step: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, float, float]] = field(default_factory=list)
    metrics: list[tuple[int, float, str, float]] = field(default_factory=list)
    judged_by: str = LAST

    def first(self, metric: str) -> float:
        """The metric before the first step; NaN where it was not measured."""
        return next((value for step, _, name, value in self.metrics if name == metric and step == 0), math.nan)

    def last(self, metric: str) -> float:
        """The metric when it was last measured; NaN where it never was."""
        return next((value for _, _, name, value in reversed(self.metrics) if name == metric), math.nan)

    def result(self, metric: str) -> float:
        """The metric by which the run is judged; NaN where it was not measured."""
        if self.judged_by == LAST:
            return self.last(metric)
        values = [value for step, value in self._evaluated(metric) if step > 0 and not math.isnan(value)]
        return self._best(values) if values else math.nan

    def evaluations_since_best(self, metric: str) -> int:
        """How often the metric was measured since it was at its best, the value before the first step included."""
        values = [value for _, value in self._evaluated(metric)]
        return len(values) - 1 - values.index(self._best(values))

    def _evaluated(self, metric: str) -> list[tuple[int, float]]:
        return [(step, value) for step, _, name, value in self.metrics if name == metric]

    def _best(self, values: list[float]) -> float:
        return max(values) if self.judged_by == HIGHEST else min(values)


@dataclass
class Outcome:
    """How a run ended.

    Args:
        status: trained, failed to train, diverged, interrupted, or pruned.
        reason: Why the status is not `trained`, in words; empty where it is.
        trace: What the run measured.
        saved: The state from which an interrupted run continues.
        node: The machine that made it, where that was one of a cluster.
    """

    status: str
    reason: str
    trace: Trace
    saved: bytes | None = None
    node: str = ""

    def final(self, metric: str) -> float | None:
        """The metric of the run; None where it is not finite or was not measured, or where the run diverged."""
        result = self.trace.result(metric)
        return result if self.status != DIVERGED and math.isfinite(result) else None
