"""The sentences of the report: what to do, and the evidence for it."""

from __future__ import annotations

import math

from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.results import RATE, Failures, Results
from steepest.workbench.analysis.verdict import (
    CLAIM,
    EVERY_RUN_FAILED,
    INDICATIVE,
    KEEP_USUAL,
    NO_WINNER,
    NONE_TRAINED,
    NOTHING_LEARNED,
    ONLY_ONE,
    SMOKE_TEST,
    UNFINISHED,
    WINNER,
    Verdict,
    verdict_of,
)
from steepest.workbench.model.outcome import DIVERGED
from steepest.workbench.report import script_sentences
from steepest.workbench.report.formatting import duration, interval, listed, number, percent, setting

CONTINUE = "The same command continues it."
STRENGTHS = {
    SMOKE_TEST: "too few for more than a smoke test",
    INDICATIVE: "indicative; ten make a claim",
    CLAIM: "enough for a claim",
}
NAMED_AT_MOST = 3
"""Optimizers that a headline names; of more it says how many."""


def verdict(results: Results) -> list[str]:
    """What to do; then the evidence for it, and what it cost."""
    found = verdict_of(results)
    if found.kind == UNFINISHED:
        return [f"{results.task} is not finished: {results.runs} runs are done.", CONTINUE, _cost(results)]
    if found.kind in (EVERY_RUN_FAILED, NONE_TRAINED) or results.nothing_trained:
        return [_headline(results, found), *_what_failed(results, found), _cost(results)]
    return [_headline(results, found), *_evidence(results, found), _cost(results)]


def _headline(results: Results, found: Verdict) -> str:
    if results.script:
        return script_sentences.headline(results, found)
    best, task = found.best, results.task
    where = f"{best.name} at {setting(best.rate, best.settings)}"
    usual = f"{results.yardstick.rate:g}" if results.yardstick else ""
    no_winner = f"Use {where}; {_named(found.level_with)} may be as good."
    return {
        EVERY_RUN_FAILED: f"Every run failed on {task}: repair the task first.",
        NOTHING_LEARNED: f"Nothing beats doing nothing on {task}: repair the task first.",
        NONE_TRAINED: f"No run with a fresh seed trained on {task}: try lower rates, or repair the task.",
        KEEP_USUAL: f"Keep Adam at its usual rate, {usual}: nothing here is reliably better.",
        ONLY_ONE: f"Use {where}.",
        WINNER: f"Use {where}.",
        NO_WINNER: no_winner if found.can_tell else f"Try {where}; so few seeds cannot tell which is best.",
    }[found.kind]


def _named(names: list[str]) -> str:
    return (listed(names) if len(names) <= NAMED_AT_MOST else f"{len(names)} others") if names else ""


def _evidence(results: Results, found: Verdict) -> list[str]:
    best = found.best
    estimate, bounds = interval(best.median)
    sure = percent(statistics.median_confidence(len(best.values)))
    within = f" ({sure} interval {bounds})" if math.isfinite(best.median.low) else ""
    verb = "reaches" if results.judged_by_best else "ends at"
    sentences = [f"There its {results.metric} {verb} {estimate}{within}, the median over the fresh seeds."]
    sentences += _against_adam(results, found)
    if found.kind == WINNER:
        chance = min(pair.superiority.estimate for pair in found.beaten)
        beaten = listed([pair.b for pair in found.beaten])
        sentences.append(f"It wins: it beats {beaten} in {_share(chance)}, and in the mean over these seeds.")
        sentences.append(_unseen(len(best.values)))
    elif found.level_with and found.can_tell:
        names = listed(found.level_with)
        sentences.append(
            f"No clear winner: {names} {'is' if len(found.level_with) == 1 else 'are'} not reliably worse."
        )
    if results.has_few_seeds:  # which is a warning
        return sentences
    return [*sentences, f"The evidence is {results.seeds} fresh seeds for each: {STRENGTHS[found.strength]}."]


def _unseen(seeds: int) -> str:
    """What so many seeds cannot show: an ending that comes so rarely that they miss it as often as not."""
    once_in = round(1 / (1 - 0.5 ** (1 / seeds)))
    return f"Rare bad endings are not ruled out: {seeds} seeds miss one in {once_in} half of the time."


def _against_adam(results: Results, found: Verdict) -> list[str]:
    """What Adam untuned gives on the same seeds."""
    yardstick = results.yardstick
    if yardstick is None:
        return []
    at = script_sentences.usual(results) if results.script else f"{yardstick.rate:g}"
    if not yardstick.trained:
        return [f"{yardstick.name}, at {at}, fails."]
    middle, against = number(yardstick.median.estimate), yardstick.against
    verb = "reaches" if results.judged_by_best else "ends at"
    where = f"{yardstick.name}, at {at}, {verb} {middle}"
    chance = against.superiority.estimate if against is not None else math.nan
    if math.isnan(chance):
        return [f"{where}."]
    best = "tuned it" if results.script else found.best.name
    return [f"{where}; {best} beats {'that' if results.script else 'it'} in {percent(chance)} of all pairs of runs."]


def _share(chance: float) -> str:
    return "every pair of runs" if chance == 1 else f"at least {percent(chance)} of all pairs of runs"


def _what_failed(results: Results, found: Verdict) -> list[str]:
    """Which runs failed, at which rates and steps, and where the reason lies."""
    sentences = [_of_failures(one, results.rate_name if results.has_rates else "") for one in results.failures]
    if results.script:
        return [*sentences, *script_sentences.where_to_look(results)]
    if found.kind == NONE_TRAINED:
        return sentences
    if found.kind == NOTHING_LEARNED:
        return [
            *sentences,
            "No optimizer and no rate improved the metric, so the task is the likely cause: look at its loss, its "
            "batches and what evaluate returns.",
        ]
    return [*sentences, f"It happens at every rate, so the task is the likely cause: look at {_where(results)}."]


def _where(results: Results) -> str:
    """What to look at in a task whose every run failed."""
    steps = [step for one in results.failures if one.status == DIVERGED for step in one.steps]
    if steps and max(steps) - min(steps) <= 0.05 * results.steps:
        return f"its batches near step {min(steps)}, and what its loss divides by or takes a logarithm of"
    return "what its loss divides by or takes a logarithm of, and for missing values in its batches"


def _of_failures(one: Failures, rate_name: str = RATE) -> str:
    """As `adam: 12 of 12 runs diverged, at rates from 0.0001 to 0.1, at step 61`."""
    ended = {DIVERGED: "diverged"}.get(one.status, one.status)
    low, high = (f"{rate:g}" for rate in one.rates)
    several = "rates" if rate_name == RATE else rate_name
    rates = f", at a {rate_name} of {low}" if low == high else f", at {several} from {low} to {high}"
    first, last = one.steps
    step = f"at step {first}" if first == last else f"between step {first} and step {last}"
    where = f"{rates if rate_name else ''}{f', {step}' if last else ''}"
    return f"{one.optimizer}: {one.failed} of {one.runs} runs {ended}{where} ({one.reason})."


def _cost(results: Results) -> str:
    failed = f" Of the {results.counted} that try an optimizer, {results.failed} failed." if results.failed else ""
    steps = f"{results.all_steps:,}".replace(",", "\u202f")
    return f"It cost {results.runs} runs: {steps} steps, {duration(results.seconds)} of training.{failed}"
