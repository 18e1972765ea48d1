"""The values that a hyperparameter may have, by its name: what constructors refuse, and what the documentation says."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Range:
    """An interval of numbers.

    called: the hyperparameter in torch's words for a value outside.
    """

    low: float = 0.0
    high: float = math.inf
    low_is_open: bool = False
    high_is_open: bool = False
    called: str = ""

    def __contains__(self, value: Any) -> bool:
        above = value > self.low if self.low_is_open else value >= self.low
        below = value < self.high if self.high_is_open else value <= self.high
        return bool(above and below)

    def __str__(self) -> str:
        if self.high == math.inf:
            return f"{'>' if self.low_is_open else '≥'} {self.low:g}"
        return f"{'(' if self.low_is_open else '['}{self.low:g}, {self.high:g}{')' if self.high_is_open else ']'}"


RANGES = {
    "lr": Range(called="learning rate"),
    "eps": Range(called="epsilon value"),
    "weight_decay": Range(called="weight_decay value"),
    "momentum": Range(called="momentum value"),
    "momentum_decay": Range(called="momentum_decay value"),
    "alpha": Range(called="alpha value"),
    "rho": Range(high=1.0, called="rho value"),
    "lr_decay": Range(called="lr_decay value"),
    "initial_accumulator_value": Range(called="initial_accumulator_value value"),
    "betas": Range(high=1.0, high_is_open=True, called="beta parameter"),
}
"""Of every number that the name stands for; a name that is not here may have any value."""

POSITIVE = {
    "lr": Range(low_is_open=True, called="learning rate"),
    "eps": Range(low_is_open=True, called="epsilon value"),
}
OF_RULES = {"sparse_adam": POSITIVE}
"""Where a rule's ranges are narrower than those of its names."""


def ranges(rule: str) -> dict[str, Range]:
    """The ranges of a rule's hyperparameters, by their names."""
    return RANGES | OF_RULES.get(rule, {})
