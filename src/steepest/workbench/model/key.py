"""What identifies a run within a study."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

RANGE, CONTROL, SEARCH, FINALISTS, DEFAULT, DIAGNOSIS = (
    "range",
    "control",
    "search",
    "finalists",
    "default",
    "diagnosis",
)
"""The phases of a study, in their order."""


class Key(NamedTuple):
    """What identifies a run within a study.  `settings` is JSON, empty where only the rate was searched."""

    phase: str
    optimizer: str
    rate: float
    seed: int
    settings: str = ""

    @property
    def values(self) -> dict[str, float]:
        """The settings, by name."""
        return values_of(self.settings)

    def __str__(self) -> str:
        others = "".join(f", {name} {value:g}" for name, value in self.values.items())
        return f"{self.optimizer} at {self.rate:g}{others}, seed {self.seed}"


def settings_text(values: Mapping[str, float]) -> str:
    """Values of hyperparameters as the record keeps them."""
    return json.dumps(values, sort_keys=True) if values else ""


def values_of(settings: str) -> dict[str, float]:
    """The inverse."""
    return json.loads(settings) if settings else {}


COLUMNS = ", ".join(Key._fields)
THIS = " AND ".join(f"{field} = ?" for field in Key._fields)
