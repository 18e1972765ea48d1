"""The sentences of the report: what to do, the evidence for it, and what a careful reader should know."""

from __future__ import annotations

import math

from steepest.workbench.analysis import statistics, steadiness
from steepest.workbench.analysis.optimizer_row import OptimizerResult
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
    strength,
    verdict_of,
)
from steepest.workbench.model.outcome import DIVERGED
from steepest.workbench.progress.words import AROUND_USUAL
from steepest.workbench.report import script_sentences
from steepest.workbench.report.formatting import duration, interval, listed, number, percent, setting
from steepest.workbench.report.search_sentences import at_the_ends, pruning_warnings

CONTINUE = "The same command continues it."
_STRENGTHS = {
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
    verb = "reach" if results.judged_by_best else "end at"
    sentences = [f"There its runs {verb} a {results.metric} of {estimate}{within}, the median over the fresh seeds."]
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
    return [*sentences, f"The evidence is {results.seeds} fresh seeds for each: {_STRENGTHS[found.strength]}."]


def _unseen(seeds: int) -> str:
    """What so many seeds cannot show: an ending that comes so rarely that they miss it as often as not."""
    once_in = round(1 / (1 - 0.5 ** (1 / seeds)))
    return (
        f"That is shown of endings that are not rare: one that comes once in {once_in} runs is missed by {seeds} seeds "
        "as often as not, and can cost more than the others gain."
    )


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


def warnings(results: Results) -> list[str]:
    """What a careful reader should know before relying on the table; the recommended optimizer first."""
    if not results.finished:
        return [f"The study is not finished, so every number here is provisional. {CONTINUE}"]
    if results.nothing_trained:
        return []
    return [text for row in results.rows for text in _of_optimizer(row, results)] + _of_study(results)


def _of_optimizer(row: OptimizerResult, results: Results) -> list[str]:
    texts = at_the_ends(row, results)
    if row.many_trials_failed:
        texts.append(
            f"{row.searched_failed} of {row.searched} trials failed, so its part of the budget was "
            "mostly spent outside its useful range."
        )
    texts += _failed_seeds(row) + _unsteady(row, results)
    if row.is_still_improving:
        texts.append(
            f"{percent(row.falling)} of its improvement came in the last tenth of the run; with more steps the order "
            "may change."
        )
    return [f"{row.name}: {text}" for text in texts]


def _failed_seeds(row: OptimizerResult) -> list[str]:
    """Each failure with the setting that it belongs to."""
    texts = []
    if row.seeds_failed:
        texts.append(
            f"{row.seeds_failed} of {len(row.values)} runs with fresh seeds failed at "
            f"{setting(row.rate, row.settings, row.rate_name)}; they count as the worst."
        )
    texts += [
        f"{other.failed} of {len(other.values)} runs with fresh seeds failed at "
        f"{setting(other.rate, other.settings, row.rate_name)}, the other setting that was tried with them."
        for other in row.other_finalists
        if other.failed
    ]
    return texts


def _unsteady(row: OptimizerResult, results: Results) -> list[str]:
    """Late spikes, and seeds that end far apart: five seeds can look better than the sixth will be."""
    texts, where = [], setting(row.rate, row.settings, row.rate_name)
    if row.spikes:
        worst = max(row.spikes, key=lambda spike: abs(spike.at - spike.before))
        texts.append(
            f"in {len(row.spikes)} of {len(row.values)} runs at {where} {results.metric} jumps late, from "
            f"{number(worst.before)} to {number(worst.at)} at step {worst.step} of seed {worst.seed}; a run that ends "
            "in such a jump ends badly, so prefer a lower rate, a rate that falls, or clipping."
        )
    apart = steadiness.times_apart(row, results.rows)
    if apart > steadiness.FAR_APART:
        trained = [value for value in row.values if math.isfinite(value)]
        texts.append(
            f"its seeds at {where} end {number(apart, 2)} times as far apart as those of other settings, from "
            f"{number(min(trained))} to {number(max(trained))}; expect such runs again."
        )
    return texts


def _of_study(results: Results) -> list[str]:
    texts = pruning_warnings(results.pruning)
    if results.around_usual:
        texts.append(AROUND_USUAL.format(listed([*results.around_usual])))
    if results.control_trained:
        texts.append(_control(results))
    if results.searches_are_unequal:
        texts.append(_unequal_searches(results))
    if results.script:
        texts += script_sentences.warnings(results)
    elif results.nothing_was_searched:
        texts.append(
            "Only one setting of each optimizer was tried: nothing was searched, so this compares settings as much as "
            "optimizers."
        )
    if results.has_few_seeds:
        seeds = f"{results.seeds} seed{'s' if results.seeds > 1 else ''} for each estimate"
        texts.append(f"{seeds}: {_STRENGTHS[strength(results.seeds)]}.")
    if results.runs_with_curves < results.runs:
        texts.append(
            f"curves.parquet has the curves of {results.runs_with_curves} of {results.runs} runs: those with fresh "
            "seeds and the best trials of each optimizer; study.db has all."
        )
    if results.task_was_edited:
        of = "of the script" if results.script else "that defines the task"
        texts.append(f"The file {of} was changed during the study, so the runs may not be of one problem.")
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
