"""The sentences of the report, and how its numbers are written."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Numbers, Row
    from steepest.workbench.analysis.statistics import Interval

MANY_FAILED = 1 / 3
FALLING = 0.05  # of the whole improvement in the last tenth of the run: it was too short to judge
FEW_SEEDS = 10
MINUS = "\u2212"


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits, and a dash for none."""
    if math.isnan(value):
        return "\u2013"
    if math.isinf(value):
        return "∞" if value > 0 else MINUS + "∞"
    if value and not 1e-4 <= abs(value) < 1e6:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    places = digits - 1 - (math.floor(math.log10(abs(value))) if value else 0)
    return f"{value:.{max(0, places)}f}".replace("-", MINUS)


def interval(of: Interval) -> tuple[str, str]:
    """An estimate and its interval, both with the digits that the interval's width deserves."""
    estimate, low, high = of
    if not (math.isfinite(low) and math.isfinite(high)):
        return number(estimate), "one seed" if math.isinf(low) else "\u2013"
    half = (high - low) / 2
    if half == 0 or max(abs(low), abs(high)) >= 1e6 or half < 1e-6:
        return number(estimate), f"{number(low)} to {number(high)}"
    places = max(0, 1 - math.floor(math.log10(half)))
    shown = [f"{round(value, places) + 0.0:.{places}f}".replace("-", MINUS) for value in of]  # + 0.0: no minus zero
    return shown[0], f"{shown[1]} to {shown[2]}"


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


def untuned(row: Row) -> str:
    """The mean at the usual rate; `failed` where none trained there."""
    return number(row.default.estimate) if row.default_trained or not row.default_seeds else "failed"


