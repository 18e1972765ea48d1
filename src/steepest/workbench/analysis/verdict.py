"""What a comparison recommends to do, and how far the evidence goes."""

from __future__ import annotations

from dataclasses import dataclass

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.optimizer_row import OptimizerResult
from steepest.workbench.analysis.results import SEEDS_OF_A_CLAIM, Pair, Results
from steepest.workbench.model.outcome import DIVERGED

UNFINISHED, EVERY_RUN_FAILED, NOTHING_LEARNED = "unfinished", "every run failed", "nothing beats doing nothing"
NONE_TRAINED, KEEP_USUAL = "no fresh seed trained", "nothing beats the usual rate untuned"
ONLY_ONE, WINNER, NO_WINNER = "only one", "winner", "no winner"
"""What a verdict says."""
SMOKE_TEST, INDICATIVE, CLAIM = "smoke test", "indicative", "claim"
"""What so many seeds are good for."""


@dataclass(frozen=True)
class Verdict:
    """What a comparison says about the optimizers.

    Args:
        kind: One of the words above.
        best: The first of the table.
        level_with: The optimizers that the best does not clearly beat.
        beaten: The pairs in which the best wins.
        strength: smoke test, indicative, or claim.
        can_tell: Whether so many seeds can tell two optimizers apart at all.
    """

    kind: str
    best: OptimizerResult
    level_with: list[str]
    beaten: list[Pair]
    strength: str
    can_tell: bool

    @property
    def recommends(self) -> bool:
        """Whether there is a setting to paste."""
        return self.kind not in (EVERY_RUN_FAILED, NOTHING_LEARNED, NONE_TRAINED) and self.best.trained > 0


def verdict_of(results: Results) -> Verdict:
    """The verdict on a comparison."""
    best = results.rows[0]
    pairs = [pair for pair in results.pairs if pair.a == best.name]
    level_with = [pair.b for pair in pairs if pair.decision != "win"]
    beaten = [pair for pair in pairs if pair.decision == "win"]
    kind = _kind(results, level_with)
    return Verdict(kind, best, level_with, beaten, strength(results.seeds), statistics.can_tell(results.seeds))


def _kind(results: Results, level_with: list[str]) -> str:
    if not results.finished:
        return UNFINISHED
    if results.nothing_trained:
        diverged = sum(one.failed for one in results.failures if one.status == DIVERGED)
        return EVERY_RUN_FAILED if 2 * diverged >= results.failed else NOTHING_LEARNED
    verdicts = {
        NONE_TRAINED: not results.rows[0].trained,
        NOTHING_LEARNED: _no_better_than_nothing(results),
        KEEP_USUAL: _usual_is_as_good(results),
        ONLY_ONE: len(results.rows) == 1,
        NO_WINNER: bool(level_with),
        WINNER: True,
    }
    return next(kind for kind, holds in verdicts.items() if holds)


def _no_better_than_nothing(results: Results) -> bool:
    """Whether the optimizer that does nothing ends as well as the best does."""
    if results.control is None or results.control.final is None:
        return False
    best, nothing = results.rows[0].median.estimate, results.control.final
    return best <= nothing if results.higher_is_better else best >= nothing


def _usual_is_as_good(results: Results) -> bool:
    """Whether the best is not ahead of Adam untuned, not even narrowly, with seeds enough to tell."""
    yardstick = results.yardstick
    if (
        yardstick is None
        or yardstick.against is None
        or not yardstick.trained
        or not statistics.can_tell(results.seeds)
    ):
        return False
    return yardstick.against.decision not in ("win", "leaning")


def strength(seeds: int) -> str:
    """What so many seeds are good for."""
    if seeds < 3:
        return SMOKE_TEST
    return INDICATIVE if seeds < SEEDS_OF_A_CLAIM else CLAIM
