"""What half precision changes in a search: eps comes early, since its usual value may be too small to tell from 0."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from steepest.workbench.model.candidate import Candidate

LOW, HIGH, TRIALS = 1e-8, 1e-3, 10
"""The range of eps, and from how many trials on it is searched: 1e-8 is 0 in float16, whose least number is 6e-8."""


def with_eps_early(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates, with eps right after the first dimension; a range that the user gave stays as it is."""
    return [_with_eps_early(one) for one in candidates]


def _with_eps_early(candidate: Candidate) -> Candidate:
    first, others = candidate.space[:1], candidate.space[1:]
    eps = [
        replace(one, low=LOW, high=HIGH, trials=TRIALS) for one in others if one.name == "eps" and one.trials > TRIALS
    ]
    return replace(candidate, space=(*first, *eps, *(one for one in others if one.name != "eps"))) if eps else candidate
