"""What the search of an optimizer varied, each with the place of a value between its bounds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steepest.workbench.model.key import SEARCH, values_of

if TYPE_CHECKING:
    from steepest.workbench.analysis.points import RunPoint

RATE = "learning rate"
OUTSIDE = 0.1
"""How far beyond the end of an axis a value lies that was not in the range that was searched."""
UNKNOWN = 0.5
"""The place of a value that a trial did not set, where the default is not known."""


@dataclass(frozen=True)
class Axis:
    """One hyperparameter, with the range in which it was searched.

    Args:
        name: Of the hyperparameter.
        low, high: Bounds of the value; of 1 - value where `from_one`.
        logarithmic: Whether its scale is.
        from_one: Whether 1 - value was searched.
        choices: Its values, where it is a choice.
        default: What a trial has that does not set it; None where that is not known.
    """

    name: str
    low: float = 0.0
    high: float = 1.0
    logarithmic: bool = False
    from_one: bool = False
    choices: tuple[Any, ...] = ()
    default: Any = None

    def position(self, value: Any) -> float:
        """The place of a value between 0 and 1, the greatest at 1; beyond them where it lies outside of the range.

        >>> Axis("eps", 1e-10, 1e-4, logarithmic=True).position(1e-7)
        0.5
        """
        value = self.default if value is None else value
        if value is None:
            return UNKNOWN
        if self.choices:
            return (self.choices.index(value) + 0.5) / len(self.choices) if value in self.choices else UNKNOWN
        found = 1 - value if self.from_one else value
        if not self.logarithmic:
            share = (found - self.low) / (self.high - self.low)
        else:
            share = math.log(found / self.low) / math.log(self.high / self.low) if found > 0 else -math.inf
        share = min(max(share, -OUTSIDE), 1 + OUTSIDE)
        return 1 - share if self.from_one else share

    def ends(self) -> list[Any]:
        """The values at its two ends, or all choices."""
        return list(self.choices) or [round(1 - end, 8) if self.from_one else end for end in (self.low, self.high)]


def trials_of(points: Sequence[RunPoint], optimizer: str) -> list[RunPoint]:
    """The trials of an optimizer, in the order in which they ended."""
    return [point for point in points if point.optimizer == optimizer and point.phase == SEARCH]


def axes_of(trials: Sequence[RunPoint], described: Sequence[Mapping[str, Any]]) -> list[Axis]:
    """The rate, and what else the trials vary; `described` is what the manifest says of the optimizer's space."""
    rates = [trial.rate for trial in trials]
    varied = {name for trial in trials for name in values_of(trial.settings)}
    axes = [Axis(RATE, min(rates), max(rates), logarithmic=True)] if len(set(rates)) > 1 else []
    return axes + [_axis(one) for one in described if one["name"] in varied]


def places(trial: RunPoint, axes: Sequence[Axis]) -> list[float]:
    """The trial as a point of the unit cube."""
    values = values_of(trial.settings)
    return [axis.position(trial.rate if axis.name == RATE else values.get(axis.name)) for axis in axes]


def _axis(described: Mapping[str, Any]) -> Axis:
    return Axis(
        described["name"],
        described.get("low", 0.0),
        described.get("high", 1.0),
        described.get("scale", "log") == "log" and "choices" not in described,
        described.get("of") == "1 - value",
        tuple(described.get("choices", ())),
        described.get("default"),
    )
