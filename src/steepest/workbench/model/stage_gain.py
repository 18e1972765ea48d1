"""What a stage of a search has gained, as a plain record: told while the search goes on, stored, and reported."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple


class Edge(NamedTuple):
    """A hyperparameter whose best value lies at the end of what was searched.

    Args:
        name: The hyperparameter, or `rate`.
        value: Its best value.
        side: `lower` or `upper`, by the value itself.
        longer: A longer range, as one types it; empty where the range is not the user's, and the search goes on by
            itself.
    """

    name: str
    value: Any
    side: str
    longer: str = ""


@dataclass(frozen=True)
class StageGain:
    """What a stage of the search of one optimizer has gained.

    Args:
        optimizer: Its name.
        stage: Its name in `search.staged`.
        names: What the stage varied for the first time.
        trials, failed: Of the stage.
        best: The best metric of the search so far, of one seed; None where nothing trained.
        gain, low, high: How much better the model of all results so far expects the best setting to be than the best
            one before the stage, in units of the metric, better is positive; with a 95 % interval.  NaN where too few
            trained to say.
        edges: Values at the end of what was searched.
    """

    optimizer: str
    stage: str
    names: tuple[str, ...]
    trials: int
    failed: int
    best: float | None
    gain: float = math.nan
    low: float = math.nan
    high: float = math.nan
    edges: tuple[Edge, ...] = ()

    @property
    def is_known(self) -> bool:
        """Whether enough trained to say what was gained."""
        return not math.isnan(self.gain)

    @property
    def is_kept(self) -> bool:
        """Whether what the stage found is better than what was known before."""
        return self.is_known and self.low > 0

    def stored(self) -> dict[str, Any]:
        """As the record keeps it: JSON has no NaN."""
        kept = asdict(self)
        return kept | {name: None if math.isnan(kept[name]) else kept[name] for name in ("gain", "low", "high")}


def from_stored(kept: Mapping[str, Any]) -> StageGain:
    """The inverse of `stored`, after JSON."""
    numbers = {name: math.nan if kept[name] is None else kept[name] for name in ("gain", "low", "high")}
    edges = tuple(Edge(*one) for one in kept["edges"])
    return StageGain(**{**kept, **numbers, "names": tuple(kept["names"]), "edges": edges})
