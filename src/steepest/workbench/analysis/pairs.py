"""Two optimizers against each other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.results import OptimizerResult, Pair


def pairs_of(rows: Sequence[OptimizerResult], sign: float, seeds: int) -> list[Pair]:
    """Each pair, the better one first, with p values that are adjusted for the number of pairs."""
    pairs = [_pair(a, b, sign, seeds) for place, a in enumerate(rows) for b in rows[place + 1 :]]
    adjusted = statistics.holm([pair.p for pair in pairs])
    return [replace(pair, p=p) for pair, p in zip(pairs, adjusted, strict=True)]


def _values(row: OptimizerResult, sign: float, seeds: int) -> list[float]:
    """One value for each seed; all failures for an optimizer whose every trial failed."""
    return [sign * math.inf] * seeds if row.searched and not row.searched_trained else row.values


def _pair(first: OptimizerResult, second: OptimizerResult, sign: float, seeds: int) -> Pair:
    found = _values(first, sign, seeds), _values(second, sign, seeds)
    count = min(map(len, found))  # unequal only in an unfinished study
    a, b = (values[:count] for values in found)
    chance = statistics.superiority([sign * x for x in a], [sign * x for x in b])
    return Pair(
        first.name,
        second.name,
        statistics.paired_difference(a, b),
        statistics.sign_flip_p(a, b),
        chance,
        statistics.decision(chance),
    )
