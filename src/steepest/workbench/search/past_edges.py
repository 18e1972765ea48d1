"""A search whose last quarter goes on past an end of a range at which the best so far lies."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from steepest.workbench.model.key import Setting
from steepest.workbench.search.edges import End, Tried
from steepest.workbench.search.sampler import MakeSampler, Sampler
from steepest.workbench.search.space import SearchSpace

PART = 4
"""The last quarter of the trials goes on past an end, where one is open: in two rounds, the second from what the first
has found."""
FROM_TRIALS = 8
"""With fewer, a quarter is a trial or none."""


class PastEdges:
    """Another sampler for the first three quarters of the trials, and where the best lies at no open end for all.

    Half a decade of rates further with each trial, all else as in the best setting.  An end is open where the range is
    not the user's; what an optimizer cannot have is not tried.

    Args:
        sampler: The other one.
        space: What is searched.
        trials: How many there will be.
    """

    def __init__(self, sampler: Sampler, space: SearchSpace, trials: int) -> None:
        self.sampler, self.tried, self.trials = sampler, Tried(space), trials
        last = trials // PART if trials >= FROM_TRIALS else 0
        self.rounds = (trials - last, trials - last // 2)
        """The trials with which the two rounds begin."""
        self.asked: set[Setting] = set()
        self._theirs: set[Setting] = set()  # of the other sampler
        self._went_on = False
        self._ends: list[End] = []

    def knows(self, trial: int) -> int:
        """As `Sampler` says: a round knows the results of all trials before it."""
        first, second = self.rounds
        if not first <= trial < self.trials:
            return self.sampler.knows(trial)
        return max(self.sampler.knows(trial), second if trial >= second and self._went_on else first)

    def waits(self, trial: int) -> bool:
        """As `InRounds` says, where the other sampler asks for no results: its settings need no number of workers."""
        return self.rounds[0] <= trial < self.trials and not self.sampler.knows(trial)

    def ask(self) -> Setting | None:
        """The next setting."""
        trial = len(self.asked)
        setting = self._past_an_end(trial)
        if setting is None:
            setting = self.sampler.ask()
            if setting is not None:
                self._theirs.add(setting)
        if setting is not None:
            self.asked.add(setting)
        return setting

    def _past_an_end(self, trial: int) -> Setting | None:
        """The setting of a trial of the rounds; None where no end is open, or none lies beyond it that is new."""
        if not self.rounds[0] <= trial < self.trials:
            return None
        if trial in self.rounds:
            self._ends = self.tried.open_ends()
            self._went_on = self._went_on or bool(self._ends)
        if not self._ends:
            return None
        place = trial - self.rounds[trial >= self.rounds[1]]
        steps, which = divmod(place, len(self._ends))
        setting = self.tried.past(self._ends[which], steps + 1)
        return None if setting in self.asked else setting

    def tell(self, setting: Setting, value: float) -> None:
        """The result of a setting."""
        self.tried.add(setting, value)
        if setting in self._theirs:
            self.sampler.tell(setting, value)

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """As the other sampler has it."""
        return self.sampler.ranked(results)


def past_edges(make: MakeSampler) -> Callable[[SearchSpace, int, int], PastEdges]:
    """Makes the same sampler with a last quarter that goes on past an end."""
    return lambda space, seed, trials: PastEdges(make(space, seed, trials), space, trials)
