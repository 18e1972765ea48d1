"""The protocol of a study as a paragraph for a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.workbench.analysis.tuning_curve import CONFIDENCE
from steepest.workbench.model.candidate import DECADES
from steepest.workbench.report.words import listed

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Numbers


def methods(found: Numbers) -> str:
    """What was done and how it was judged."""
    return " ".join(part for part in (_search(found), _estimate(found), _statistics(found), _versions(found)) if part)


def _search(found: Numbers) -> str:
    if rates := found.manifest.get("rates"):
        return (
            f"Each optimizer was run once, for {found.steps} steps and with one common seed, at each of {len(rates)} "
            f"learning rates between {min(rates):g} and {max(rates):g}."
        )
    return (
        f"The search of each optimizer was given {_budget(found)}: quasi-random settings (scrambled Halton, the same "
        f"positions for all), each run for {found.steps} steps with one common seed. Learning rates were spread on a "
        f"log scale over {DECADES:g} decades, for every optimizer the same width, centred by a range test of three "
        f"seeds.{_beside(found)}"
    )


def _budget(found: Numbers) -> str:
    kind, _, amount = found.budget.partition("=")
    if kind == "time":
        return f"{amount} of training ({', '.join(f'{row.name} {row.searched}' for row in found.rows)} trials)"
    return f"{found.rows[0].searched} trials" + (f" ({amount} steps)" if kind == "steps" else "")


def _beside(found: Numbers) -> str:
    beside = [f"{listed(list(row.settings))} of {row.name}" for row in found.rows if row.settings]
    return f" Beside the rate, {listed(beside)} were searched." if beside else ""


def _estimate(found: Numbers) -> str:
    usual = ", and the usual learning rate of each," if any(row.default_seeds for row in found.rows) else ""
    return (
        f"The two settings with the best final {found.metric}{usual} were run again with {found.seeds} fresh seeds; "
        "the initialisation and the order of the data were equal across optimizers within a seed. Each fresh seed is "
        "scored at the one of the two settings that the other fresh seeds prefer, so that no seed enters both the "
        "choice of a setting and its estimate. A run failed if its loss or a parameter was not finite, or if its final "
        "metric was no better than before training or than a constant prediction; failed runs are counted, rank as "
        "worst, and are not averaged."
    )


def _statistics(found: Numbers) -> str:
    return (
        "Intervals are Student's t at 95 % over seeds (proportions: Wilson). Differences are paired by seed, with an "
        "exact sign-flip p, adjusted for the number of pairs by Holm's method. The probability of superiority counts "
        "all pairs of runs, ties as half; its interval is Wilson's for as many independent comparisons as the pairs "
        "are worth. Two optimizers tie unless it excludes 0.5; a win takes a probability of at least 0.75 beside. The "
        "near-optimal width is that of the range of rates that keep 95 % of the best rate's "
        "improvement, in the search. The expected best of k trials is the unbiased estimate without replacement, its "
        f"band that of the median at {100 * CONFIDENCE:.0f} % for all k at once (Lourie, Cho, He, 2024). Training time "
        "leaves evaluation out."
    )


def _versions(found: Numbers) -> str:
    versions = found.manifest["versions"]
    return f"steepest {versions.get('steepest', '')}, torch {versions.get('torch', '')}."
