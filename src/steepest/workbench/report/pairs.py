"""Two optimizers against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from steepest.workbench import statistics
from steepest.workbench.report.records import Pair, Row


def pairs_of(rows: Sequence[Row], sign: float) -> list[Pair]:
    """Each pair, the better one first, with p values that hold for all of them together."""
    pairs = [_pair(a, b, sign) for place, a in enumerate(rows) for b in rows[place + 1 :]]
    together = statistics.holm([pair.p for pair in pairs])
    return [replace(pair, p=p) for pair, p in zip(pairs, together, strict=True)]


def _pair(first: Row, second: Row, sign: float) -> Pair:
    count = min(len(first.values), len(second.values))  # unequal only in an unfinished study
    a, b = first.values[:count], second.values[:count]
    chance = statistics.superiority([sign * x for x in a], [sign * x for x in b])
    return Pair(
        first.name,
        second.name,
        statistics.paired_difference(a, b),
        statistics.sign_flip_p(a, b),
        chance,
        statistics.decision(chance),
    )
