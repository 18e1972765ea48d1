"""The sentences below the figures of a search: what each of them means, and what ending runs early saved and cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steepest.workbench.analysis.axes import RATE
from steepest.workbench.analysis.results import RATE as RATE_NAME
from steepest.workbench.model.key import written
from steepest.workbench.report.formatting import listed, percent

if TYPE_CHECKING:
    from steepest.workbench.analysis.importance import Importance, Share
    from steepest.workbench.analysis.optimizer_row import OptimizerResult
    from steepest.workbench.analysis.pruning import Pruning
    from steepest.workbench.analysis.results import Results
    from steepest.workbench.analysis.search_figures import HistoryData
    from steepest.workbench.model.stage_gain import Edge

SMALL = 0.05
"""A hyperparameter that explains less alone may stay at its usual value."""
LATE = 0.75
"""A best trial after this part of the search says that more trials may gain."""


def importance(found: Importance) -> str:
    """As `adamw: learning rate explains 54 % alone (40 to 68 %) ...; eps explains less than 5 %: leave it as it is.`"""
    first, *others = found.shares
    small = [one.name for one in others if one.high < SMALL]
    name = f"the {first.name}" if first.name == RATE else first.name
    said = f"{found.optimizer}: {name} explains {percent(first.share)} of the spread alone ({_between(first)})."
    if small:
        each = " each" if len(small) > 1 else ""
        said += f" {listed(small)} {'explain' if each else 'explains'} less than {percent(SMALL)}{each}: "
        said += f"leave {'them' if each else 'it'} as {'they are' if each else 'it is'}."
    if found.together > first.share:
        said += " Most of it no hyperparameter explains alone: what one is worth depends on the others."
    return said


def _between(share: Share) -> str:
    return f"{100 * share.low:.0f} to {100 * share.high:.0f} %"


def history(data: HistoryData, optimizer: str) -> str:
    """Whether more trials would gain, as far as the history says it."""
    bests = [best for best in data.bests if best.optimizer == optimizer]
    count = max((trial.trial for trial in data.trials if trial.optimizer == optimizer), default=0)
    if not bests:
        return f"{optimizer}: no trial trained."
    last = next(best.trial for best in bests if best.value == bests[-1].value)
    late = last > LATE * count
    outlook = "more trials may find a better one" if late else f"none of the {count - last} trials after it was better"
    return f"{optimizer}: the best is trial {last} of {count}; {outlook}."


def at_the_ends(row: OptimizerResult, results: Results) -> list[str]:
    """Values of the recommended setting at the end of what was searched, and what to type to search beyond."""
    return [f"{_where(edge, row.rate_name)}; {_beyond(edge, results)}." for edge in row.ends]


def _where(edge: Edge, rate_name: str) -> str:
    better = f"so a {'larger' if edge.side == 'upper' else 'smaller'} one may be better than anything in this report"
    if edge.name == RATE_NAME and rate_name == RATE_NAME:
        which = "highest" if edge.side == "upper" else "lowest"
        return f"the best rate, {edge.value:g}, is the {which} that was {'given' if edge.longer else 'tried'}, {better}"
    of = "the range that was given" if edge.longer else "what was searched"
    return f"{edge.name} {written(edge.value)} is at the {edge.side} end of {of}, {better}"


def _beyond(edge: Edge, results: Results) -> str:
    """What to type."""
    if not edge.longer:
        return f"with more trials the search goes on past it{_more(results.budget)}"
    if results.manifest.get("rates"):
        return f"to search there too, type --rates {edge.longer}"
    if results.script is None:
        return f"to search there too, type --search {edge.longer}"
    place, _, values = edge.longer.partition("=")
    place = place.strip("{}")
    is_argument = "." in place  # of an optimizer that is set from outside
    return f"to search there too, write {f'--set {place}={values}' if is_argument else f'{{{place}:{values}}}'}"


def _more(budget: str) -> str:
    """Twice the trials, and as many as a search needs that goes on."""
    kind, _, amount = budget.partition("=")
    return f" (--budget trials={max(16, 2 * int(amount))})" if kind == "trials" and amount.isdigit() else ""


def pruning(results: Results) -> str:
    """What ending runs early saved and how often it was wrong; or what it would have saved. Empty if nothing."""
    found = results.pruning
    if not found.used and not found.ended:
        return ""
    if not found.used:
        return (
            f"The median rule (--prune median) would have ended {found.ended} of these {found.trials} trials and saved "
            f"{percent(found.saved)} of their steps; {_count(found.wrong)} ended among the best two of "
            f"{_its(results)} search."
        )
    said = (
        f"The median rule ended {found.ended} of {found.trials} trials early and saved {percent(found.saved)} of the "
        "steps of the search."
    )
    if not found.checked:
        return f"{said} None was trained to its end as a check."
    interval = found.share_wrong
    runs = "one more was" if found.checked == 1 else f"{found.checked} more were"
    return (
        f"{said} As a check {runs} trained to the end though the rule would have ended "
        f"{'it' if found.checked == 1 else 'them'}: {_count(found.wrong)} came among the best two of {_its(results)} "
        f"search (95 % interval of the share that does: {100 * interval.low:.0f} to {100 * interval.high:.0f} %)."
    )


def _count(wrong: int) -> str:
    return "none of them" if not wrong else f"{wrong} of them"


def _its(results: Results) -> str:
    return "the" if len(results.rows) == 1 else "its optimizer's"


def pruning_warnings(found: Pruning) -> list[str]:
    """What a careful reader should know of runs that were ended early."""
    if not found.used:
        return []
    texts = []
    if found.wrong:
        texts.append(
            f"The median rule was wrong: {found.wrong} of {found.checked} runs that it would have ended came among the "
            "best two of the search, so it may have ended better settings than those in this report; to be sure, "
            "repeat with --prune none."
        )
    if found.exempt:
        texts.append(
            f"No run of {listed(found.exempt)} was ended early: the rate falls to the end of the run, so values on the "
            "way do not say which run ends best."
        )
    return texts
