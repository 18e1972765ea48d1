"""The interface of samplers: a sampler decides which setting of an optimizer is tried next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

from steepest.workbench.model.key import Setting
from steepest.workbench.model.stage_gain import StageGain
from steepest.workbench.search.space import SearchSpace


class Sampler(Protocol):
    """Decides which setting of one optimizer is tried next.

    A study that is continued asks again for the settings that were tried before, and tells the stored results.  So
    the answers may depend on nothing but the seed and on what was told.
    """

    def knows(self, trial: int) -> int:
        """On how many of the first results the setting of a trial depends, at most `trial`; asked before `ask`.

        Trials that depend on the same results are made at the same time where that is faster.
        """
        ...

    def ask(self) -> Setting | None:
        """The next setting to try; None if there is none left."""
        ...

    def tell(self, setting: Setting, value: float) -> None:
        """The result of a setting: the deciding metric, with a sign such that lower is better; infinite if it failed.

        Results are told in the order of the questions, before a question as many as `knows` says.  With several
        workers the last few of them come later than the next questions, always the same number.
        """
        ...

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """The settings to try again, the best first, from the results of the whole search."""
        ...


@runtime_checkable
class InStages(Protocol):
    """A sampler that goes through stages, and can say what each has gained."""

    def gains(self, values: Sequence[float], known: int = 0, over: bool = False) -> list[StageGain]:
        """What each finished stage has gained, without the first `known` of them.

        Args:
            values: The results of the first trials, in the order of the questions, as `tell` had them.
            known: How many stages are known already.
            over: Whether there will be no more trials.
        """
        ...


@runtime_checkable
class InRounds(Protocol):
    """A sampler some of whose trials are the same with any number of workers, although they depend on results."""

    def waits(self, trial: int) -> bool:
        """Whether a trial is asked for when all the results have come that it knows, and none of them is left out."""
        ...


MakeSampler = Callable[[SearchSpace, int, int], Sampler]
"""Makes a sampler for the search of one optimizer, with the seed of the study and the number of trials."""


def by_result(results: Mapping[Setting, float]) -> list[Setting]:
    """The settings that trained, by their results alone."""
    return sorted((one for one in results if math.isfinite(results[one])), key=lambda one: (results[one], one))


class GivenRates:
    """The rates that the user gave, one after the other."""

    def __init__(self, rates: Iterable[float]) -> None:
        self.settings = map(Setting, rates)

    def knows(self, trial: int) -> int:
        """Nothing depends on results."""
        return 0

    def ask(self) -> Setting | None:
        """The next rate."""
        return next(self.settings, None)

    def tell(self, setting: Setting, value: float) -> None:
        """Nothing depends on results."""

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """By their results alone."""
        return by_result(results)
