"""Two optimizers against each other."""

from __future__ import annotations

import math
from collections.abc import Sequence

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.optimizer_row import OptimizerResult
from steepest.workbench.analysis.results import Pair

SMALL_P = 0.05


def pairs_of(rows: Sequence[OptimizerResult], sign: float, seeds: int) -> list[Pair]:
    """Each pair, the better one first.  Those with the first optimizer decide who wins."""
    found = [_oriented(row, row.cross_fitted, sign, seeds) for row in rows]
    pasted = [_oriented(row, row.values, sign, seeds) for row in rows]
    p_values = p_against(found[0], found[1:]) if found else []
    return [
        pair_of(
            rows[a].name,
            rows[b].name,
            found[a],
            found[b],
            sign,
            p_values[b - 1] if a == 0 else math.nan,
            pasted=(pasted[a], pasted[b]),
        )
        for a in range(len(rows))
        for b in range(a + 1, len(rows))
    ]


def _oriented(row: OptimizerResult, values: Sequence[float], sign: float, seeds: int) -> list[float]:
    """One value for each seed, lower is better; all failures for an optimizer whose every trial failed."""
    return [math.inf] * seeds if row.searched and not row.searched_trained else [sign * value for value in values]


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


Values = Sequence[float]
"""Of one optimizer, one for each seed; lower is better, a failure is infinite."""


def decided(a: Values, b: Values, p: float = math.nan, pasted: tuple[Values, Values] | None = None) -> str:
    """`win`, `leaning` or `tie` of the first, `trailing` or `loss`.

    A win is seen three times: in the pairs of runs, in those of the two settings that one pastes, and in the mean; and
    by the p.  Otherwise it is leaning.  By the pairs alone, one winner in eleven among optimizers that are close was
    none, at five seeds; see benchmarks/verdicts.py for how many are now.

    Args:
        a: The cross-fitted values of the first.
        b: Those of the other.
        p: Of the two; NaN where it can say nothing.
        pasted: The values of the runs at their recommended settings.
    """
    if not statistics.can_tell(len(a)):
        return "tie"
    decision = statistics.decision(statistics.superiority(a, b))
    if decision not in ("win", "loss"):
        return decision
    better, worse = (a, b) if decision == "win" else (b, a)
    confirmed = (
        (math.isnan(p) or p < SMALL_P)
        and (pasted is None or statistics.decision(statistics.superiority(*pasted)) == decision)
        and statistics.is_better_in_the_mean(better, worse)
    )
    return decision if confirmed else {"win": "leaning", "loss": "trailing"}[decision]


def _same_length(a: Values, b: Values) -> tuple[Values, Values]:
    count = min(len(a), len(b))  # unequal only in an unfinished study
    return a[:count], b[:count]


def pair_of(
    first: str,
    second: str,
    a: Values,
    b: Values,
    sign: float,
    p: float = math.nan,
    pasted: tuple[Values, Values] | None = None,
) -> Pair:
    """Two lists of oriented values, one for each seed, against each other.

    pasted: the values of the runs at the recommended settings, where `a` and `b` are cross-fitted.
    """
    a, b = _same_length(a, b)
    chance = statistics.superiority(a, b)
    difference = statistics.paired_difference([sign * x for x in a], [sign * y for y in b])
    of_settings = _same_length(*pasted) if pasted is not None else None
    return Pair(first, second, difference, p, chance, decided(a, b, p, of_settings))
