"""What is searched beside the rate: a hyperparameter of an optimizer, or a number of the task's own."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from steepest.workbench.errors import UsageError

LOG, LINEAR = "log", "linear"
"""Scales."""
OUTSIDE = 0.15
"""How far from its range a value is for a search that is below or above it."""
FARTHEST = 1.0
"""How far from its range, in widths of it, a search may go on: as far again on either side."""


@dataclass(frozen=True)
class Dimension:
    """A hyperparameter other than the rate, or an argument of the task function, that is searched.

    Args:
        name: What the report calls it, and the argument that takes its value unless `option` names another.
        low: Lower bound of the value; of 1 - value where `from_one`, as for the decay of an average.
        high: Upper bound, likewise.
        choices: Values to choose from, in place of bounds.
        scale: `linear`, or `log` for what may differ by orders of magnitude.
        integer: Whether only whole numbers are tried.
        option: The argument of the optimizer that takes the value.
        place: Its position in the argument, where that is a tuple.
        from_one: Whether 1 - value is searched in place of the value.
        trials: The least number of trials with which it is searched.
        of_task: Whether the task function takes it; the workbench finds that out.
        default: What the task has where it is not set; the workbench finds that out too.
        grows: The least and the greatest value, likewise of 1 - value where `from_one`, up to which a search may go on
            where the best lies at a bound; None for bounds that are to be kept, as those that a user gave.

    Raises:
        UsageError: There is nothing to search in.

    >>> Dimension("dropout", 0.0, 0.5).at(0.5)
    0.25
    >>> Dimension("weight_decay", 1e-4, 1.0, scale="log").at(0.5)
    0.01
    >>> Dimension("width", choices=(32, 64, 128)).at(0.5)
    64
    """

    name: str
    low: float = math.nan
    high: float = math.nan
    choices: tuple[Any, ...] = ()
    scale: str = LINEAR
    integer: bool = False
    option: str = ""
    place: int | None = None
    from_one: bool = False
    trials: int = 0
    of_task: bool = False
    default: Any = None
    grows: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if problem := self._problem():
            raise UsageError(f"{self.name} cannot be searched: {problem}.")

    def _problem(self) -> str:
        if self.name in ("lr", "rate", ""):
            return "the rate is always searched, so another argument is named here" if self.name else "it has no name"
        if self.choices:
            return self._problem_of_choices()
        bounds, problems = f"{self.low:g} to {self.high:g}", self._problems_of_bounds()
        return next((text.replace("BOUNDS", bounds) for text, found in problems if found), "")

    def _problems_of_bounds(self) -> list[tuple[str, bool]]:
        finite = math.isfinite(self.low) and math.isfinite(self.high)
        fractions = finite and (self.low != int(self.low) or self.high != int(self.high))
        return [
            (f"give two bounds or choices ({self.name}=0..0.5, {self.name}=32|64|128)", not finite),
            ("BOUNDS is one value; leave it out, or give a range", self.low == self.high),
            ("BOUNDS is the wrong way round; give the lower bound first", self.low > self.high),
            (f"there is no scale {self.scale!r}; give {LINEAR} or {LOG}", self.scale not in (LOG, LINEAR)),
            (
                f"BOUNDS has no logarithm; give a lower bound above 0, or leave out {LOG}",
                self.scale == LOG and self.low <= 0,
            ),
            ("BOUNDS are not whole numbers", self.integer and fractions),
            (f"BOUNDS is not within {self.grows}, up to which it may grow", not self._grows_beyond()),
        ]

    def _grows_beyond(self) -> bool:
        return self.grows is None or self.grows[0] <= self.low < self.high <= self.grows[1]

    def _problem_of_choices(self) -> str:
        if not all(isinstance(choice, str | int | float) for choice in self.choices):
            return f"{self.choices} cannot be stored; choose from numbers, words, True and False"
        if len({(type(choice), choice) for choice in self.choices}) < max(2, len(self.choices)):
            return f"{'|'.join(map(str, self.choices))} is {'one value' if len(self.choices) < 2 else 'given twice'}"
        return ""

    @property
    def argument(self) -> str:
        """The argument that takes the value."""
        return self.option or self.name

    def at(self, position: float) -> Any:
        """The value at a position between 0 and 1, rounded: the printed value is the one that runs."""
        if self.choices:
            return self.choices[min(int(position * len(self.choices)), len(self.choices) - 1)]
        if self.integer:
            found = self._between(self.low - 0.5, self.high + 0.5, position)
            return int(min(max(round(found), self.low), self.high))
        if position < 0 and self._grows_to_zero:
            return 0.0
        found = self._between(self.low, self.high, position)
        rounded = float(f"{found:.2g}" if self.scale == LOG else f"{found:.3g}")
        return round(1 - rounded, 8) if self.from_one else rounded

    def position(self, value: Any) -> float:
        """The inverse of `at`; a little outside of 0 to 1 for a value beyond the bounds, as no decay at all is."""
        if self.choices:
            return (self.choices.index(value) + 0.5) / len(self.choices) if value in self.choices else 0.5
        share, (lowest, highest) = self._share(1 - value if self.from_one else value), self.reach
        return min(max(share, min(lowest, -OUTSIDE)), max(highest, 1 + OUTSIDE))

    @property
    def reach(self) -> tuple[float, float]:
        """The positions between which a search may go on: 0 and 1 where the bounds are kept."""
        if self.grows is None:
            return 0.0, 1.0
        return max(self._share(self.grows[0]), 0.0 - FARTHEST), min(self._share(self.grows[1]), 1.0 + FARTHEST)

    @property
    def _grows_to_zero(self) -> bool:
        """Whether below the lower bound there is nothing but 0: a smaller decay is none."""
        return self.grows is not None and self.grows[0] == 0 and self.scale == LOG

    def _share(self, found: float) -> float:
        """The position of what is searched, with no limit; of 0 on a logarithmic scale a little below the range."""
        if self.scale == LOG:
            return math.log(found / self.low) / math.log(self.high / self.low) if found > 0 else -OUTSIDE
        return (found - self.low) / (self.high - self.low)

    def _between(self, low: float, high: float, position: float) -> float:
        return low * (high / low) ** position if self.scale == LOG else low + (high - low) * position

    def described(self) -> dict[str, Any]:
        """What a manifest says of it."""
        bounds = {"choices": list(self.choices)} if self.choices else {"low": self.low, "high": self.high}
        return {
            "name": self.name,
            **bounds,
            "scale": self.scale,
            "of": "the task" if self.of_task else "1 - value" if self.from_one else "value",
            "from_trials": self.trials,
        }

    def stored(self) -> dict[str, Any]:
        """What the record keeps of it: enough to tell two studies apart, and to write a call."""
        bounds = {"choices": list(self.choices)} if self.choices else {"low": self.low, "high": self.high}
        kept = {"name": self.name, "option": self.argument, "place": self.place, "from_one": self.from_one}
        return (
            kept
            | bounds
            | {"scale": self.scale, "integer": self.integer, "trials": self.trials, "of_task": self.of_task}
            | ({} if self.grows is None else {"grows": list(self.grows)})
        )


def from_stored(stored: Mapping[str, Any]) -> Dimension:
    """The inverse of `stored`, as far as a search needs it."""
    names = {one.name for one in fields(Dimension)}
    given = {name: value for name, value in stored.items() if name in names}
    lists = {name: tuple(given[name]) for name in ("choices", "grows") if given.get(name)}
    return Dimension(**given | lists)


def of_task(space: Mapping[str, Any]) -> bool:
    """Whether the task takes a stored dimension; studies of the first release have none that it takes."""
    return bool(space.get("of_task"))
