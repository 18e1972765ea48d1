"""The search of one optimizer: a sampler is asked for settings, and told what the record says of them."""

from __future__ import annotations

import math

from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.model.outcome import PRUNED, TRAINED
from steepest.workbench.model.plan import Plan
from steepest.workbench.search.pruner import PossibleResults
from steepest.workbench.search.sampler import Sampler
from steepest.workbench.store.record import Record


class CandidateSearch:
    """The search of one optimizer.

    Args:
        optimizer: Its name.
        sampler: Decides which setting is tried next.
        plan: Of the study.
        record: Holds the results.
        pruner: Says what a run that it ended could have come to.
    """

    def __init__(self, optimizer: str, sampler: Sampler, plan: Plan, record: Record, pruner: PossibleResults) -> None:
        self.optimizer, self.sampler, self.record, self.pruner = optimizer, sampler, record, pruner
        self.seed, self.sign = plan.seed, -1.0 if plan.higher_is_better else 1.0
        self.asked: list[Key] = []

    def next(self) -> Key | None:
        """The next trial; None if the sampler has no setting left."""
        self._tell_results()
        setting = self.sampler.ask()
        if setting is None:
            return None
        self.asked.append(Key(SEARCH, self.optimizer, setting.rate, self.seed, setting.others))
        return self.asked[-1]

    def _tell_results(self) -> None:
        """Tell the results that have come since, in the order of the questions."""
        for key in list(self.asked):
            if (result := self.record.result(key)) is not None:
                self.asked.remove(key)
                status, final = result
                value = math.inf if status != TRAINED or final is None else self.sign * final
                self.sampler.tell(key.setting, self.pruner.result(key) if status == PRUNED else value)
