"""What was asked for, in words that another process can make the same task and optimizers from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from steepest.workbench.errors import UsageError, nearest
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.loading import Source, load
from steepest.workbench.model.optimizers import choose, reference
from steepest.workbench.model.schedules import scheduled
from steepest.workbench.task import Task, TaskFunction
from steepest.workbench.training.task_errors import Explaining

Wanted = Sequence[str | Candidate | Callable[..., Any]]


@dataclass(frozen=True)
class Order:
    """A task and optimizers.

    Args:
        task: A problem's name, `FILE.py:function`, or the function.
        optimizers: As the user named them.
        schedules: Of the rate.
        steps: Of a run, where schedules end; the task's own if None.
        controls: Whether the reference stands beside them.
        metric, higher_is_better: What decides in place of the task's own metric.
    """

    task: str | TaskFunction
    optimizers: Wanted
    schedules: str | Sequence[str]
    steps: int | None = None
    controls: bool = True
    metric: str | None = None
    higher_is_better: bool | None = None

    def source(self) -> Source:
        """The task."""
        return replace(load(self.task), metric=self.metric, higher_is_better=bool(self.higher_is_better))

    def first(self, source: Source, seed: int) -> Task:
        """The task for a seed, if it and what was asked of it can be used.

        Raises:
            TaskError: It raised, or is no task.
            UsageError: It has no such metric, or it is not known which direction of it is better.
        """
        from steepest.workbench.training.contract import checked, metrics_of
        from steepest.workbench.training.isolation import own_randomness

        with Explaining(source.name, "when it was first made"), own_randomness(seed):
            own = checked(source.made_by(seed))
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
        return source.judged_by_order(own)

    def length(self, task: Task) -> int:
        """Of a run, in steps."""
        return self.steps or task.steps

    def candidates(self, steps: int) -> list[Candidate]:
        """The optimizers for runs of so many steps, the reference last where it was not named."""
        found, against = scheduled(choose(self.optimizers), self.schedules, steps), reference(steps)
        return [*found, against] if self.controls and against.name not in [one.name for one in found] else found
