"""The task and the optimizers of a study, in a form that another process can make them from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from steepest.workbench.errors import UsageError, nearest
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.optimizers import choose, reference
from steepest.workbench.model.schedules import with_schedules
from steepest.workbench.model.search_space import SearchNames, parsed_search, with_search
from steepest.workbench.task import Task, TaskFunction
from steepest.workbench.training.task_errors import ReportsTaskErrors
from steepest.workbench.training.task_source import TaskSource, load_task

OptimizerNames = Sequence[str | Candidate | Callable[..., Any]]
"""Optimizers as the user names them."""


@dataclass(frozen=True)
class Recipe:
    """What the task and the candidates are made from; small enough to send to another process.

    Args:
        task: A problem's name, `FILE.py:function`, or the function.
        optimizers: As the user named them.
        schedules: Of the rate.
        steps: The length of a run, where schedules end; the task's own if None.
        controls: Whether the reference is one of the candidates.
        metric, higher_is_better: What decides, in place of the task's own metric.
        search: What is searched beside the rate.
        has_reference: Whether the reference is among the candidates, where there are controls.
    """

    task: str | TaskFunction
    optimizers: OptimizerNames
    schedules: str | Sequence[str]
    steps: int | None = None
    controls: bool = True
    metric: str | None = None
    higher_is_better: bool | None = None
    search: SearchNames = ()
    has_reference: bool = True

    def source(self) -> TaskSource:
        """The task function, with the deciding metric that was asked for."""
        return replace(load_task(self.task), metric=self.metric, higher_is_better=bool(self.higher_is_better))

    def first_task(self, source: TaskSource, seed: int) -> Task:
        """The task for a seed, made for the first time and checked.

        Raises:
            TaskError: The task function raised, or returned something else.
            UsageError: The task has no such metric, or the direction of the metric is not known.
        """
        from steepest.workbench.training.contract import checked, metrics_of
        from steepest.workbench.training.isolation import own_randomness

        with ReportsTaskErrors(source.name, "when it was first made"), own_randomness(seed):
            own = checked(source.function(seed))
            names = [] if self.metric in (None, own.metric) else sorted(metrics_of(own))
        if self.metric == own.metric and self.higher_is_better not in (None, own.higher_is_better):
            way = "higher" if own.higher_is_better else "lower"
            raise UsageError(f"The task says that a {way} {own.metric} is better; change the task, or leave it out.")
        if self.metric in (None, own.metric):
            return own
        if self.metric not in names:
            raise UsageError(
                f"{source.name} has no metric {self.metric!r}{nearest(self.metric, names)}; its evaluate gives "
                f"{', '.join(names)}."
            )
        if self.higher_is_better is None:
            raise UsageError(
                f"Is a higher or a lower {self.metric} better?  The task says so of {own.metric} alone; add "
                "--higher-is-better or --lower-is-better (higher_is_better=True or False)."
            )
        return source.with_metric(own)

    def candidates(self, steps: int) -> list[Candidate]:
        """The optimizers for runs of so many steps; the reference is the last, unless it was named."""
        found, against = with_schedules(choose(self.optimizers), self.schedules, steps), reference(steps)
        if self.controls and self.has_reference and against.name not in [one.name for one in found]:
            found = [*found, against]
        return with_search(found, parsed_search(self.search), self.source().function)
