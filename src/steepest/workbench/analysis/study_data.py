"""What a report is made from: all that a record holds, or several records of the same problem as one study."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from itertools import count
from typing import TYPE_CHECKING, Any

import polars as pl

from steepest.workbench.errors import WorkbenchError
from steepest.workbench.model.outcome import LAST
from steepest.workbench.store.curves import curves_of

if TYPE_CHECKING:
    from steepest.workbench.store.record import Record

SAME_IN_ALL = ("task", "metric", "higher_is_better", "steps", "seed", "seeds")
"""What studies must have in common: then runs with the same seed began alike, and can be compared in pairs."""


@dataclass(frozen=True)
class StudyData:
    """The description and the tables of a study, independent of its file."""

    name: str
    plan: dict[str, Any]
    runs: pl.DataFrame
    curves: pl.DataFrame
    target: float | None
    memory: dict[str, dict[str, int]]
    digests: list[str]
    manifest: dict[str, Any]
    finished: bool
    card: dict[str, str]
    pruning: dict[str, Any] | None = None
    judged_by: str = LAST
    gains: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    around_usual: list[str] = field(default_factory=list)


def data_of(record: Record) -> StudyData:
    """All that a record holds.

    Raises:
        WorkbenchError: No run has ended yet.
    """
    plan, runs = record.get("plan"), record.runs()
    if plan is None or runs.is_empty():
        raise WorkbenchError(
            f"{record.folder} holds no finished run, so there is nothing to report; continue the study."
        )
    return StudyData(
        record.folder.name,
        plan,
        runs,
        curves_of(record, runs),
        record.get("target"),
        record.get("memory") or {},
        record.get("digests"),
        record.get("manifest"),
        bool(record.get("finished")),
        record.get("card") or {},
        record.get("pruning"),
        record.get("judged_by") or LAST,
        record.get("gains") or {},
        record.get("around_usual") or [],
    )


def joined(studies: Sequence[StudyData]) -> StudyData:
    """Several studies of one problem as one.  Different optimizers of one name get the name of their folder too.

    Raises:
        WorkbenchError: They are not of one problem; the message says what differs.
    """
    return reduce(_joined_two, studies)


def _joined_two(first: StudyData, second: StudyData) -> StudyData:
    for name in SAME_IN_ALL:
        if first.plan[name] != second.plan[name]:
            raise WorkbenchError(
                f"{first.name} was made with {name}={first.plan[name]} and {second.name} with {name}="
                f"{second.plan[name]}, so their runs cannot be compared; give folders with equal ones."
            )
    second = _without_twins(first, second)
    offset = int(first.runs["id"].max() or 0)  # type: ignore[arg-type]
    budgets = dict.fromkeys([first.plan["budget"], second.plan["budget"]])
    return replace(
        first,
        name=f"{first.name}+{second.name}",
        plan=first.plan
        | {"optimizers": [*first.plan["optimizers"], *second.plan["optimizers"]], "budget": " and ".join(budgets)},
        runs=pl.concat([first.runs, second.runs.with_columns(pl.col("id") + offset)]),
        curves=pl.concat([first.curves, second.curves.with_columns(pl.col("run") + offset)]),
        memory=first.memory | second.memory,
        digests=list(dict.fromkeys([*first.digests, *second.digests])),
        manifest=first.manifest
        | {
            "search_space": first.manifest["search_space"] | second.manifest["search_space"],
            "command": [*first.manifest["command"], "·", *second.manifest["command"]],
        },
        finished=first.finished and second.finished,
        gains=first.gains | second.gains,
        around_usual=[*dict.fromkeys([*first.around_usual, *second.around_usual])],
    )


def _free(name: str, taken: Container[str]) -> str:
    """The name, with a number if it is taken."""
    numbered = (f"{name} {number}" for number in count(2))
    return name if name not in taken else next(one for one in numbered if one not in taken)


def _without_twins(first: StudyData, second: StudyData) -> StudyData:
    """The second study without the optimizers that both have; different ones of the same name get a new name."""
    described = {each["name"]: each for each in first.plan["optimizers"]}
    same_search = all(first.plan[name] == second.plan[name] for name in ("budget", "rates"))
    names = {}
    for each in second.plan["optimizers"]:
        twin = described.get(each["name"])
        if twin is None:
            names[each["name"]] = each["name"]
        elif twin != each or not same_search:
            names[each["name"]] = _free(f"{each['name']} ({second.name})", described)
    if not names:
        raise WorkbenchError(f"{second.name} has no optimizer that {first.name} does not have; report either alone.")

    def renamed(table: pl.DataFrame) -> pl.DataFrame:
        kept = table.filter(pl.col("optimizer").is_in(list(names)))
        return kept.with_columns(pl.col("optimizer").replace_strict(names))

    space = second.manifest["search_space"]
    return replace(
        second,
        plan=second.plan
        | {
            "optimizers": [
                each | {"name": names[each["name"]]} for each in second.plan["optimizers"] if each["name"] in names
            ]
        },
        runs=renamed(second.runs),
        curves=renamed(second.curves),
        memory={names[name]: weighed for name, weighed in second.memory.items() if name in names},
        gains={names[name]: _renamed_gains(kept, names[name]) for name, kept in second.gains.items() if name in names},
        manifest=second.manifest | {"search_space": {new: space[old] for old, new in names.items()}},
    )


def _renamed_gains(kept: Sequence[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [one | {"optimizer": name} for one in kept]
