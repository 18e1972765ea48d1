"""What identifies a run within a study, and the setting that it is made with."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

RANGE = "range"
CONTROL = "control"
SEARCH = "search"
FINALISTS = "finalists"
USUAL_RATE = "default"  # as the record has called it since its first version
DIAGNOSIS = "diagnosis"
"""The phases of a study, in their order."""
OF_OPTIMIZERS = (SEARCH, FINALISTS, USUAL_RATE)
"""The phases whose runs say something of an optimizer: failed runs are counted in these alone, and everywhere alike."""


class Setting(NamedTuple):
    """The values that a run is made with.

    Args:
        rate: The learning rate.
        others: Other hyperparameters that were searched, as JSON; empty where there are none.
    """

    rate: float
    others: str = ""


class Key(NamedTuple):
    """What identifies a run within a study.  `settings` is JSON, empty where only the rate was searched."""

    phase: str
    optimizer: str
    rate: float
    seed: int
    settings: str = ""

    @property
    def setting(self) -> Setting:
        """The values that the run is made with."""
        return Setting(self.rate, self.settings)

    @property
    def values(self) -> dict[str, Any]:
        """Hyperparameters other than the rate, and numbers of the task, by name."""
        return values_of(self.settings)

    def __str__(self) -> str:
        others = "".join(f", {name} {written(value)}" for name, value in self.values.items())
        return f"{self.optimizer} at {self.rate:g}{others}, seed {self.seed}"


def written(value: Any) -> str:
    """A value of a hyperparameter as a sentence has it."""
    return str(value) if isinstance(value, str | bool | int) else f"{value:g}"


def settings_text(values: Mapping[str, Any]) -> str:
    """Values of hyperparameters as the record stores them."""
    return json.dumps(values, sort_keys=True) if values else ""


def values_of(settings: str) -> dict[str, Any]:
    """The inverse of `settings_text`."""
    return json.loads(settings) if settings else {}
