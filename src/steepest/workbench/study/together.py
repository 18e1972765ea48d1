"""Which runs of a study are trained at once: those that do not wait for each other's results, where it is faster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from steepest.workbench.executors.executor import Executor, GroupExecutor, Supervisor
from steepest.workbench.model.job import LEAST_AT_ONCE, Job
from steepest.workbench.model.key import RANGE, SEARCH, Key
from steepest.workbench.training.trainer import Trainer

if TYPE_CHECKING:
    from steepest.workbench.model.outcome import Outcome
    from steepest.workbench.training.at_once.possible import AtOnce

WORTH = 60.0
"""Seconds that a study takes at least, one run after the other, for a trial of runs at once: it takes about one."""


class Together:
    """Puts the jobs of a study into groups.

    Args:
        trainer: Tries whether runs can be trained at once.
        executor: Makes the runs.
        stacked: Whether runs are trained at once: where possible, never, or if None where a trial says it is faster.
        say: Is told in a sentence what was found.
    """

    def __init__(self, trainer: Trainer, executor: Executor, stacked: bool | None, say: Callable[[str], None]) -> None:
        self.trainer, self.executor, self.stacked, self.say = trainer, executor, stacked, say
        self.tried: dict[str, AtOnce] = {}
        self.is_on = False

    def begin(self, seconds: float, steps: int) -> AtOnce | None:
        """Find out whether runs of the task as it is can be trained at once; None where it was not tried.

        Args:
            seconds: That are left of the study, one run after the other.
            steps: Of a run.
        """
        if self.stacked is False or (self.stacked is None and seconds < WORTH):
            return None
        if not isinstance(self.executor, GroupExecutor):
            self.say("Runs are trained one by one, since those on other machines are.")
            return None
        first = self.trainer.candidates[0]
        found = self._of_kind(Job(Key(SEARCH, first.name, first.centre, self.trainer.seed), steps))
        self.is_on = True  # with other numbers of the task it may be possible where it is not with its own
        if found.most:
            seed = " of one seed" if found.one_seed else ""
            self.say(f"Up to {found.most} runs{seed} are trained at once, {found.times:.1f} times as fast in a trial.")
        else:
            self.say(f"Runs are trained one by one: {found.why}.")
        return found

    def made(
        self, jobs: Iterator[Job | None], may_be_asked_ahead: Callable[[], bool], supervisor: Supervisor
    ) -> Iterator[tuple[Job, Outcome]]:
        """The outcomes of a stage, as an executor gives them.

        Args:
            jobs: Of the stage; None where the next one waits for results.
            may_be_asked_ahead: Whether the next one may be taken before the results of those before it have come.
            supervisor: For the executor.
        """
        if self.is_on and isinstance(self.executor, GroupExecutor):
            return self.executor.run_together(self._groups(jobs, may_be_asked_ahead), supervisor)
        return self.executor.run(jobs, supervisor)

    def _groups(
        self, jobs: Iterator[Job | None], may_be_asked_ahead: Callable[[], bool]
    ) -> Iterator[Sequence[Job] | None]:
        for first in jobs:
            if first is None:
                yield None
                continue
            taken = [first]
            while len(taken) < self._enough and may_be_asked_ahead() and (job := next(jobs, None)):
                taken.append(job)
            yield from self._parted(taken)

    @property
    def _enough(self) -> int:
        """Jobs that are looked at together: as many as all workers can train at once."""
        return max((found.most for found in self.tried.values()), default=1) * self.executor.count

    def _parted(self, jobs: Sequence[Job]) -> Iterator[Sequence[Job]]:
        kinds: dict[object, list[Job]] = {}
        for job in jobs:
            kinds.setdefault(self._kind(job), []).append(job)
        for kind, those in kinds.items():
            yield from [[job] for job in those] if kind is None else self._groups_of(those)

    def _kind(self, job: Job) -> object:
        """What runs that are trained at once have in common; None for a run that is trained alone."""
        if job.key.phase == RANGE or job.may_be_pruned:
            return None
        kind = self.trainer.kind_of_task(job)
        found = self.tried.get(kind)
        return kind, job.steps, job.saved is None, job.key.seed if found is None or found.one_seed else None

    def _groups_of(self, jobs: Sequence[Job]) -> list[Sequence[Job]]:
        """Groups of about one size, and no fewer than there are workers."""
        most = self._of_kind(jobs[0]).most if len(jobs) >= LEAST_AT_ONCE else 0
        if not most:
            return [[job] for job in jobs]
        count = max(-(-len(jobs) // most), min(self.executor.count, len(jobs) // LEAST_AT_ONCE))
        return [tuple(jobs[place::count]) for place in range(count)]

    def _of_kind(self, job: Job) -> AtOnce:
        kind = self.trainer.kind_of_task(job)
        if kind not in self.tried:
            self.tried[kind] = self.trainer.tried_at_once(job, measured=self.stacked is None)
        return self.tried[kind]
