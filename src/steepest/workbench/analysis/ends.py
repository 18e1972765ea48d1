"""Values of the recommended setting that lie at the end of what was searched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from steepest.workbench.model.dimension import from_stored
from steepest.workbench.model.key import Setting
from steepest.workbench.model.stage_gain import Edge
from steepest.workbench.search.edges import LOWER, UPPER, edge_of, edges_along


def ends_of(
    optimizer: Mapping[str, Any], rates: Sequence[float], chosen: Setting, tried: Iterable[Setting]
) -> list[Edge]:
    """The rate first, where it is one of them.

    Args:
        optimizer: As the plan describes it.
        rates: That the user gave for all optimizers; empty where there was a search.
        chosen: The recommended setting.
        tried: Those of the search.
    """
    settings = list(tried)
    edge = _of_rate(optimizer, rates, chosen.rate, [one.rate for one in settings])
    return [*([] if edge is None else [edge]), *edges_along(map(from_stored, optimizer["space"]), chosen, settings)]


def _of_rate(optimizer: Mapping[str, Any], given: Sequence[float], rate: float, tried: Sequence[float]) -> Edge | None:
    """Of an optimizer, the outermost rate of all that were tried; of a script, one near the end of its range."""
    if script := optimizer.get("script"):
        found = edge_of(from_stored(script["rates"]), rate, tried) if script["rate"] else None
        return found and found._replace(name=script["rate"])
    if len(set(tried)) < 2 or rate not in (min(tried), max(tried)):
        return None
    side = LOWER if rate == min(tried) else UPPER
    return Edge("rate", rate, side, _more_rates(given, side) if given else "")


def _more_rates(given: Sequence[float], side: str) -> str:
    """One decade more, as closely spaced as those that the user gave."""
    low, high, count = min(given), max(given), len(given)
    return f"{low / 10:g}:{high:g}:{count + 4}" if side == LOWER else f"{low:g}:{high * 10:g}:{count + 4}"
