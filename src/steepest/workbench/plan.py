"""What a study is to do, told apart from another by its plan."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from steepest.workbench.errors import UsageError


@dataclass(frozen=True)
class Plan:
    """What a study will do.  Equal plans may share a folder."""

    task: str
    optimizers: list[dict[str, Any]]
    trials: int
    seeds: int
    steps: int
    metric: str
    higher_is_better: bool
    seed: int = 0

    def difference(self, other: dict[str, Any]) -> str:
        """The first thing in which a stored plan differs, in words, or nothing."""
        for name, mine in asdict(self).items():
            theirs = other.get(name, getattr(type(self), name, None))  # a study of before may not have it
            if mine != theirs:
                pair = [_listed(each or []) if name == "optimizers" else each for each in (theirs, mine)]
                return f"{name}={pair[0]}, not {name}={pair[1]}"
        return ""


def _listed(optimizers: list[dict[str, Any]]) -> str:
    """Names where they tell the difference; otherwise the reader looks into the manifest."""
    return ",".join(f"{each['name']}@{each['centre']:g}" for each in optimizers)


def parsed(budget: str | int) -> int:
    """The number of trials in `trials=N`."""
    found = re.fullmatch(r"(?:trials=)?(\d+)", str(budget).strip())
    if not found or int(found[1]) < 1:
        raise UsageError(
            f"The budget {str(budget)!r} cannot be used; write trials=N, with N the number of learning rates "
            "to try for each optimizer, at least 1."
        )
    return int(found[1])
