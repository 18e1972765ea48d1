"""The settings in which one optimizer is searched."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import Setting, values_of


@dataclass(frozen=True)
class SearchSpace:
    """The settings in which one optimizer is searched, as the unit cube.

    Args:
        candidate: The optimizer.
        centre: The middle of its range of rates.
        dimensions: The hyperparameters that are searched beside the rate.
        known: Results from before the search, lower is better.
    """

    candidate: Candidate
    centre: float
    dimensions: tuple[Dimension, ...] = ()
    known: tuple[tuple[Setting, float], ...] = ()

    def in_order(self, key: Callable[[Dimension], Any]) -> SearchSpace:
        """The same with its dimensions sorted."""
        return replace(self, dimensions=tuple(sorted(self.dimensions, key=key)))

    def at(self, point: Sequence[float]) -> Setting:
        """The setting at a point of the unit cube: the rate first, then the other dimensions."""
        return self.candidate.setting(point, self.dimensions, self.centre)

    def with_defaults(self, point: Sequence[float], count: int) -> Setting:
        """The setting where only the rate and the first `count` dimensions are set; the others stay as they are."""
        return self.candidate.setting(point, self.dimensions[:count], self.centre)

    def defaults(self) -> list[float]:
        """The point of the defaults: the middle of the rates, and 0.5 for a default that is not known."""
        return [self.candidate.default_position(self.centre), *(self._default(one) for one in self.dimensions)]

    @property
    def reach(self) -> list[tuple[float, float]]:
        """How far a search may go on along each coordinate: beyond 0 and 1 where the range is not the user's."""
        return [self.candidate.first_reach, *(one.reach for one in self.dimensions)]

    def has_default(self, dimension: Dimension) -> bool:
        """Whether the default is known, so that the dimension can be left out of a setting."""
        return self.candidate.default_of(dimension) is not None

    def point_of(self, setting: Setting) -> list[float]:
        """The point of a setting; of what it does not set, the default's."""
        values = values_of(setting.others)
        others = (
            one.position(values[one.name]) if one.name in values else self._default(one) for one in self.dimensions
        )
        return [self.candidate.first_position(setting, self.centre), *others]

    def set_in(self, setting: Setting) -> list[bool]:
        """Which coordinates a setting sets; the others have their defaults."""
        values = values_of(setting.others)
        return [True, *(one.name in values for one in self.dimensions)]

    def _default(self, dimension: Dimension) -> float:
        value = self.candidate.default_of(dimension)
        is_known = bool(dimension.choices) or isinstance(value, int | float)
        return dimension.position(value) if is_known else 0.5
