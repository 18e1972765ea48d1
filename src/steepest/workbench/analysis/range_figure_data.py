"""What the figure of a range test draws, as plain records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from steepest.workbench.analysis.range_test import Bracket, OptimizerRange, smoothed_losses


class LossPoint(NamedTuple):
    """The smoothed loss of one seed at a rate."""

    optimizer: str
    seed: int
    rate: float
    loss: float


class MedianLoss(NamedTuple):
    """The median of the smoothed losses at a rate."""

    optimizer: str
    rate: float
    loss: float


@dataclass(frozen=True)
class RangeFigureData:
    """The loss of every optimizer against its rising rate.

    Args:
        task: Its name.
        optimizers: Their names.
        seeds: A line for each seed.
        medians: A line for each optimizer.
        brackets: The optimizers for which there is a bracket.
    """

    task: str
    optimizers: list[str]
    seeds: list[LossPoint]
    medians: list[MedianLoss]
    brackets: dict[str, Bracket]


def range_figure_data(task: str, found: Sequence[OptimizerRange]) -> RangeFigureData:
    """What the figure of a range test draws."""
    return RangeFigureData(
        task,
        [one.candidate.name for one in found],
        [point for one in found for point in _seeds(one)],
        [point for one in found for point in _medians(one)],
        {one.candidate.name: one.bracket for one in found if one.bracket is not None},
    )


def _seeds(found: OptimizerRange) -> list[LossPoint]:
    return [
        LossPoint(found.candidate.name, run.seed, rate, float(loss))
        for run in found.curves
        for rate, loss in zip(run.rates, smoothed_losses(run.losses), strict=False)
    ]


def _medians(found: OptimizerRange) -> list[MedianLoss]:
    """As far as the curves of more than half of the seeds reach."""
    curves = [smoothed_losses(run.losses) for run in found.curves]
    ends = sorted((len(one) for one in curves), reverse=True)
    rates = max((run.rates for run in found.curves), key=len)
    return [
        MedianLoss(
            found.candidate.name,
            rates[place],
            float(np.median([one[place] for one in curves if len(one) > place])),
        )
        for place in range(ends[len(ends) // 2])
    ]
