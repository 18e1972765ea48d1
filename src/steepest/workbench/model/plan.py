"""The plan of a study: equal plans are the same study."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from steepest.workbench.errors import UsageError

FIRST = {"strategy": "quasi-random", "known": []}
"""What studies had of which the record says nothing, since there was nothing else."""

Known = tuple[tuple[float, str, float], ...]
"""Results from before a study: rate, other hyperparameters as the record has them, value of the metric."""


@dataclass(frozen=True)
class Plan:
    """What a study will do.  Equal plans may share a folder.

    Args:
        task: Its name.
        optimizers: What the record stores of each candidate.
        budget: Of the search of each optimizer, as text.
        seeds: The number of fresh seeds.
        steps: The length of a run.
        metric, higher_is_better: What decides.
        seed: Of the search.
        rates: The rates to try with every optimizer, in place of a search; none if empty.
        controls: Whether the optimizer that does nothing and the reference run too.
        strategy: Of the search: the name of a sampler.
        known: Results from before, which the search learns from.
    """

    task: str
    optimizers: list[dict[str, Any]]
    budget: str
    seeds: int
    steps: int
    metric: str
    higher_is_better: bool
    seed: int = 0
    rates: tuple[float, ...] = ()
    controls: bool = True
    strategy: str = "quasi-random"
    known: Known = ()

    def difference(self, stored: dict[str, Any]) -> str:
        """The first difference from a stored plan, in words; empty if there is none."""
        for name, mine in json.loads(json.dumps(asdict(self))).items():  # as the record gives it back
            theirs = stored.get(name, FIRST.get(name))
            if mine != theirs:
                return _difference_of_optimizers(theirs, mine) if name == "optimizers" else _differs(name, theirs, mine)
        return ""


def _difference_of_optimizers(theirs: Any, mine: Any) -> str:
    """The names; where these are equal, the first field that differs."""
    names = [",".join(f"{each['name']}@{each['centre']:g}" for each in those) for those in (theirs or [], mine)]
    if names[0] != names[1]:
        return _differs("optimizers", *names)
    for one, other in zip(theirs, mine, strict=True):
        for field in other:
            if one.get(field) != other[field]:
                return f"{_differs(field, one.get(field), other[field])}, for {other['name']}"
    return "other optimizers"


def _differs(name: str, theirs: Any, mine: Any) -> str:
    if name == "budget":
        return f"{theirs}, not {mine}"
    if name == "known":
        return f"{len(theirs or [])} results of an Optuna study, not these {len(mine)}"
    if name == "rates":
        theirs, mine = (",".join(f"{rate:g}" for rate in those) or "each optimizer's own" for those in (theirs, mine))
    return f"{name}={theirs}, not {name}={mine}"


def parsed_rates(given: str | Sequence[float] | None) -> tuple[float, ...]:
    """The rates to try: numbers, `0.1,0.01`, or `1e-5:1e2:36`, which are 36 rates on a logarithmic scale.

    Raises:
        UsageError: They are not numbers, not positive, or not finite.
    """
    if given is None or (isinstance(given, str) and not given.strip()):
        return ()
    try:
        rates = _listed(given) if isinstance(given, str) else [float(rate) for rate in given]
    except (ValueError, TypeError, ZeroDivisionError, OverflowError):
        rates = []
    if not rates or not all(0 < rate < math.inf for rate in rates):
        raise UsageError(
            f"The rates {given!r} cannot be tried; write positive numbers (0.1,0.01) or LOWEST:HIGHEST:COUNT "
            "(1e-5:1e2:36, evenly spaced on a logarithmic scale)."
        )
    return tuple(sorted(set(rates)))


def _listed(text: str) -> list[float]:
    if found := re.fullmatch(r"([^:]+):([^:]+):(\d+)", text.strip()):
        low, high, count = float(found[1]), float(found[2]), int(found[3])
        exponents = [k / max(1, count - 1) for k in range(count)]
        return [float(f"{low * (high / low) ** exponent:.4g}") for exponent in exponents]
    return [float(part) for part in text.split(",")]
