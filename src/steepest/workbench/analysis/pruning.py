"""How many steps a pruner saved, or would have saved, and how often it was, or would have been, wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from steepest.workbench.analysis.statistics import Interval, wilson
from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.model.outcome import PRUNED, TRAINED
from steepest.workbench.model.plan import NO_PRUNING
from steepest.workbench.search.median_rule import MedianRule, exempt
from steepest.workbench.search.pruner import Ended, Memory

if TYPE_CHECKING:
    from steepest.workbench.analysis.tables import Tables

BEST = 2
"""A run that ends among the best two of its optimizer's search would have been tried again with fresh seeds."""


@dataclass(frozen=True)
class Pruning:
    """What ending runs early saved and cost; in a study without it, what it would have.

    Args:
        used: Whether runs were ended early.
        trials: Of all searches.
        ended: How many of them were ended, or would have been.
        saved: The share of the steps of all whole trials.
        checked: Runs that the rule would have ended and that came to their end.
        wrong: How many of them ended among the best two.
        exempt: Optimizers none of whose runs are ended.
        possible: Of each run that was ended, a result that it could have had; lower is better.
    """

    used: bool
    trials: int
    ended: int
    saved: float
    checked: int
    wrong: int
    exempt: list[str]
    possible: dict[Key, float]

    @property
    def share_wrong(self) -> Interval:
        """Of the checked runs, with Wilson's interval."""
        return wilson(self.wrong, self.checked)


def pruning_of(tables: Tables, stored: dict[str, Any] | None) -> Pruning:
    """What the rule did; in a study without it, the runs are told again to a rule that would have been there.

    Args:
        tables: Of the study.
        stored: What the record holds of the pruner.
    """
    plan, runs = tables.plan, _ended(tables)
    used = plan.get("prune", NO_PRUNING) != NO_PRUNING
    steps = plan["steps"] or max((run["steps"] for run in _searched(tables)), default=0)  # of a script, its last step
    left_alone = exempt(plan["optimizers"], plan["steps"])
    rule = MedianRule(plan["steps"], left_alone, one_checked_in=0)
    cut = {} if used or not _all_known(runs) else _cut(rule, runs)
    if used:
        for run in runs:
            rule.tell(run)
    saved = [max(0, steps - step) for step in (_steps_of_pruned(tables) if used else cut.values())]
    checked = list(Memory.of(stored).checked if used else cut)
    whole = len(runs) * steps
    return Pruning(
        used=used,
        trials=len(runs),
        ended=len(saved),
        saved=sum(saved) / whole if whole else 0.0,
        checked=len(checked),
        wrong=len(set(checked) & set(_best(runs))),
        exempt=left_alone,
        possible={run.key: rule.result(run.key) for run in runs if run.status == PRUNED},
    )


def _all_known(runs: Sequence[Ended]) -> bool:
    """Whether the evaluations of every run were read; of a very large study only those of the best are."""
    return all(run.evaluations for run in runs if run.status == TRAINED)


def _cut(rule: MedianRule, runs: Sequence[Ended]) -> dict[Key, int]:
    """The runs that the rule would have ended, and at which step."""
    found = {}
    for run in runs:
        step = next((step for step, value in run.evaluations if rule.ends(run.key, step, value)), None)
        if step is None:
            rule.tell(run)
        else:
            found[run.key] = step
            seen = [(at, value) for at, value in run.evaluations if at <= step]
            rule.tell(run._replace(status=PRUNED, evaluations=seen))
    return found


def _steps_of_pruned(tables: Tables) -> list[int]:
    """The step at which each run was ended."""
    return [run["steps"] for run in _searched(tables) if run["status"] == PRUNED]


def _best(runs: Sequence[Ended]) -> list[Key]:
    """The best two of each optimizer that trained."""
    names = dict.fromkeys(run.key.optimizer for run in runs)
    trained = sorted((run for run in runs if run.status == TRAINED), key=lambda run: run.final)
    return [one.key for name in names for one in [run for run in trained if run.key.optimizer == name][:BEST]]


def _ended(tables: Tables) -> list[Ended]:
    """The trials in the order in which they ended; values are oriented."""
    curves: dict[int, list[tuple[int, float]]] = {}
    for point in tables.metric_of(tables.runs).sort("run", "step").iter_rows(named=True):
        if point["step"] > 0:
            value = math.nan if point["oriented"] is None else point["oriented"]
            curves.setdefault(point["run"], []).append((point["step"], value))
    return [
        Ended(_key(run), run["status"], tables.oriented(run), curves.get(run["id"], [])) for run in _searched(tables)
    ]


def _searched(tables: Tables) -> list[dict[str, Any]]:
    names = [each["name"] for each in tables.plan["optimizers"]]
    rows = tables.runs.sort("id").iter_rows(named=True)
    return [run for run in rows if run["phase"] == SEARCH and run["optimizer"] in names]


def _key(run: dict[str, Any]) -> Key:
    return Key(**{name: run[name] for name in Key._fields})
