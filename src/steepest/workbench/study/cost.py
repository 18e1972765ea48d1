"""How many runs a plan asks for, and about how long they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from steepest.workbench.analysis.selection import FINALISTS_PER_OPTIMIZER
from steepest.workbench.model import rising
from steepest.workbench.model.cost import Cost, Pace
from steepest.workbench.model.job import LEAST_AT_ONCE
from steepest.workbench.model.optimizers import is_yardstick
from steepest.workbench.model.plan import NO_PRUNING, Plan
from steepest.workbench.search import STAGED, TPE
from steepest.workbench.search.budget import Budget
from steepest.workbench.search.staged import stages

if TYPE_CHECKING:
    from steepest.workbench.training.at_once.possible import AtOnce

DIAGNOSES = 2
"""Runs of each optimizer whose steps are measured: the best setting, and the first rate above it that failed."""


def cost_of(
    plan: Plan,
    budget: Budget,
    pace: Pace,
    workers: int,
    done: int = 0,
    done_steps: int = 0,
    at_once: AtOnce | None = None,
) -> Cost:
    """What is left of a study, of which so many runs and steps are done; at_once: how runs are trained together."""
    amount, speed = _amount(plan, budget, pace, at_once), _times(at_once)
    left, left_steps = max(0, amount.runs - done), max(0, amount.steps - done_steps)
    share = amount.steps_at_once / max(1, amount.steps)  # also of what is left, as far as it is known
    seconds = _seconds(pace, left, left_steps, share * left_steps, speed) / workers
    if _is_uncounted(plan, budget):
        return Cost(amount.runs, 0, 0, seconds, workers, search=budget.amount)
    cheaper = _cheaper(plan, budget, pace, workers, at_once)
    return Cost(
        left, plan.steps, left_steps, seconds, workers, cheaper, at_once=at_once.most if at_once and share else 0
    )


def _is_uncounted(plan: Plan, budget: Budget) -> bool:
    """Whether nobody knows how many trials there will be: how long a run takes only the script says."""
    return plan.is_script and budget.kind == "time"


class _Amount(NamedTuple):
    """The number of runs, of all their steps, and of those steps that are taken together with other runs."""

    runs: int
    steps: int
    steps_at_once: int


def _times(at_once: AtOnce | None) -> float:
    return max(1.0, at_once.times) if at_once is not None and at_once.most else 1.0


def _seconds(pace: Pace, runs: int, steps: int, steps_at_once: float, speed: float) -> float:
    return (steps - steps_at_once * (1 - 1 / speed)) * pace.step + runs * pace.around


def _amount(plan: Plan, budget: Budget, pace: Pace, at_once: AtOnce | None) -> _Amount:
    count, script = len(plan.optimizers), plan.is_script
    trials = 0 if _is_uncounted(plan, budget) else len(plan.rates) or _trials(plan, budget, pace)
    controls = plan.controls and not script
    yardstick = controls and not any(map(is_yardstick, plan.optimizers))
    of_a_seed = count * (FINALISTS_PER_OPTIMIZER + plan.controls) + yardstick
    diagnoses = 0 if script else DIAGNOSES
    whole = count * (trials + diagnoses) + of_a_seed * plan.seeds + controls
    ranges = 0 if plan.rates or script else count * len(rising.SEEDS)
    together = 0
    if at_once is not None and at_once.most:
        groups = [*_groups_of_the_search(plan, budget, trials), count * diagnoses]
        groups += [of_a_seed] * plan.seeds if at_once.one_seed else [of_a_seed * plan.seeds]
        together = sum(group for group in groups if group >= LEAST_AT_ONCE)
    return _Amount(whole + ranges, whole * plan.steps + ranges * rising_steps(plan.steps), together * plan.steps)


def _groups_of_the_search(plan: Plan, budget: Budget, trials: int) -> list[int]:
    """How many trials of all optimizers do not wait for each other's results, group by group."""
    count = len(plan.optimizers)
    if plan.prune != NO_PRUNING or (budget.kind == "time" and not plan.rates):
        return []
    if plan.strategy == STAGED and not plan.rates:
        return [count * of_one for of_one in _stages_of(plan, trials)]
    return [] if plan.strategy == TPE else [count * trials]


def _stages_of(plan: Plan, trials: int) -> Iterator[int]:
    """The trials of an optimizer in each stage that is spread evenly, and those that a model asks for one by one."""
    dimensions = [sum(one["trials"] <= trials for one in each["space"]) for each in plan.optimizers]
    spread = [stage for stage, _ in stages(trials, max(dimensions, default=0))][:trials]
    counts = [spread.count(stage) for stage in dict.fromkeys(spread)]
    yield sum(counts[:2])  # the defaults and the rates
    yield from counts[2:]
    yield from [1] * (trials - len(spread))


def _trials(plan: Plan, budget: Budget, pace: Pace) -> int:
    return budget.trials(plan.steps, pace.step + pace.around / max(1, plan.steps))


def rising_steps(steps: int) -> int:
    """Of a run with a rising rate, which should cost less than a whole one."""
    return min(rising.STEPS, max(rising.STEPS // 4, steps // 2))


def _cheaper(plan: Plan, budget: Budget, pace: Pace, workers: int, at_once: AtOnce | None) -> tuple[str, float] | None:
    """Half the budget of the search, where there is a search and more than one trial."""
    half = replace(budget, amount=budget.amount // 2)
    if plan.rates or half.amount < 1 or (budget.kind == "steps" and half.amount < plan.steps):
        return None
    found = _amount(plan, half, pace, at_once)
    seconds = _seconds(pace, found.runs, found.steps, found.steps_at_once, _times(at_once))
    return str(half), seconds / workers
