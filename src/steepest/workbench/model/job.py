"""One run that is to be made."""

from __future__ import annotations

from dataclasses import dataclass

from steepest.workbench.model.key import Key


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
