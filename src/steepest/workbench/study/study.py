"""One comparison: the plan, the record that holds its runs, and the runs that are left to make."""

from __future__ import annotations

import secrets
import shlex
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

from steepest.workbench.errors import Interrupted, TaskError, WorkbenchError
from steepest.workbench.executors.executor import Executor
from steepest.workbench.model.cost import Cost
from steepest.workbench.model.job import Job
from steepest.workbench.model.key import Key
from steepest.workbench.model.outcome import DIFFERS, INTERRUPTED, Outcome
from steepest.workbench.model.plan import NO_PRUNING, Known, Plan
from steepest.workbench.model.stage_gain import from_stored
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.progress.words import AROUND_USUAL
from steepest.workbench.report.formatting import listed
from steepest.workbench.scripts.trainer import ScriptTrainer
from steepest.workbench.search import PRUNERS, QUASI_RANDOM, SAMPLERS
from steepest.workbench.search.budget import Budget
from steepest.workbench.store import folder as folders
from steepest.workbench.store.manifest import manifest
from steepest.workbench.store.past_runs import past_runs
from steepest.workbench.store.record import Record
from steepest.workbench.study.candidate_search import ahead_of
from steepest.workbench.study.comparison import Comparison
from steepest.workbench.study.cost import cost_of
from steepest.workbench.study.ends import check_ends
from steepest.workbench.study.failing_start import check_start, forget_failed_start
from steepest.workbench.study.pruning import RecordedPruner, warn_of_exempt
from steepest.workbench.study.reports import write_report
from steepest.workbench.study.stages import Stages
from steepest.workbench.study.stop_signals import StopSignals
from steepest.workbench.study.supervisor import StudySupervisor
from steepest.workbench.study.together import Together
from steepest.workbench.training.trainer import Trainer

NAMED = 8
"""Runs that were under way which the sentence of an interruption names: a cluster has a thousand."""


