"""A study: what was asked for is made a plan, the plan a record, the record a report.

`protocol` says which runs come when, `crew` makes them, `record` keeps them.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.workbench.errors import Interrupted, TaskError, UsageError, WorkbenchError
from steepest.workbench.executors.worker_processes import Alone, Crew, Workers
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.key import Key
from steepest.workbench.model.optimizers import DEFAULT, choose
from steepest.workbench.model.outcome import INTERRUPTED, Outcome
from steepest.workbench.model.plan import Plan, rates_of
from steepest.workbench.model.schedules import CONSTANT
from steepest.workbench.problems import settings_of
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.search.budget import Budget, parsed
from steepest.workbench.store import folder as folders
from steepest.workbench.store.record import Record
from steepest.workbench.study.comparison import Comparison
from steepest.workbench.study.stages import Protocol
from steepest.workbench.study.stop_signals import Stop
from steepest.workbench.task import TaskFunction
from steepest.workbench.training.recipe import Order
from steepest.workbench.training.trainer import Job, Workshop

if TYPE_CHECKING:
    from steepest.workbench.analysis.results import Numbers

BUDGET, SEEDS = "trials=16", 5


def compare(
    task: str | TaskFunction,
    optimizers: Sequence[str | Candidate | Callable[..., Any]] | None = None,
    budget: str | int | None = None,
    seeds: int | None = None,
    *,
    schedules: str | Sequence[str] = CONSTANT,
    rates: str | Sequence[float] | None = None,
    steps: int | None = None,
    metric: str | None = None,
    higher_is_better: bool | None = None,
    controls: bool = True,
    seed: int = 0,
    workers: int = 1,
    out: str | Path | None = None,
    fresh: bool = False,
    command: Sequence[str] = (),
    watcher: Watcher | None = None,
) -> Comparison:
    """Compare optimizers on a task; go on with what is in the folder, if it is the same study.

    Args:
        task: A built-in problem's name, `FILE.py:function`, or a function `task(seed)` that returns a `Task`.
        optimizers: Names (ours, `torch.NAME`, `FILE.py:NAME`), optimizer classes, rules, or `Candidate`s.
        budget: Of each optimizer's search: `trials=16`, `steps=1e6` or `time=2h`.
        seeds: Fresh seeds for the best two settings of each.
        schedules: Of the rate: constant, linear, cosine, warmup-cosine, wsd, one-cycle, inverse-sqrt.  Every optimizer
            is tried with each of them.
        rates: Tried with every optimizer, in place of a search: numbers, or LOWEST:HIGHEST:COUNT.
        steps: Length of a run; the task's own if None.
        metric: What decides, of the numbers that the task's `evaluate` gives; the task's own if None.
        higher_is_better: The direction of `metric`.
        controls: Whether AdamW with linear decay, each optimizer's usual rate, and one that does nothing run too.
        seed: Of the search; the finalists have those that follow.  The same seed gives the same numbers.
        workers: Processes that train at the same time.
        out: The folder; `runs/` and the task's name if None.
        fresh: Start over, discarding the study in the folder.
        command: What the user typed, for the manifest and for the line that says how to go on.
        watcher: Is told of progress.

    Raises:
        UsageError: An argument cannot be used.
        TaskError: The task raised.  What was computed is kept.
        WorkbenchError: The folder cannot be used.
        Interrupted: Ctrl-C or SIGTERM.  Everything is saved.
    """
    if rates is not None and budget is not None:
        raise UsageError(f"The rates say already how many trials there are; leave out the budget {budget!r}.")
    if metric is None and higher_is_better is not None:
        raise UsageError("higher_is_better is the direction of `metric`; name the metric too.")
    spend = parsed(BUDGET if budget is None else budget)
    _check(seeds=seeds, steps=steps, seed=seed, workers=workers)
    crew = Workers(workers) if workers > 1 else None
    try:
        usual = settings_of(task)
        if rates is None and budget is None:
            rates = usual.get("rates")
        chosen = usual.get("optimizers", DEFAULT) if optimizers is None else optimizers
        count = usual.get("seeds", SEEDS) if seeds is None else seeds
        choose(chosen)
        order = Order(task, chosen, schedules, steps, controls, metric, higher_is_better)
        if crew is not None:
            crew.brief(order, seed)
        study = Study(order, spend, rates_of(rates), count, seed, watcher or Watcher(), list(command), out)
        return study.conduct(fresh, crew)
    finally:
        if crew is not None:
            crew.close()


def _check(seeds: int | None, steps: int | None, seed: int, workers: int) -> None:
    if seeds is not None and seeds < 1:
        raise UsageError(f"seeds={seeds} would leave nothing to estimate from; give at least 1, better 5.")
    if steps is not None and steps < 1:
        raise UsageError(f"steps={steps} trains nothing; give at least 1, or leave it out for the task's own number.")
    if seed < 0:
        raise UsageError(f"seed={seed} cannot seed a generator; give 0 or more.")
    if workers < 1:
        raise UsageError(f"workers={workers} trains nothing; give at least 1.")


class Study:
    """One comparison being made."""

    def __init__(
        self,
        order: Order,
        budget: Budget,
        rates: tuple[float, ...],
        seeds: int,
        seed: int,
        watcher: Watcher,
        command: list[str],
        out: str | Path | None,
    ) -> None:
        self.source, self.budget = order.source(), budget
        self.command, self.watcher = command, watcher
        self.task = order.first(self.source, seed)
        length = order.length(self.task)
        self.folder = Path(out) if out is not None else Path("runs") / self.source.folder
        self.candidates = order.candidates(length)
        self.plan = Plan(
            self.source.name,
            [candidate.described() for candidate in self.candidates],
            f"{len(rates)} rates" if rates else str(budget),
            seeds,
            length,
            self.task.metric,
            self.task.higher_is_better,
            seed,
            rates,
            order.controls,
        )
        budget.trials(self.plan.steps, step_seconds=1.0)  # raises where it pays for none

    def conduct(self, fresh: bool, crew: Crew | None) -> Comparison:
        """Do what is left to do, by this process alone where there is no crew, and write the report."""
        folders.prepare(self.folder)
        with Record(self.folder, write=True) as record, Stop() as stop:
            if fresh:
                record.clear()
            self._agree(record)
            try:
                self._runs(record, stop, crew)
            except TaskError as error:
                record.set(task_failed=True)  # its repair may go on with what was computed
                if record.holds_work():
                    self._say_what_is_kept(error)
                raise
            finally:
                self.watcher.close()
            return Comparison(self.folder, self.candidates, finish(record))

    def _agree(self, record: Record) -> None:
        """Describe a new study, or see that the stored one is this one."""
        stored = record.get("plan") if record.holds_work() else None
        if stored is None:
            manifest = folders.manifest(self.plan, self.candidates, self.command)
            record.set(plan=asdict(self.plan), manifest=manifest, digests=[], finished=False)
        elif difference := self.plan.difference(stored):
            raise WorkbenchError(
                f"{self.folder} holds a comparison with {difference}; repeat it as it was to go on with it, "
                "give another folder with --out, or start over with --fresh."
            )
        digests = dict.fromkeys([*record.get("digests"), self.source.digest])
        edited = len(digests) > len(record.get("digests")) > 0 and ".py:" in self.source.name
        if edited and not record.get("task_failed"):
            raise WorkbenchError(
                f"{self.source.name} was edited since the runs in {self.folder}, so what they say is of another "
                "task; start over with --fresh, or keep both by giving another folder with --out."
            )
        record.set(task_failed=False)
        record.set(digests=list(digests), baseline=self.task.baseline, target=self.task.target)

    def _say_what_is_kept(self, error: TaskError) -> None:
        error.args = (
            f"{error.args[0]} The runs before are kept in {self.folder}, and the same command, without --fresh, goes "
            "on from there.",
        )

    def _runs(self, record: Record, stop: Stop, crew: Crew | None) -> None:
        if record.get("finished"):
            self.watcher.begin(self.plan, len(record.done()), len(record.done()))
            return
        workshop = Workshop(self.source, self.candidates)
        crew = crew or Alone(workshop)
        record.set(memory={one.name: workshop.warm_up(one, self.plan.seed) for one in self.candidates})
        protocol = Protocol(self.plan, self.budget, self.candidates, record)
        self._tell_what_is_there(record, protocol, crew)
        for stage in protocol.stages():
            self._stage(record, crew.make(self._jobs(record, protocol, stage), stop.wanted, self.watcher))
            if stop.wanted():
                raise self._interrupted()
        crew.close()  # now, as the report has use for their cores
        record.set(finished=True)

    def _tell_what_is_there(self, record: Record, protocol: Protocol, crew: Crew) -> None:
        done = record.all_ended()
        self.watcher.begin(self.plan, protocol.expected(), len(done), crew.count)
        for key, status, final in done:
            self.watcher.ended(key, status, final, self.task.higher_is_better)

    def _jobs(self, record: Record, protocol: Protocol, stage: Iterator[Key]) -> Iterator[Job]:
        done = record.done()
        for key in stage:
            if key not in done:
                yield Job(key, protocol.steps(key), record.interrupted(key))

    def _stage(self, record: Record, made: Iterator[tuple[Job, Outcome]]) -> None:
        for job, outcome in made:
            if outcome.status == INTERRUPTED:
                if outcome.saved is not None:
                    record.interrupt(job.key, outcome.saved)
                continue
            record.add(job.key, outcome, self.task.metric)
            final = outcome.final(self.task.metric)
            self.watcher.ended(job.key, outcome.status, final, self.task.higher_is_better)

    def _interrupted(self) -> Interrupted:
        words = [word for word in self.command if word != "--fresh"]
        again = shlex.join(words) if words else "the same call of compare(), without fresh=True"
        return Interrupted(f"Stopped between two steps; everything is saved in {self.folder}. To go on:\n  {again}")


def finish(record: Record) -> Numbers:
    """Write everything that is made from the record: exports, figures, the page."""
    from steepest.workbench.analysis.study_data import held
    from steepest.workbench.analysis.summarize import numbers_of

    found = numbers_of(held(record))
    _write(found, record.folder, record)
    return found


def report_together(places: Sequence[Path], out: Path) -> Numbers:
    """One report of several studies of the same problem, in a folder of its own.

    Raises:
        WorkbenchError: A folder holds no study, or they are not of one problem.
    """
    from steepest.workbench.analysis.study_data import held, joined
    from steepest.workbench.analysis.summarize import numbers_of

    studies = []
    for place in places:
        with Record(folders.existing(place)) as record:
            studies.append(held(record))
    found = numbers_of(joined(studies))
    if out.exists() and not out.is_dir():
        raise WorkbenchError(f"{out} is a file, so no report can be put into it; name a folder with --out.")
    out.mkdir(parents=True, exist_ok=True)
    _write(found, out)
    return found


def _write(found: Numbers, folder: Path, record: Record | None = None) -> None:
    import polars

    from steepest.workbench.report import write

    try:
        if record is not None:
            folders.export(record)
        write(found, folder)
    except (OSError, polars.exceptions.ComputeError) as error:  # polars says so where the disk is full
        raise WorkbenchError(
            f"All runs are kept, but the report in {folder} could not be written ({error}).  Make room or give "
            "permission, and repeat the same command."
        ) from error
