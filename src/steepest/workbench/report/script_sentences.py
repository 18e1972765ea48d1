"""The sentences of the report that are about a script: it is run with arguments, and nobody sees its steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from steepest.workbench.analysis.verdict import KEEP_USUAL, NONE_TRAINED, NOTHING_LEARNED, UNFINISHED, Verdict
from steepest.workbench.report.formatting import listed, number, setting

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results


def headline(results: Results, found: Verdict) -> str:
    """What to do."""
    best, name = found.best, results.task
    if results.nothing_trained or found.kind in (NOTHING_LEARNED, UNFINISHED):
        return f"Every run of {name} failed: repair the script first."
    if found.kind == NONE_TRAINED:
        return f"No run of {name} with a fresh seed trained: try lower rates, or repair the script."
    if found.kind == KEEP_USUAL:
        return f"Keep {name} as it is, at {usual(results)}: nothing here is reliably better."
    return f"Run {name} with {setting(best.rate, best.settings, best.rate_name)}."


def usual(results: Results) -> str:
    """The values without tuning: `lr 0.001, width 64`."""
    known: Mapping[str, Any] = (results.script or {}).get("usual", {})
    return ", ".join(f"{name} {value}" for name, value in known.items())


def where_to_look(results: Results) -> list[str]:
    """What to do where every run failed."""
    return [f"What each run printed is in the folder {results.card.get('output of each run', 'output')}."]


def warnings(results: Results) -> list[str]:
    """What a careful reader should know of a script."""
    values = [one for row in results.rows for one in row.values]
    texts = []
    if len(values) > 1 and len(set(values)) == 1:
        texts.append(
            f"Every fresh seed ended at the same {results.metric}, {number(values[0])}, so the interval says nothing: "
            + (
                "the script does not use the seed that it is given, or prints too few digits."
                if _has_seed(results)
                else "the script seeds itself. Put {seed} into its arguments."
            )
        )
    elif not _has_seed(results):
        texts.append(
            "The script is not told a seed, so its runs differ by chance alone and are compared without pairs in the "
            "order of the data; put {seed} into its arguments."
        )
    if _has_no_effect(results):
        texts.append(
            f"Every trial of the search ended at the same {results.metric}, so what was searched has no effect on the "
            "script: a schedule of its own may set the rate, an argument may not be used, or it prints too few digits."
        )
    if not results.yardstick and not results.nothing_trained:
        missing = listed([name for name in _searched(results) if name not in (results.script or {}).get("usual", {})])
        texts.append(
            f"What tuning has gained is not known: nobody said which {missing} the script had before. Write it behind "
            "the range, as in {lr:1e-4..1e-1:log=1e-3}, and it runs with the fresh seeds too."
        )
    return texts


def methods(results: Results, budget: str) -> str:
    """What was done, as a paragraph for a paper."""
    seeds = "The seed of a run was an argument of the script." if _has_seed(results) else "The script was not seeded."
    usual_too = ", and the values that the script had before," if results.yardstick else ""
    return (
        f"The script was run as a program, changed in no line; {listed(_searched(results))} were searched. The search "
        f"was given {budget}, all with one common seed, in the ranges that its user gave: there was no range "
        "test, no run of an optimizer that does nothing, and nobody measured gradients, as a script trains by itself. "
        f"The two settings that were expected to be best{usual_too} were run again with {results.seeds} fresh seeds. "
        f"{seeds} The setting that failed less often, or else had the better mean, is recommended. A run failed if it "
        f"ended with another exit code than 0, took longer than its time, never gave {results.metric}, or gave one "
        "that was not finite at the end; failed runs are counted, and rank as worst. Seconds are those of the whole "
        "program."
    )


def _searched(results: Results) -> list[str]:
    rate = [results.rate_name] if results.has_rates else []
    (space, *_) = results.manifest["search_space"].values()
    return rate + [one["name"] for one in space["also_searched"]]


def _has_seed(results: Results) -> bool:
    return any("{seed}" in one for one in (results.script or {}).get("command", []))


def _has_no_effect(results: Results) -> bool:
    values = [point.value for point in results.points if point.phase == "search" and point.value is not None]
    return len(values) > 2 and len(set(values)) == 1
