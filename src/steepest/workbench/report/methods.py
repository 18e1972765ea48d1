"""What a study did, as a paragraph for a paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.workbench.analysis.tuning_curve import CONFIDENCE
from steepest.workbench.model.candidate import DECADES
from steepest.workbench.model.key import CONTROL, DIAGNOSIS, FINALISTS, SEARCH, USUAL_RATE
from steepest.workbench.report import script_sentences
from steepest.workbench.report.formatting import listed

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results

PHASES = {
    CONTROL: "the control",
    SEARCH: "the search",
    FINALISTS: "the fresh seeds",
    USUAL_RATE: "the fresh seeds",
    DIAGNOSIS: "the measured steps",
}


def methods(results: Results) -> str:
    """What was done, and by which statistics."""
    if results.script:
        said = script_sentences.methods(results, _budget(results)), _statistics(results), _versions(results)
        return " ".join(said)
    return " ".join(
        part
        for part in (_search(results), _estimate(results), _at_once(results), _statistics(results), _versions(results))
        if part
    )


def _search(results: Results) -> str:
    if rates := results.manifest.get("rates"):
        return (
            f"Each optimizer was run once, for {results.steps} steps and with one common seed, at each of {len(rates)} "
            f"learning rates between {min(rates):g} and {max(rates):g}."
        )
    if results.tuning:
        return (
            f"The search of each optimizer was given {_budget(results)}, each of {results.steps} steps with one common "
            "seed: the defaults, the rate, the first other hyperparameter with the rate, the others spread evenly, and "
            "then where a Gaussian process of all results (Matern 5/2, Snoek, Larochelle, Adams, 2012) expects the "
            f"greatest improvement. Learning rates lay in {DECADES:g} decades on a log scale, centred by a range test "
            f"of three seeds; where the best lay at an end, the search went on past it.{_others(results)}"
        )
    return (
        f"The search of each optimizer was given {_budget(results)}: quasi-random settings (scrambled Halton, the same "
        f"positions for all), each run for {results.steps} steps with one common seed. Learning rates were spread on a "
        f"log scale over {DECADES:g} decades, for every optimizer the same width, centred by a range test of three "
        f"seeds; where the best lay at an end, the last quarter of the trials went on past it.{_others(results)}"
    )


def _budget(results: Results) -> str:
    kind, _, amount = results.budget.partition("=")
    if kind == "time":
        return f"{amount} of training ({', '.join(f'{row.name} {row.searched}' for row in results.rows)} trials)"
    return f"{results.rows[0].searched} trials" + (f" ({amount} steps)" if kind == "steps" else "")


def _others(results: Results) -> str:
    others = [f"{listed(list(row.settings))} of {row.name}" for row in results.rows if row.settings]
    return f" Beside the rate, {listed(others)} were searched." if others else ""


def _estimate(results: Results) -> str:
    final = "best" if results.judged_by_best else "final"
    of_metric = results.metric if results.judged_by_best else f"final {results.metric}"
    usual = ", and the usual learning rate of each," if any(row.default_seeds for row in results.rows) else ""
    return (
        f"The two settings with the best {of_metric}{usual} were run again with {results.seeds} fresh "
        "seeds; the initialisation and the order of the data were equal across optimizers within a seed. The setting "
        "that failed less often, or else had the better mean, is recommended, and its row describes its own runs. "
        "Optimizers are compared by a cross-fitted estimate: each fresh seed is scored at the one of the two settings "
        "that the other fresh seeds prefer, so that no seed enters both a choice and what is compared. A run failed if "
        f"its loss or a parameter was not finite, or if its {final} metric was no better than before training or than "
        "a constant prediction; failed runs are counted, and rank as worst."
    )


def _at_once(results: Results) -> str:
    """Which runs were trained together."""
    found = results.at_once
    if not found.runs:
        return ""
    phases = dict.fromkeys(PHASES[phase] for phase in PHASES if phase in found.phases)
    return (
        f"Of {results.runs} runs, {found.runs} (of {listed(list(phases))}) were trained together, up to {found.most} "
        "at once: their gradients were computed by one vectorized pass (torch.func.vmap), and all else for each by "
        "itself; a trial had shown that the losses agree with those of single runs up to rounding. The training time "
        "of such a run is its share."
    )


def _statistics(results: Results) -> str:
    return (
        "Medians have distribution-free intervals (order statistics; Hettmansperger and Sheather, 1986), differences "
        "Student's t at 95 %, proportions Wilson's. Differences are paired by seed, with an exact sign-flip p, "
        "adjusted by Holm's method for the comparisons of the first optimizer with the others. The probability of "
        "superiority counts all pairs of runs, ties as half; its interval is Wilson's for as many independent "
        "comparisons as the pairs are worth. Two optimizers tie unless it excludes 0.5; a win takes a probability of "
        "at least 0.75 too, the same in the runs of the two recommended settings, a mean difference whose interval "
        "excludes zero, and a p below 0.05 where the number of seeds allows one. Good rates keep 95 % of the best "
        "rate's improvement, in the search. The expected best of k trials is the unbiased estimate without "
        f"replacement, its band that of the median at {100 * CONFIDENCE:.0f} % for all k together (Lourie, Cho, He, "
        "2024). Training time leaves evaluation out."
    )


def _versions(results: Results) -> str:
    versions = results.manifest["versions"]
    return f"steepest {versions.get('steepest', '')}, torch {versions.get('torch', '')}."
