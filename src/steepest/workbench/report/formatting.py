"""How the report writes numbers, intervals, times and lists."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median
from typing import TYPE_CHECKING, Any

from steepest.workbench.analysis.results import RATE
from steepest.workbench.model.key import written

if TYPE_CHECKING:
    from steepest.workbench.analysis.optimizer_row import OptimizerResult
    from steepest.workbench.analysis.statistics import Interval

MINUS = "\u2212"


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; a dash for NaN."""
    if math.isnan(value):
        return "\u2013"
    if math.isinf(value):
        return "∞" if value > 0 else MINUS + "∞"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    places = digits - 1 - (math.floor(math.log10(abs(value))) if value else 0)
    return f"{value:.{max(0, places)}f}".replace("-", MINUS)


def interval(shown: Interval) -> tuple[str, str]:
    """An estimate and its interval, both with as many digits as the width of the interval allows."""
    estimate, low, high = shown
    if not (math.isfinite(low) and math.isfinite(high)):
        return number(estimate), "one seed" if math.isinf(low) else "\u2013"
    half = (high - low) / 2
    if half == 0 or max(abs(low), abs(high)) >= 1e6 or half < 1e-6:
        return number(estimate), f"{number(low)} to {number(high)}"
    places = max(0, 1 - math.floor(math.log10(half)))
    written = [
        f"{round(value, places) + 0.0:.{places}f}".replace("-", MINUS) for value in shown
    ]  # + 0.0: no minus zero
    return written[0], f"{written[1]} to {written[2]}"


def duration(seconds: float) -> str:
    """A time in the unit that suits it."""
    if not math.isfinite(seconds):
        return number(seconds)
    for size, unit in ((3600, "h"), (60, "min"), (1, "s"), (1e-3, "ms")):
        if seconds >= size:
            return f"{number(seconds / size, 2 if seconds / size < 10 else 3)} {unit}"
    return f"{number(seconds * 1e6, 2)} µs"


def size(count: int | None) -> str:
    """Bytes in the unit that suits them."""
    if count is None:
        return "\u2013"
    for large, unit in ((2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= large:
            return f"{number(count / large, 3)} {unit}"
    return f"{count} B"


def percent(share: float) -> str:
    """A share of one as a percentage."""
    return f"{100 * share:.0f} %"


def untuned(row: OptimizerResult) -> str:
    """The median at the usual rate; `failed` where none trained there, and how many did where most failed."""
    if row.default_seeds and not row.default_trained:
        return "failed"
    failed = row.default_seeds - row.default_trained
    return (
        f"{failed} of {row.default_seeds} failed" if math.isinf(row.default.estimate) else number(row.default.estimate)
    )


def cross_fitted(row: OptimizerResult) -> str:
    """The middle of the cross-fitted values, and how many of them are of runs that trained."""
    trained = sum(math.isfinite(value) for value in row.cross_fitted)
    middle = median(row.cross_fitted) if trained == len(row.cross_fitted) else math.nan
    return number(middle) + f", {trained} of {len(row.cross_fitted)} trained"


def setting(rate: float, settings: Mapping[str, Any], rate_name: str = RATE) -> str:
    """A rate, and the other hyperparameters that were searched: `0.01, beta1 0.9`; `lr 0.01, width 64` of a script."""
    first = f"{rate:g}" if rate_name == RATE else f"{rate_name} {rate:g}"
    others = [f"{name} {written(value)}" for name, value in settings.items()]
    return ", ".join([first, *others] if rate_name else others) or "its usual values"


def listed(names: list[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
