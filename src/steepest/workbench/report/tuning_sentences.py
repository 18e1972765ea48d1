"""What a staged search has found, in sentences and rows: for the terminal and for the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.workbench.analysis.results import RATE
from steepest.workbench.progress import stage_words
from steepest.workbench.report.formatting import interval, listed, number, setting

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Results
    from steepest.workbench.analysis.tuning import TunedSetting, Tuning
    from steepest.workbench.model.stage_gain import StageGain


def sentences(tuning: Tuning) -> list[str]:
    """Which hyperparameters are kept, and which stay at their defaults."""
    said = []
    if tuning.kept:
        own = [tuning.rate_name] if tuning.rate_name not in ("", RATE) else []
        beside = ", beside the rate" if tuning.rate_name == RATE else ""
        said.append(f"{tuning.optimizer} keeps the searched {listed([*own, *tuning.kept])}{beside}.")
    if tuning.at_default:
        one = len(tuning.at_default) == 1
        said.append(f"{listed(tuning.at_default)} {'stays at its default' if one else 'stay at their defaults'}.")
    if tuning.spared:
        trials = f"{tuning.spared} trial{'s' if tuning.spared > 1 else ''}"
        said.append(
            f"The search of {tuning.optimizer} ended {trials} early: what the model still expected to gain stayed "
            "small beside the noise of a seed."
        )
    return said


def stage_row(gain: StageGain) -> tuple[str, str, str, str, str]:
    """Stage, trials, best of the search, gain with its interval, what follows."""
    failed = f" ({gain.failed} failed)" if gain.failed else ""
    best = "\u2013" if gain.best is None else number(gain.best)
    said = stage_words.decision(gain)
    shown = f"{number(gain.gain, 2)} ({number(gain.low, 2)} to {number(gain.high, 2)})" if gain.is_known else ""
    return stage_words.title(gain), f"{gain.trials}{failed}", best, shown if said else "", said


def setting_row(tried: TunedSetting, rate_name: str = RATE) -> tuple[str, str, str, str]:
    """Label with the setting, its value in the search, median over fresh seeds, and the interval."""
    middle, bounds = interval(tried.fresh)
    failed = f", {tried.trained} of {tried.seeds} trained" if tried.trained < tried.seeds else ""
    search = "not tried" if tried.search is None else number(tried.search)
    return f"{tried.label}: {setting(tried.rate, tried.settings, rate_name)}", search, middle, bounds + failed


def text(results: Results) -> list[str]:
    """The same as lines of a terminal."""
    lines = []
    for tuning in results.tuning:
        rows = [
            ("stage", "trials", f"best {results.metric}", "gain, 95 % interval", ""),
            *map(stage_row, tuning.stages),
        ]
        lines += [f"What tuning {tuning.optimizer} gained, stage by stage", *_aligned(rows), ""]
        if tuning.settings:
            rows = [
                ("setting", "search", "fresh seeds", "interval"),
                *(setting_row(one, tuning.rate_name) for one in tuning.settings),
            ]
            lines += ["The search's value beside that of the fresh seeds, which decides", *_aligned(rows), ""]
        lines += [*sentences(tuning), ""]
    return lines[:-1]


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
