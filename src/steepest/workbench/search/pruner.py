"""The interface of pruners: a pruner decides, after each evaluation of a run, whether the run ends there."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from steepest.workbench.model.key import Key
from steepest.workbench.model.plan import Plan


class Ended(NamedTuple):
    """A run that has ended, as a pruner sees it; values have a sign such that lower is better.

    Args:
        key: The run.
        status: How it ended.
        final: Its result; infinite where it failed.
        evaluations: (step, value) of each evaluation after the first step; NaN where it was not a number.
    """

    key: Key
    status: str
    final: float
    evaluations: Sequence[tuple[int, float]]


@dataclass
class Memory:
    """What a pruner needs to know again when a study is continued, beside the runs that have ended.

    Args:
        checked: The runs that it would have ended and that are trained to their end as a check; and at which step.
        under_way: Of each run that has not ended, the best value so far at each evaluation.
    """

    checked: dict[Key, int] = field(default_factory=dict)
    under_way: dict[Key, dict[int, float]] = field(default_factory=dict)

    def stored(self) -> dict[str, Any]:
        """As the record keeps it."""
        under_way = [[*key, list(bests.items())] for key, bests in self.under_way.items()]
        return {"checked": [[*key, step] for key, step in self.checked.items()], "under_way": under_way}

    @classmethod
    def of(cls, stored: dict[str, Any] | None) -> Memory:
        """The inverse of `stored`; None is a study that has stored nothing."""
        if stored is None:
            return cls()
        return cls(
            {Key(*key): step for *key, step in stored["checked"]},
            {Key(*key): dict(map(tuple, bests)) for *key, bests in stored["under_way"]},
        )


class Pruner(Protocol):
    """Decides whether runs end early.

    A study that is continued gives it its memory, and tells the stored runs in the order in which they ended, before it
    asks anything.  The answers may depend on nothing else.
    """

    phases: Container[str]
    """The phases of a study whose runs ask it."""
    memory: Memory
    """What is stored of it."""

    def tell(self, run: Ended) -> None:
        """A run has ended."""
        ...

    def ends(self, key: Key, step: int, value: float) -> bool:
        """Whether the run ends here.

        Args:
            key: The run.
            step: Its steps so far.
            value: The deciding metric, with a sign such that lower is better.
        """
        ...

    def result(self, key: Key) -> float:
        """What a sampler is told of a run that was ended: a result that it could have had; infinite if unknown."""
        ...


class PossibleResults(Protocol):
    """A pruner, as far as it is asked what the runs that it ended could have come to."""

    def result(self, key: Key) -> float:
        """What a sampler is told of a run that was ended: a result that it could have had; infinite if unknown."""
        ...


MakePruner = Callable[[Plan], Pruner]
"""Makes a pruner for a study."""


class NoPruning:
    """Lets every run come to its end.  A run that diverges ends by itself, with any pruner."""

    phases: Container[str] = ()

    def __init__(self, plan: Plan | None = None) -> None:
        self.memory = Memory()

    def tell(self, run: Ended) -> None:
        """Nothing depends on results."""

    def ends(self, key: Key, step: int, value: float) -> bool:
        """Never."""
        return False

    def result(self, key: Key) -> float:
        """There is none."""
        return math.inf
