"""How many runs a plan asks for, and about how long they take."""

from __future__ import annotations

from dataclasses import replace

from steepest.workbench.analysis.selection import FINALISTS_PER_OPTIMIZER
from steepest.workbench.model import rising
from steepest.workbench.model.cost import Cost, Pace
from steepest.workbench.model.optimizers import is_yardstick
from steepest.workbench.model.plan import Plan
from steepest.workbench.search.budget import Budget

DIAGNOSES = 2
"""Runs of each optimizer whose steps are measured: the best setting, and the first rate above it that failed."""


def cost_of(plan: Plan, budget: Budget, pace: Pace, workers: int, done: int = 0, done_steps: int = 0) -> Cost:
    """What is left of a study, of which so many runs and steps are done."""
    runs, steps = _amount(plan, budget, pace)
    left, left_steps = max(0, runs - done), max(0, steps - done_steps)
    seconds = (left_steps * pace.step + left * pace.around) / workers
    if _is_uncounted(plan, budget):
        return Cost(runs, 0, 0, seconds, workers, search=budget.amount)
    return Cost(left, plan.steps, left_steps, seconds, workers, _cheaper(plan, budget, pace, workers))


def _is_uncounted(plan: Plan, budget: Budget) -> bool:
    """Whether nobody knows how many trials there will be: how long a run takes only the script says."""
    return plan.is_script and budget.kind == "time"


def _amount(plan: Plan, budget: Budget, pace: Pace) -> tuple[int, int]:
    """The number of runs, and of all their steps."""
    count, script = len(plan.optimizers), plan.is_script
    trials = 0 if _is_uncounted(plan, budget) else len(plan.rates) or _trials(plan, budget, pace)
    fresh = (FINALISTS_PER_OPTIMIZER + plan.controls) * plan.seeds
    controls = plan.controls and not script
    yardstick = plan.seeds * (controls and not any(map(is_yardstick, plan.optimizers)))
    whole = count * (trials + fresh + (0 if script else DIAGNOSES)) + controls + yardstick
    ranges = 0 if plan.rates or script else count * len(rising.SEEDS)
    return whole + ranges, whole * plan.steps + ranges * rising_steps(plan.steps)


def _trials(plan: Plan, budget: Budget, pace: Pace) -> int:
    return budget.trials(plan.steps, pace.step + pace.around / max(1, plan.steps))


def rising_steps(steps: int) -> int:
    """Of a run with a rising rate, which should cost less than a whole one."""
    return min(rising.STEPS, max(rising.STEPS // 4, steps // 2))


def _cheaper(plan: Plan, budget: Budget, pace: Pace, workers: int) -> tuple[str, float] | None:
    """Half the budget of the search, where there is a search and more than one trial."""
    half = replace(budget, amount=budget.amount // 2)
    if plan.rates or half.amount < 1 or (budget.kind == "steps" and half.amount < plan.steps):
        return None
    runs, steps = _amount(plan, half, pace)
    return str(half), (steps * pace.step + runs * pace.around) / workers
