"""The settings in which one optimizer is searched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import Setting


@dataclass(frozen=True)
class SearchSpace:
    """The settings in which one optimizer is searched, as the unit cube.

    Args:
        candidate: The optimizer.
        centre: The middle of its range of rates.
        dimensions: The hyperparameters that are searched beside the rate.
    """

    candidate: Candidate
    centre: float
    dimensions: tuple[Dimension, ...] = ()

    def at(self, point: Sequence[float]) -> Setting:
        """The setting at a point of the unit cube: the rate first, then the other dimensions."""
        return self.candidate.setting(point, self.dimensions, self.centre)
