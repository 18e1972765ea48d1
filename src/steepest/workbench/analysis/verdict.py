"""Which optimizer a comparison recommends, and how far the evidence goes."""

from __future__ import annotations

from dataclasses import dataclass

from steepest.workbench.analysis.results import SEEDS_OF_A_CLAIM, OptimizerResult, Pair, Results

UNFINISHED, NONE_TRAINED, ONLY_ONE, WINNER, NO_WINNER = "unfinished", "none trained", "only one", "winner", "no winner"
"""What a verdict says."""
SMOKE_TEST, INDICATIVE, CLAIM = "smoke test", "indicative", "claim"
"""What so many seeds are good for."""


@dataclass(frozen=True)
class Verdict:
    """What a comparison says about the optimizers.

    Args:
        kind: unfinished, none trained, only one, winner, or no winner.
        best: The first of the table.
        level_with: The optimizers that the best does not clearly beat.
        beaten: The pairs in which the best wins.
        strength: smoke test, indicative, or claim.
    """

    kind: str
    best: OptimizerResult
    level_with: list[str]
    beaten: list[Pair]
    strength: str


def verdict_of(results: Results) -> Verdict:
    """The verdict on a comparison."""
    best = results.rows[0]
    pairs = [pair for pair in results.pairs if pair.a == best.name]
    level_with = [pair.b for pair in pairs if pair.decision != "win"]
    beaten = [pair for pair in pairs if pair.decision == "win"]
    return Verdict(_kind(results, level_with), best, level_with, beaten, strength(results.seeds))


def _kind(results: Results, level_with: list[str]) -> str:
    if not results.finished:
        return UNFINISHED
    if not results.rows[0].trained:
        return NONE_TRAINED
    if len(results.rows) == 1:
        return ONLY_ONE
    return NO_WINNER if level_with else WINNER


def strength(seeds: int) -> str:
    """What so many seeds are good for."""
    if seeds < 3:
        return SMOKE_TEST
    return INDICATIVE if seeds < SEEDS_OF_A_CLAIM else CLAIM
