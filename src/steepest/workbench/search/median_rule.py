"""The median rule: a run ends where more than half of the runs before were better at the same step.

As in Golovin et al., "Google Vizier: a service for black-box optimization", 2017, section 3.2, with one difference: a
run that was ended counts as worse than all that went on.  If only runs that came to their end count, each of them is
from the better half of those before, so the bar rises with every run: on recorded runs of AdamW on `digits-mlp`
(quasi-random settings, 32 trials) that rule ends the run that would have won in 21 % of the searches, this one in 1 %
(`docs/tuning.md`).
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections.abc import Container, Iterable, Mapping
from statistics import median
from typing import Any

from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.model.outcome import DIVERGED, PRUNED
from steepest.workbench.model.plan import Plan
from steepest.workbench.model.schedules import falls_to_the_end
from steepest.workbench.search.pruner import Ended, Memory

FIRST = 0.1
"""The part of a run before which nothing is decided."""
LEAST_WHOLE = 4
"""Runs of an optimizer that came to their end, before one of them is ended."""
ONE_CHECKED_IN = 5
"""Of the runs that the rule would end, the first and then every fifth are trained to their end as a check."""


class MedianRule:
    """Ends runs of a search that are worse than half of those before.

    Optimizers are not compared with each other: one that learns slowly at first may win.  What counts is the best value
    so far, so that one bad evaluation ends no run.

    Args:
        steps: Of a whole run; 0 where only runs that came to their end tell, as those of a script.
        exempt: Optimizers whose runs all come to their end.
        one_checked_in: Of so many runs that the rule would end, one is a check; none is if 0.
    """

    phases: Container[str] = (SEARCH,)

    def __init__(self, steps: int, exempt: Container[str] = (), one_checked_in: int = ONE_CHECKED_IN) -> None:
        self.steps, self.exempt, self.one_checked_in = steps, exempt, one_checked_in
        self.memory = Memory()
        self._ended: set[Key] = set()
        self._results: dict[Key, float] = {}
        self._told: dict[str, Told] = {}

    def tell(self, run: Ended) -> None:
        """A run has ended.  One that was ended by the rule is given the result that it could have had."""
        told = self._of(run.key.optimizer)
        self.memory.under_way.pop(run.key, None)
        if run.status == PRUNED:
            self._ended.add(run.key)
            self._results[run.key] = told.result(run)
        told.add(run)

    def ends(self, key: Key, step: int, value: float) -> bool:
        """Whether more than half of the runs before were better at this step, and the run is no check."""
        best = self._best_so_far(key, step, value)
        checked = self.memory.checked
        if key in checked or not self._is_worse_than_half(key, step, best):
            return False
        before = sum(one.optimizer == key.optimizer for one in self._ended | set(checked))
        if self.one_checked_in and before % self.one_checked_in == 0:
            checked[key] = step
            return False
        self._ended.add(key)
        return True

    def result(self, key: Key) -> float:
        """What the run could have ended at."""
        return self._results.get(key, math.inf)

    def _best_so_far(self, key: Key, step: int, value: float) -> float:
        """With this value.  A run whose worker was killed begins again, so only earlier steps count."""
        bests = self.memory.under_way.setdefault(key, {})
        bests[step] = _least(min((best for at, best in bests.items() if at < step), default=math.inf), value)
        return bests[step]

    def _is_worse_than_half(self, key: Key, step: int, best: float) -> bool:
        told = self._of(key.optimizer)
        steps = self.steps or told.steps
        undecided = not FIRST * steps <= step < steps or len(told.whole) < LEAST_WHOLE
        return not undecided and key.optimizer not in self.exempt and told.better(step, best) > told.count / 2

    def _of(self, optimizer: str) -> Told:
        return self._told.setdefault(optimizer, Told())


def exempt(optimizers: Iterable[Mapping[str, Any]], steps: int) -> list[str]:
    """The optimizers, as a plan describes them, of which values on the way do not say how a run ends.

    Their rate falls to the end of the run: a rate that is too high for the middle of a run may be the best for its end.
    """
    return [one["name"] for one in optimizers if falls_to_the_end(one["schedule"], steps)]


def of_plan(plan: Plan) -> MedianRule:
    """The rule for a study."""
    return MedianRule(plan.steps, exempt(plan.optimizers, plan.steps))


class Told:
    """The runs of one optimizer that have ended."""

    def __init__(self) -> None:
        self.count = self.steps = 0
        self.whole: list[tuple[dict[int, float], float]] = []  # best values by step, and the result
        self._reached: dict[int, list[float]] = {}  # the best values at a step, in their order
        self._stopped: list[tuple[int, float]] = []  # runs that ended by themselves before the others

    def add(self, run: Ended) -> None:
        """One more."""
        bests = _bests(run.evaluations)
        self.count += 1
        for step, value in bests.items():
            if math.isfinite(value):
                insort(self._reached.setdefault(step, []), value)
        if run.status not in (PRUNED, DIVERGED) and bests:
            self.whole.append((bests, run.final))
            self.steps = max(self.steps, *bests)
            self._stopped.append((max(bests), min(bests.values())))

    def better(self, step: int, value: float) -> int:
        """How many were better at this step.  A run out of patience keeps its best value from then on."""
        kept = sum(last < step and best < value for last, best in self._stopped)
        return bisect_left(self._reached.get(step, []), value) + kept

    def result(self, run: Ended) -> float:
        """What a run could have ended at: its value, changed as those of whole runs changed from that step to the end.

        No better than the median of the whole runs: at its last step it was worse than half.
        """
        if not run.evaluations:
            return math.inf
        step, now = list(_bests(run.evaluations).items())[-1]
        pairs = [(bests[step], final) for bests, final in self.whole if step in bests and math.isfinite(final)]
        pairs = [(then, final) for then, final in pairs if math.isfinite(then)]
        if not pairs or not math.isfinite(now):
            return math.inf
        positive = now > 0 and all(then > 0 and final > 0 for then, final in pairs)
        if positive:
            changed = now * median(final / then for then, final in pairs)
        else:
            changed = now + median(final - then for then, final in pairs)
        return max(changed, median(final for _, final in pairs))


def _bests(evaluations: Iterable[tuple[int, float]]) -> dict[int, float]:
    """The best value so far at each step."""
    found, best = {}, math.inf
    for step, value in evaluations:
        best = found[step] = _least(best, value)
    return found


def _least(one: float, other: float) -> float:
    """The lesser; NaN is worst."""
    return one if math.isnan(other) else min(one, other)
