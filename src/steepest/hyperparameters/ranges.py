"""The values that a hyperparameter may have, by its name: what constructors refuse, and what the documentation says."""

import math
from dataclasses import dataclass, replace
from typing import Any

from steepest.compiler.rule import Rule


@dataclass(frozen=True)
class Range:
    """An interval of numbers.

    called: the hyperparameter, as torch calls it where a value is outside.
    said: torch's whole sentence, where it is another one.
    """

    low: float = 0.0
    high: float = math.inf
    low_is_open: bool = False
    high_is_open: bool = False
    called: str = ""
    said: str = "Invalid {called}{place}: {value}"

    def __contains__(self, value: Any) -> bool:
        above = value > self.low if self.low_is_open else value >= self.low
        below = value < self.high if self.high_is_open else value <= self.high
        return bool(above and below)

    def refusal(self, value: Any, index: int | None = None) -> str:
        """What is said of a value outside; index: which one of several numbers it is."""
        place = "" if index is None else f" at index {index}"
        return self.said.format(called=self.called, place=place, number=(index or 0) + 1, value=value)

    def __str__(self) -> str:
        if self.low == -math.inf:
            return f"≤ {self.high:g}"
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

OF_RULES = {
    "sparse_adam": {
        "lr": Range(low_is_open=True, called="learning rate"),
        "eps": Range(low_is_open=True, called="epsilon value"),
    },
    "adafactor": {
        "lr": Range(said="Learning rate should be >= 0 but is: {value}"),
        "beta2_decay": Range(low=-math.inf, high=0.0, said="beta2_decay should be <= 0 but is: {value}"),
        "eps": Range(said="epsilon{number} should be >= 0 but is: {value}"),
        "d": Range(low=1.0, said="Clipping threshold d should be >= 1 but is: {value}"),
        "weight_decay": Range(said="weight_decay should be >= 0 but is: {value}"),
    },
    "muon": {
        "lr": Range(said="Learning rate should be >= 0 but is: {value}"),
        "momentum": Range(said="momentum should be >= 0 but is: {value}"),
        "weight_decay": Range(said="weight decay should be >= 0 but is: {value}"),
        "ns_steps": Range(high=100, high_is_open=True, said="Number of steps must be 0 to 99 but is: {value}"),
    },
}
"""Where a rule's ranges are not those of its names, or torch words them otherwise."""

_BELOW_1 = Range(high=1.0, high_is_open=True, said="{called} must be from 0 to below 1, not {value}")
_BETA_1, _BETA_2 = replace(_BELOW_1, called="beta_1"), replace(_BELOW_1, called="beta_2")

OF_KERAS = {
    "sgd": {"momentum": Range(high=1.0, said="momentum must be from 0 to 1, as Keras has it, not {value}")},
    "adam": {"beta_1": _BETA_1, "beta_2": _BETA_2},
    "adamax": {"beta_1": _BETA_1},
    "nadam": {"beta_2": _BETA_2},
    "lion": {
        "beta_1": Range(
            high=1.0,
            low_is_open=True,
            said="beta_1 must be above 0 and up to 1, as Keras has it, not {value}: at 0 Lion is SGD by signs",
        )
    },
}
"""Of the rules that say them in Keras's words: what Keras refuses, and what would divide by 1 - 1."""


def ranges(rule: Rule) -> dict[str, Range]:
    """The ranges of a rule's hyperparameters, by their names; of a stranger's, those that its own defaults are in."""
    known = RANGES | (OF_RULES.get(rule.name, {}) if rule.is_own else {})
    if rule.function.__module__ == "steepest.dialects.keras":
        known |= OF_KERAS.get(rule.name, {})
    found = {name: known[name] for name in rule.hyperparameters if name in known}
    if rule.is_own:
        return found
    return {name: allowed for name, allowed in found.items() if _all_in(rule.hyperparameters[name], allowed)}


def _all_in(value: Any, allowed: Range) -> bool:
    return all(one in allowed for one in (value if isinstance(value, tuple) else (value,)))
