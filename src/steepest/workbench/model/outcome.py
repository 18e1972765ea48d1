"""What a run has measured, and how it ended."""

import math
from dataclasses import dataclass, field

TRAINED, FAILED, DIVERGED, INTERRUPTED, PRUNED = "trained", "failed to train", "diverged", "interrupted", "pruned"
"""How a run ends."""


@dataclass
class Trace:
    """What a run has measured so far.

    Args:
        step: Steps taken.
        seconds: Time spent in them, without evaluations.
        curve: (step, seconds, mean training loss since the point before).
        metrics: (step, seconds, name, value).
    """

    step: int = 0
    seconds: float = 0.0
    curve: list[tuple[int, float, float]] = field(default_factory=list)
    metrics: list[tuple[int, float, str, float]] = field(default_factory=list)

    def first(self, metric: str) -> float:
        """The metric before the first step; NaN where it was not measured."""
        return next((value for _, _, name, value in self.metrics if name == metric), math.nan)

    def last(self, metric: str) -> float:
        """The metric when it was last measured; NaN where it never was."""
        return next((value for _, _, name, value in reversed(self.metrics) if name == metric), math.nan)


@dataclass
class Outcome:
    """How a run ended.

    Args:
        status: trained, failed to train, diverged, interrupted, or pruned.
        reason: Why the status is not `trained`, in words; empty where it is.
        trace: What the run measured.
        saved: The state from which an interrupted run continues.
    """

    status: str
    reason: str
    trace: Trace
    saved: bytes | None = None

    def final(self, metric: str) -> float | None:
        """The metric at the end; None where it is not finite or was not measured, or where the run diverged."""
        last = self.trace.last(metric)
        return last if self.status != DIVERGED and math.isfinite(last) else None
