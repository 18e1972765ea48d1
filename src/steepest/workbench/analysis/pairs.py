"""Two optimizers against each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.results import OptimizerResult, Pair
from steepest.workbench.analysis.statistics import Interval

SMALL_P = 0.05


def pairs_of(rows: Sequence[OptimizerResult], sign: float, seeds: int) -> list[Pair]:
    """Each pair, the better one first.  Those with the first optimizer decide who wins."""
    found = [[sign * value for value in _values(row, sign, seeds)] for row in rows]
    p_values = p_against(found[0], found[1:]) if found else []
    return [
        pair_of(rows[a].name, rows[b].name, found[a], found[b], sign, p_values[b - 1] if a == 0 else math.nan)
        for a in range(len(rows))
        for b in range(a + 1, len(rows))
    ]


def _values(row: OptimizerResult, sign: float, seeds: int) -> list[float]:
    """One cross-fitted value for each seed; all failures for an optimizer whose every trial failed."""
    return [sign * math.inf] * seeds if row.searched and not row.searched_trained else row.cross_fitted


def p_against(first: Sequence[float], others: Sequence[Sequence[float]]) -> list[float]:
    """The sign-flip p of the first against each other, adjusted for their number (Holm).

    NaN where so few seeds trained with both that no p can be small: a number that cannot say anything.
    """
    pairs = [_same_length(first, one) for one in others]
    both = [sum(math.isfinite(x) and math.isfinite(y) for x, y in zip(a, b, strict=True)) for a, b in pairs]
    p_values = statistics.holm([statistics.sign_flip_p(a, b) for a, b in pairs])
    tests = len(others)
    return [
        p if statistics.least_p(count, tests) < SMALL_P else math.nan for p, count in zip(p_values, both, strict=True)
    ]


def decided(chance: Interval, p: float = math.nan) -> str:
    """`win`, `leaning` or `tie` of the first, `trailing` or `loss`; a win that the p does not confirm is leaning."""
    decision = statistics.decision(chance)
    confirmed = math.isnan(p) or p < SMALL_P
    return decision if confirmed else {"win": "leaning", "loss": "trailing"}.get(decision, decision)


def _same_length(a: Sequence[float], b: Sequence[float]) -> tuple[Sequence[float], Sequence[float]]:
    count = min(len(a), len(b))  # unequal only in an unfinished study
    return a[:count], b[:count]


def pair_of(first: str, second: str, a: Sequence[float], b: Sequence[float], sign: float, p: float = math.nan) -> Pair:
    """Two lists of oriented values, one for each seed, against each other."""
    a, b = _same_length(a, b)
    chance = statistics.superiority(a, b)
    difference = statistics.paired_difference([sign * x for x in a], [sign * y for y in b])
    return Pair(first, second, difference, p, chance, decided(chance, p) if statistics.can_tell(len(a)) else "tie")