class Study:
    """One comparison that is being made.

    Args:
        trainer: Has the task and the candidates.
        budget: Of the search of each optimizer.
        rates: To try in place of a search; none if empty.
        seeds: The number of fresh seeds.
        watcher: Is told how the study gets on.
        command: What the user typed.
        out: The folder; `runs/` and the task's name if None.
        sampler: A name in `search.SAMPLERS`.
        pruner: A name in `search.PRUNERS`.
        known: Results from before, which the search learns from.
        stacked: Whether runs are trained at once: where possible, never, or if None where that is faster.

    Raises:
        TaskError: The task function raised, or returned something else.
        UsageError: An argument does not fit the task.
    """

    def __init__(
        self,
        trainer: Trainer | ScriptTrainer,
        budget: Budget,
        rates: tuple[float, ...],
        seeds: int,
        *,
        watcher: Watcher,
        command: Sequence[str],
        out: str | Path | None,
        sampler: str = QUASI_RANDOM,
        pruner: str = NO_PRUNING,
        known: Known = (),
        stacked: bool | None = None,
    ) -> None:
        self.trainer, self.budget = trainer, budget
        self.command, self.watcher = list(command), watcher
        self.stopped: list[str] = []  # runs that were under way
        self.make_sampler = SAMPLERS[sampler]
        self.stacked = stacked
        task, candidates = trainer.first_task, trainer.candidates
        self.folder = Path(out) if out is not None else Path("runs") / trainer.source.folder
        self.plan = Plan(
            trainer.source.name,
            [candidate.described() for candidate in candidates],
            f"{len(rates)} rates" if rates else str(budget),
            seeds,
            trainer.steps,
            task.metric,
            task.higher_is_better,
            trainer.seed,
            rates,
            trainer.controls,
            sampler,
            known,
            pruner,
        )
        self.pruner = PRUNERS[pruner](self.plan)
        budget.trials(self.plan.steps or 1, step_seconds=1.0)  # raises where it pays for none

    def conduct(self, executor: Executor, fresh: bool = False) -> Comparison:
        """Make the runs that are left, and write the report.

        Args:
            executor: Makes the runs.
            fresh: Whether to delete what the record holds before.

        Raises:
            TaskError: The task raised, or broke its contract.  The runs before are kept.
            WorkbenchError: The folder cannot be used, or holds another study.
            Interrupted: Ctrl-C or SIGTERM.  Everything is saved.
        """
        try:
            return self._conduct(executor, fresh)
        finally:
            self.watcher.close()

    def _conduct(self, executor: Executor, fresh: bool) -> Comparison:
        folders.prepare(self.folder)
        with Record(self.folder, write=True) as record, StopSignals() as signals:
            if fresh:
                record.clear()
            self._check_same_study(record)
            try:
                self._tell_of_the_past(record)
                self._make_runs(record, signals, executor)
                return self._reported(record)
            except TaskError as error:
                record.set(task_failed=True)  # the repaired task may go on with these runs
                if record.holds_work() and (record.has_trained() or not self.plan.is_script):
                    self._say_what_is_kept(error)
                raise

    def _reported(self, record: Record) -> Comparison:
        from steepest.workbench.report import sentences, warning_sentences

        results = write_report(record)
        self.watcher.result(results, self.folder, sentences.verdict(results), warning_sentences.warnings(results))
        return Comparison(self.folder, self.trainer.candidates, results)

    def cost(self, executor: Executor) -> Cost:
        """What the whole study would cost; nothing is written.

        Raises:
            TaskError: The task raised, or broke its contract.
        """
        self.trainer.warm_up(self.trainer.candidates[0], self.plan.seed)
        return self._cost_and_groups(executor, lambda said: None)[0]

    def _check_same_study(self, record: Record) -> None:
        """Describe a new study, or check that the stored one is this one."""
        stored = record.get("plan") if record.holds_work() else None
        if stored is None:
            if isinstance(self.trainer, Trainer):
                check_ends(self.trainer)
            described = manifest(self.plan, self.trainer.candidates, self.command)
            identity = secrets.token_hex(8)
            record.set(plan=asdict(self.plan), manifest=described, digests=[], finished=False, identity=identity)
        elif difference := self.plan.difference(stored):
            raise WorkbenchError(
                f"{self.folder} holds a comparison with {difference}; repeat it as it was to continue it, "
                "give another folder with --out, or start over with --fresh."
            )
        source, task = self.trainer.source, self.trainer.first_task
        digests = dict.fromkeys([*record.get("digests"), source.digest])
        is_users = ".py:" in source.name or self.plan.is_script
        edited = len(digests) > len(record.get("digests")) > 0 and is_users
        if edited and not record.get("task_failed"):
            raise WorkbenchError(
                f"{source.name} was edited since the runs in {self.folder}, so these runs are of another task; start "
                "over with --fresh, or keep both by giving another folder with --out."
            )
        forget_failed_start(self.plan, record)
        record.set(task_failed=False)
        record.set(digests=list(digests), baseline=task.baseline, target=task.target, judged_by=self.trainer.judged_by)

    def _say_what_is_kept(self, error: TaskError) -> None:
        error.args = (
            f"{error.args[0]} The runs before are kept in {self.folder}, and the same command, without --fresh, "
            "continues from there.",
        )

    def _make_runs(self, record: Record, signals: StopSignals, executor: Executor) -> None:
        if record.get("finished"):
            runs, _ = record.amount()
            self.watcher.begin(self.plan, runs, runs)
            return
        trainer, seed = self.trainer, self.plan.seed
        record.set(memory={one.name: trainer.warm_up(one, seed) for one in trainer.candidates})
        record.set(card=trainer.card(seed))
        cost, together = self._cost_and_groups(executor, self.watcher.remark, record.amount())
        self.watcher.cost(cost)
        warn_of_exempt(self.plan)
        pruner = RecordedPruner(self.pruner, record, self.plan)
        ahead = ahead_of(record, executor.count, len(trainer.candidates))
        record.set(ahead=ahead)
        stages = Stages(self.plan, self.budget, trainer.candidates, record, self.make_sampler, ahead, pruner)
        self._tell_what_is_done(record, stages, executor)
        supervisor = StudySupervisor(signals.requested, self.watcher, pruner, self.plan.higher_is_better)
        for stage in stages:
            jobs = self._jobs(record, stages, stage)
            for _ in self._stored(record, pruner, together.made(jobs, stages.may_be_asked_ahead, supervisor)):
                self._tell_gains(record, stages)
            if signals.requested():
                raise self._interrupted(any_ended=record.amount()[0] > 0)
            self._tell_gains(record, stages, over=True)
            if record.get("around_usual") is None:
                self._tell_of_ranges(record, stages)
        executor.close()  # before the report, which can use the cores
        record.set(finished=True)

    def _cost_and_groups(
        self, executor: Executor, say: Callable[[str], None], done: tuple[int, int] = (0, 0)
    ) -> tuple[Cost, Together]:
        """What is left to do, and what makes groups of runs that are trained at once."""
        pace, given = self.trainer.pace(self.plan.seed), (self.plan, self.budget)
        alone = cost_of(*given, pace, executor.count, *done)
        trainer = cast(Trainer, self.trainer)  # a script's is not asked: its runs are never stacked
        together = Together(trainer, executor, self.stacked, say)
        found = together.begin(alone.seconds * executor.count, self.plan.steps)
        return cost_of(*given, pace, executor.count, *done, found), together

    def _tell_of_the_past(self, record: Record) -> None:
        started = record.get("manifest")["started"]  # stands for the identity in a record of an older release
        self.watcher.opened(self.plan, self.folder, record.get("identity") or started)
        if self.watcher.needs_past:
            for key, outcome, when in past_runs(record):
                self.watcher.measured(key, outcome, when)

    def _tell_of_ranges(self, record: Record, stages: Stages) -> None:
        """Behind the first stage: which optimizers its runs tell nothing of."""
        record.set(around_usual=stages.around_usual())
        if names := record.get("around_usual"):
            self.watcher.remark(AROUND_USUAL.format(listed(names)))

    def _tell_what_is_done(self, record: Record, stages: Stages, executor: Executor) -> None:
        self.watcher.begin(self.plan, stages.expected(), record.amount()[0], executor.count)
        for key, status, final in record.all_ended():
            self.watcher.ended(key, status, final, self.plan.higher_is_better)
        for kept in (record.get("gains") or {}).values():
            for one in kept:
                self.watcher.stage(from_stored(one))

    def _tell_gains(self, record: Record, stages: Stages, over: bool = False) -> None:
        """Store what the stages of the search have gained that have just ended, and tell the watcher."""
        kept = record.get("gains") or {}
        for one in stages.gains({name: len(those) for name, those in kept.items()}, over):
            kept.setdefault(one.optimizer, []).append(one.stored())
            record.set(gains=kept)
            self.watcher.stage(one)

    def _jobs(self, record: Record, stages: Stages, stage: Iterator[Key | None]) -> Iterator[Job | None]:
        for key in stage:
            if key is None:
                yield None
            elif not record.has(key):
                yield Job(key, stages.steps(key), record.interrupted(key), key.phase in self.pruner.phases)

    def _stored(self, record: Record, pruner: RecordedPruner, made: Iterator[tuple[Job, Outcome]]) -> Iterator[None]:
        """Store the outcomes one after the other."""
        for job, outcome in made:
            if outcome.status == INTERRUPTED:
                if outcome.saved is not None:
                    record.interrupt(job.key, outcome.saved)
                    pruner.remember()
                    self.stopped.append(f"{job.key} ({job.key.phase}) at step {outcome.trace.step} of {job.steps}")
                continue
            record.add(job.key, outcome, self.plan.metric)
            pruner.tell(job, outcome)
            if job.saved is not None and DIFFERS in outcome.reason:
                warnings.warn(f"{job.key}: {outcome.reason}", stacklevel=2)
            check_start(self.plan, record)
            final = outcome.final(self.plan.metric)
            self.watcher.measured(job.key, outcome, time.time())
            self.watcher.ended(job.key, outcome.status, final, self.plan.higher_is_better)
            yield

    def _interrupted(self, any_ended: bool) -> Interrupted:
        words = [word for word in self.command if word != "--fresh"]
        again = shlex.join(words) if words else "the same call of compare(), without fresh=True"
        more = f", and {len(self.stopped) - NAMED} more" if len(self.stopped) > NAMED else ""
        listed = ", ".join(self.stopped[:NAMED]) + more
        under_way = f"Under way: {listed}; saved, and continued from there." if self.stopped else ""
        kept = f"The runs that have ended are in {self.folder}." if any_ended else "No run has ended yet."
        how = "Runs under way were ended, and are made again." if self.plan.is_script else "Stopped between two steps."
        said = filter(None, [how, kept, under_way, f"To go on:\n  {again}"])
        return Interrupted(" ".join(said))
