"""One run that is to be made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from steepest.workbench.model.key import Key

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome

StopRequested = Callable[[], bool]
"""Whether to interrupt a run; asked after each of its steps."""
AtStep = Callable[[int], None]
"""Is told the step that a run has reached."""
Evaluated = Callable[[int, float], bool]
"""Is told the step and the metric of an evaluation; whether to end the run there."""
EvaluatedOne = Callable[[int, int, float], bool]
"""The same of several runs at once: is told the place of the run first."""
EndedOne = Callable[[int, "Outcome"], None]
"""Is told the place of a run that has ended or was interrupted, and its outcome."""


LEAST_AT_ONCE = 5
"""Runs of a group that is trained at once: the overhead of four at once is that of three or four alone."""


@dataclass(frozen=True)
class Job:
    """One run that is to be made, in this process or in another.

    Args:
        key: What identifies it.
        steps: Its length.
        saved: What an interrupted run left, to continue it.
        may_be_pruned: Whether it asks, after each evaluation, if it is to end there.
    """

    key: Key
    steps: int
    saved: bytes | None = None
    may_be_pruned: bool = False
