"""What a careful reader should know before relying on the table of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence

from steepest.workbench.analysis import steadiness
from steepest.workbench.analysis.optimizer_row import OptimizerResult
from steepest.workbench.analysis.results import Results
from steepest.workbench.analysis.verdict import strength
from steepest.workbench.progress.words import AROUND_USUAL
from steepest.workbench.report import script_sentences
from steepest.workbench.report.formatting import listed, number, percent, setting
from steepest.workbench.report.search_sentences import at_the_ends, pruning_warnings
from steepest.workbench.report.sentences import CONTINUE, STRENGTHS


def warnings(results: Results) -> list[str]:
    """What holds of one optimizer, the recommended one first; of several of them, in one sentence; and of the study."""
    if not results.finished:
        return [f"The study is not finished, so every number here is provisional. {CONTINUE}"]
    if results.nothing_trained:
        return []
    of_one = [text for row in results.rows for text in _of_optimizer(row, results)]
    return [*of_one, *_of_several(results.rows), *_of_study(results)]


def _of_optimizer(row: OptimizerResult, results: Results) -> list[str]:
    return [f"{row.name}: {text}" for text in at_the_ends(row, results) + _failed_seeds(row) + _unsteady(row, results)]


def _of_several(rows: Sequence[OptimizerResult]) -> list[str]:
    """What is said of every optimizer in the same words."""
    texts = []
    if failed := [row for row in rows if row.many_trials_failed]:
        counts = listed([f"{row.searched_failed} of {row.searched}" for row in failed])
        texts.append(
            f"{_names(failed)}: {counts} trials failed, so much of {'its' if len(failed) == 1 else 'their'} budget was "
            "spent outside the useful range."
        )
    if improving := [row for row in rows if row.is_still_improving]:
        shares = listed([percent(row.falling) for row in improving])
        texts.append(
            f"{_names(improving)}: {shares} of the improvement came in the last tenth of the run; with more steps the "
            "order may change."
        )
    return texts


def _names(rows: Sequence[OptimizerResult]) -> str:
    return listed([row.name for row in rows])


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
        texts.append(f"{seeds}: {STRENGTHS[strength(results.seeds)]}.")
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
