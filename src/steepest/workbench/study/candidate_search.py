"""The search of one optimizer: a sampler is asked for settings, and told what the record says of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.model.outcome import PRUNED, TRAINED
from steepest.workbench.model.plan import Plan
from steepest.workbench.model.stage_gain import StageGain
from steepest.workbench.search.pruner import NoPruning, PossibleResults
from steepest.workbench.search.sampler import InRounds, InStages, Sampler
from steepest.workbench.store.record import Record

Ahead = Sequence[tuple[int, int]]
"""From which trial on, how many results before it a trial may be asked for without."""


class CandidateSearch:
    """The search of one optimizer.

    A trial knows the results that its sampler asks for, of the trials before it all but the last few, and always the
    same ones: so the settings depend on the seed and on how many runs are made at a time, and not on which of them ends
    first.

    Args:
        optimizer: Its name.
        sampler: Decides which setting is tried next.
        plan: Of the study.
        record: Holds the results.
        ahead: How many results a trial may be asked for without.
        pruner: Says what a run that it ended could have come to.
    """

    def __init__(
        self,
        optimizer: str,
        sampler: Sampler,
        plan: Plan,
        record: Record,
        ahead: Ahead = ((0, 0),),
        pruner: PossibleResults | None = None,
    ) -> None:
        self.optimizer, self.sampler, self.record, self.ahead = optimizer, sampler, record, ahead
        self.pruner = pruner or NoPruning()
        # 80 us each, which would be asked after each run of each optimizer
        self._has_stages, self._has_rounds = isinstance(sampler, InStages), isinstance(sampler, InRounds)
        self.seed, self.sign = plan.seed, -1.0 if plan.higher_is_better else 1.0
        self.asked: list[Key] = []
        self.values: list[float] = []  # of the first trials, lower is better
        self.told = 0  # how many of them the sampler knows

    def is_ready(self) -> bool:
        """Whether the results that the next trial knows are there."""
        self._read_results()
        return len(self.values) >= self._known

    def next(self) -> Key | None:
        """The next trial, where it is ready; None if the sampler has no setting left."""
        setting = self.sampler.ask()
        if setting is None:
            return None
        self.asked.append(Key(SEARCH, self.optimizer, setting.rate, self.seed, setting.others))
        return self.asked[-1]

    def gains(self, known: int, over: bool) -> list[StageGain]:
        """What the finished stages have gained, without the first `known` of them.

        Args:
            over: Whether there will be no more trials.
        """
        self._read_results()
        if not self._has_stages:
            return []
        found = cast(InStages, self.sampler).gains(self.values, known, over)
        return [replace(one, best=None if one.best is None else self.sign * one.best) for one in found]

    @property
    def _known(self) -> int:
        """How many results the next trial knows."""
        trial = len(self.asked)
        if self._has_rounds and cast(InRounds, self.sampler).waits(trial):
            return self.sampler.knows(trial)
        ahead = next(count for first, count in reversed(self.ahead) if first <= trial)
        return max(0, min(self.sampler.knows(trial), trial - ahead))

    def _read_results(self) -> None:
        """Take the results that have come since, in the order of the questions; tell what the next trial knows."""
        for place in range(len(self.values), len(self.asked)):
            key = self.asked[place]
            if (result := self.record.result(key)) is None:
                break
            status, final = result
            value = math.inf if status != TRAINED or final is None else self.sign * final
            self.values.append(self.pruner.result(key) if status == PRUNED else value)
        self._tell()

    def _tell(self) -> None:
        for place in range(self.told, min(self._known, len(self.values))):
            self.sampler.tell(self.asked[place].setting, self.values[place])
            self.told = place + 1


def ahead_of(record: Record, workers: int, optimizers: int) -> list[tuple[int, int]]:
    """How many results the trials of a study may be asked for without, so that no worker waits for long.

    One more than there are runs of an optimizer under way beside the new one: after a run that fails at once, the next
    need not wait for the one that began before it.  A study that goes on with another number of workers keeps what it
    had for all trials that can be in its record.
    """
    now = 0 if workers == 1 else -(-workers // optimizers)
    found = [(first, count) for first, count in record.get("ahead") or []]
    searched = [key for key in record.done() if key.phase == SEARCH]
    if not searched or not found:
        return [(0, now)]
    if found[-1][1] == now:
        return found
    most = max(sum(key.optimizer == name for key in searched) for name in {key.optimizer for key in searched})
    return [*found, (most + found[-1][1], now)]
