"""The sentences of the report: the verdict, and what a careful reader should know."""

from __future__ import annotations

import math

from steepest.workbench.analysis.results import OptimizerResult, Results
from steepest.workbench.analysis.verdict import (
    CLAIM,
    INDICATIVE,
    NO_WINNER,
    NONE_TRAINED,
    ONLY_ONE,
    SMOKE_TEST,
    UNFINISHED,
    WINNER,
    Verdict,
    strength,
    verdict_of,
)
from steepest.workbench.model.key import written
from steepest.workbench.report.formatting import duration, interval, listed, number, percent

_CONTINUE = "The same command continues it."
_STRENGTHS = {
    SMOKE_TEST: "too few for more than a smoke test",
    INDICATIVE: "indicative; ten make a claim",
    CLAIM: "enough for a claim",
}


def verdict(results: Results) -> list[str]:
    """Which optimizer is best; then by how much, how sure that is, and what it cost."""
    found = verdict_of(results)
    if found.kind == UNFINISHED:
        return [f"{results.task} is not finished: {results.runs} runs are done.", _CONTINUE, _cost(results)]
    return [_first_sentence(results, found), *_evidence(results, found), _cost(results)]


def _first_sentence(results: Results, found: Verdict) -> str:
    task, best = results.task, found.best.name
    if found.kind == NONE_TRAINED:
        searched = any(row.searched_trained for row in results.rows)
        where = "with fresh seeds, at the rates that had trained" if searched else "at any rate that was tried"
        return f"None of the optimizers trained on {task} {where}."
    others = listed(found.level_with)
    are = "is" if len(found.level_with) == 1 else "are"
    return {
        ONLY_ONE: f"{best} trains {task}.",
        WINNER: f"{best} wins on {task}.",
        NO_WINNER: f"No clear winner on {task}: {best} is ahead, but {others} {are} not reliably worse.",
    }[found.kind]


def _evidence(results: Results, found: Verdict) -> list[str]:
    best = found.best
    if not best.trained:
        return []
    estimate, bounds = interval(best.mean)
    within = f" (95 % interval {bounds})" if math.isfinite(best.mean.low) else ""
    others = "".join(f", {name} {written(value)}" for name, value in best.settings.items())
    sentences = [
        f"At a learning rate of {best.rate:g}{others}, {best.name} ends with a mean {results.metric} of "
        f"{estimate}{within}."
    ]
    if best.default_trained and best.default_rate != best.rate:
        sentences.append(f"Untuned, at {best.default_rate:g}, it ends with {number(best.default.estimate)}.")
    if found.beaten:
        chance = min(pair.superiority.estimate for pair in found.beaten)
        sentences.append(f"It beats {listed([pair.b for pair in found.beaten])} in {_share(chance)}.")
    seeds = f"{results.seeds} fresh seed{'s' if results.seeds > 1 else ''} for each"
    return [*sentences, f"The evidence is {seeds}: {_STRENGTHS[found.strength]}."]


def _share(chance: float) -> str:
    return "every pair of runs" if chance == 1 else f"at least {percent(chance)} of all pairs of runs"


def _cost(results: Results) -> str:
    failed = f", {results.failed} of which failed" if results.failed else ""
    steps = f"{results.all_steps:,}".replace(",", "\u202f")
    return f"It cost {results.runs} runs{failed}: {steps} steps, {duration(results.seconds)} of training."


def warnings(results: Results) -> list[str]:
    """What a careful reader should know before relying on the table."""
    if not results.finished:
        return [f"The study is not finished, so every number here is provisional. {_CONTINUE}"]
    return [text for row in results.rows for text in _of_optimizer(row)] + _of_study(results)


def _of_optimizer(row: OptimizerResult) -> list[str]:
    texts = []
    if row.best_is_at_the_edge:
        side = "smaller" if row.edge == "lowest" else "larger"
        texts.append(
            f"the best rate, {row.rate:g}, is the {row.edge} that was tried, so a {side} one may be better than "
            "anything in this report."
        )
    if row.many_trials_failed:
        texts.append(
            f"{row.searched - row.searched_trained} of {row.searched} trials failed, so its part of the budget was "
            "mostly spent outside its useful range."
        )
    if row.seeds_failed:
        texts.append(
            f"{row.seeds_failed} of {len(row.values)} runs with fresh seeds failed; the mean is of the others."
        )
    if row.is_still_improving:
        texts.append(
            f"{percent(row.falling)} of its improvement came in the last tenth of the run; with more steps the order "
            "may change."
        )
    return [f"{row.name}: {text}" for text in texts]


def _of_study(results: Results) -> list[str]:
    texts = []
    if results.control_trained:
        texts.append(_control(results))
    if results.searches_are_unequal:
        texts.append(_unequal_searches(results))
    if results.nothing_was_searched:
        texts.append(
            "Only one setting of each optimizer was tried: nothing was searched, so this compares settings as much as "
            "optimizers."
        )
    if results.has_few_seeds:
        seeds = f"{results.seeds} seed{'s' if results.seeds > 1 else ''} for each estimate"
        texts.append(f"{seeds}: {_STRENGTHS[strength(results.seeds)]}.")
    if results.task_was_edited:
        texts.append(
            "The file that defines the task was changed during the study, so the runs may not be of one problem."
        )
    return texts


def _control(results: Results) -> str:
    assert results.control is not None
    assert results.control.final is not None
    return (
        f"An optimizer that does nothing also trains {results.task}: {results.metric} ends at "
        f"{number(results.control.final)} after {number(results.control.initial or 0.0)}. The metric moves without "
        "learning (batch normalisation, noise in evaluate), or the task's baseline is too low; no result here is safe."
    )


def _unequal_searches(results: Results) -> str:
    few, many = (pick(results.rows, key=lambda row: row.searched) for pick in (min, max))
    return (
        f"The searches were not of equal size: {many.name} had {many.searched} trials and {few.name} {few.searched} "
        f"for the same {results.budget}."
    )