def listed(names: list[str]) -> str:
    """a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def verdict(found: Numbers) -> list[str]:
    """Who is best; then by how much, how sure that is, and what it cost."""
    if unfinished(found):
        return [f"{found.task} is not finished: {found.runs} runs are done.", _GO_ON, _cost(found)]
    return [_winner(found), *_evidence(found), _cost(found)]


_GO_ON = "The same command goes on with it."


def unfinished(found: Numbers) -> bool:
    """Whether runs are still to be made, so that nothing can be said yet."""
    return not found.finished


def _winner(found: Numbers) -> str:
    best, close = found.rows[0], level_with(found)
    if not best.trained:
        searched = any(row.searched_trained for row in found.rows)
        where = "with fresh seeds, at the rates that had trained" if searched else "at any rate that was tried"
        return f"None of the optimizers trained on {found.task} {where}."
    if len(found.rows) == 1:
        return f"{best.name} trains {found.task}."
    if not close:
        return f"{best.name} wins on {found.task}."
    ahead = f"{best.name} is ahead, but {listed(close)} {_are(close)} not reliably worse"
    return f"No clear winner on {found.task}: {ahead}."


def _are(names: list[str]) -> str:
    return "is" if len(names) == 1 else "are"


def level_with(found: Numbers) -> list[str]:
    """Those that the first of the table does not clearly beat."""
    best = found.rows[0].name
    return [pair.b for pair in found.pairs if pair.a == best and pair.decision != "win"]


def _evidence(found: Numbers) -> list[str]:
    best = found.rows[0]
    if not best.trained:
        return []
    estimate, bounds = interval(best.mean)
    within = f" (95 % interval {bounds})" if math.isfinite(best.mean.low) else ""
    others = "".join(f", {name} {value:g}" for name, value in best.settings.items())
    sentences = [
        f"At a learning rate of {best.rate:g}{others}, {best.name} ends with a mean {found.metric} of "
        f"{estimate}{within}."
    ]
    if best.default_trained and best.default_rate != best.rate:
        sentences.append(f"Untuned, at {best.default_rate:g}, it ends with {number(best.default.estimate)}.")
    beaten = [pair for pair in found.pairs if pair.a == best.name and pair.decision == "win"]
    if beaten:
        chance = min(pair.superiority.estimate for pair in beaten)
        sentences.append(f"It beats {listed([pair.b for pair in beaten])} in {_share(chance)}.")
    return [*sentences, f"The evidence is {_seeds(found)}{strength(found.seeds)}."]


def _share(chance: float) -> str:
    return "every pair of runs" if chance == 1 else f"at least {percent(chance)} of all pairs of runs"


def _seeds(found: Numbers) -> str:
    return f"{found.seeds} fresh seed{'s' if found.seeds > 1 else ''} for each: "


def strength(seeds: int) -> str:
    """What so many seeds are good for."""
    if seeds < 3:
        return "too few for more than a smoke test"
    return "indicative, where ten make a claim" if seeds < FEW_SEEDS else "enough for a claim"


def _cost(found: Numbers) -> str:
    failed = f", {found.failed} of which failed" if found.failed else ""
    steps = f"{found.all_steps:,}".replace(",", "\u202f")
    return f"It cost {found.runs} runs{failed}: {steps} steps, {duration(found.seconds)} of training."


def warnings(found: Numbers) -> list[str]:
    """What a careful reader should know before he believes the table."""
    if unfinished(found):
        return [f"The study is not finished, so every number here is provisional. {_GO_ON}"]
    each = [_edge, _many_failed, _finalists_failed, _falling]
    return [text for row in found.rows for rule in each if (text := rule(row))] + _of_the_study(found)


def _edge(row: Row) -> str:
    if not row.edge or not row.searched_trained:
        return ""
    side = "smaller" if row.edge == "lowest" else "larger"
    return (
        f"{row.name}: the best rate, {row.rate:g}, is the {row.edge} that was tried, so a {side} one may be "
        "better than anything in this report."
    )


def _many_failed(row: Row) -> str:
    failed = row.searched - row.searched_trained
    if failed <= MANY_FAILED * row.searched:
        return ""
    return (
        f"{row.name}: {failed} of {row.searched} trials failed, so its part of the budget was mostly spent "
        "outside its useful range."
    )


def _finalists_failed(row: Row) -> str:
    failed = len(row.values) - row.trained
    return (
        f"{row.name}: {failed} of {len(row.values)} runs with fresh seeds failed; the mean is of the others."
        if failed
        else ""
    )


def _falling(row: Row) -> str:
    if row.falling < FALLING:
        return ""
    return (
        f"{row.name}: {percent(row.falling)} of its improvement came in the last tenth of the run; with more "
        "steps the order may change."
    )


def _of_the_study(found: Numbers) -> list[str]:
    texts = [_control(found), _budgets(found)]
    if all(row.searched == 1 for row in found.rows):
        texts.append(
            "Only one setting of each optimizer was tried: nothing was searched, so this compares settings as much as "
            "optimizers."
        )
    if found.seeds < FEW_SEEDS:
        texts.append(f"{found.seeds} seed{'s' if found.seeds > 1 else ''} for each estimate: {strength(found.seeds)}.")
    if len(found.digests) > 1:
        texts.append(
            "The file that defines the task was changed during the study, so the runs may not be of one problem."
        )
    return [text for text in texts if text]


def _control(found: Numbers) -> str:
    """An optimizer that does nothing should not get anywhere."""
    if found.control is None or found.control.status != "trained" or found.control.final is None:
        return ""
    return (
        f"An optimizer that does nothing also trains {found.task}: {found.metric} ends at "
        f"{number(found.control.final)} after {number(found.control.initial or 0.0)}. The metric moves without "
        "learning (batch normalisation, noise in evaluate), or the task's baseline is too low; no result here is safe."
    )


def _budgets(found: Numbers) -> str:
    """Equal time is not an equal number of trials."""
    counts = [row.searched for row in found.rows]
    if max(counts) <= 1.5 * min(counts):
        return ""
    few, many = (pick(found.rows, key=lambda row: row.searched) for pick in (min, max))
    return (
        f"The searches were not of equal size: {many.name} had {many.searched} trials and {few.name} {few.searched} "
        f"for the same {found.budget}."
    )
