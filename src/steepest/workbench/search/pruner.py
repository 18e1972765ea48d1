"""The interface of pruners: a pruner decides, after each evaluation of a run, whether the run ends there."""

from __future__ import annotations

from collections.abc import Container
from typing import Protocol

from steepest.workbench.model.key import Key


class Pruner(Protocol):
    """Decides whether runs end early."""

    phases: Container[str]
    """The phases of a study whose runs ask it."""

    def ends(self, key: Key, step: int, value: float) -> bool:
        """Whether the run ends here.

        Args:
            key: The run.
            step: Its steps so far.
            value: The deciding metric, with a sign such that lower is better.
        """
        ...


class NoPruning:
    """Lets every run come to its end.  A run that diverges ends by itself, with any pruner."""

    phases: Container[str] = ()

    def ends(self, key: Key, step: int, value: float) -> bool:
        """Never."""
        return False
