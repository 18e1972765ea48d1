"""The interface of samplers: a sampler decides which setting of an optimizer is tried next."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from steepest.workbench.model.key import Setting
from steepest.workbench.search.space import SearchSpace


class Sampler(Protocol):
    """Decides which setting of one optimizer is tried next.

    A study that is continued asks again for the settings that were tried before, and tells the stored results.  So
    the answers may depend on nothing but the seed and on what was told.
    """

    def ask(self) -> Setting | None:
        """The next setting to try; None if there is none left."""
        ...

    def tell(self, setting: Setting, value: float) -> None:
        """The result of a setting: the deciding metric, with a sign such that lower is better; infinite if it failed.

        With several workers, results come later than the next questions.
        """
        ...

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """The settings that trained, the best first, from the results of the whole search."""
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

    def ask(self) -> Setting | None:
        """The next rate."""
        return next(self.settings, None)

    def tell(self, setting: Setting, value: float) -> None:
        """Nothing depends on results."""

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """By their results alone."""
        return by_result(results)
