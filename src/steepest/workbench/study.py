"""A study: every optimizer searched over its own range of rates with the same budget, the best two tried again.

1. Search: `trials` rates for each optimizer, one run each, all with the same seed.
2. Finalists: the best two rates of each optimizer, again with fresh seeds.  Within a repetition every optimizer
   starts from the same initialisation and sees the data in the same order, so that differences are taken in pairs.

The seed of the search never enters an estimate: the run that was picked because it was the best flatters its rate.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steepest.workbench import folder as folders
from steepest.workbench.comparison import Comparison
from steepest.workbench.errors import Interrupted, TaskError, UsageError, WorkbenchError, missing_extra
from steepest.workbench.loading import Source, load, summary, users_traceback
from steepest.workbench.optimizers import CONSTANT, DEFAULT, Candidate, choose, scheduled
from steepest.workbench.plan import Plan, parsed
from steepest.workbench.record import Key, Record
from steepest.workbench.signals import Stop
from steepest.workbench.task import TaskFunction
from steepest.workbench.watcher import Watcher

if TYPE_CHECKING:
    from steepest.workbench.report.records import Numbers

SEARCH, FINALISTS = "search", "finalists"
RUNNERS = 2  # rates of each optimizer that are tried again


def compare(
    task: str | TaskFunction,
    optimizers: Sequence[str | Candidate | Callable[..., Any]] = DEFAULT,
    budget: str | int = "trials=12",
    seeds: int = 5,
    *,
    schedules: str | Sequence[str] = CONSTANT,
    steps: int | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    fresh: bool = False,
    command: Sequence[str] = (),
    watcher: Watcher | None = None,
) -> Comparison:
    """Compare optimizers on a task; go on with what is in the folder, if it is the same study.

    Args:
        task: A built-in problem's name, `FILE.py:function`, or a function `task(seed)` that returns a `Task`.
        optimizers: Names, optimizer classes, or `Candidate`s.
        budget: `trials=N`: rates tried for each optimizer.
        seeds: Fresh seeds for the best two rates of each.
        schedules: Of the rate: constant, linear, cosine, warmup-cosine, wsd, one-cycle, inverse-sqrt.  Every optimizer
            is tried with each of them.
        steps: Length of a run; the task's own if None.
        seed: Of the search; the finalists have those that follow.  The same seed gives the same numbers.
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
    candidates, trials = choose(optimizers), parsed(budget)
    if seeds < 1:
        raise UsageError(f"seeds={seeds} would leave nothing to estimate from; give at least 1, better 5.")
    if steps is not None and steps < 1:
        raise UsageError(f"steps={steps} trains nothing; give at least 1, or leave it out for the task's own number.")
    if seed < 0:
        raise UsageError(f"seed={seed} cannot seed a generator; give 0 or more.")
    source = load(task)
    place = Path(out) if out is not None else Path("runs") / source.folder
    study = Study(
        source,
        candidates,
        trials,
        seeds,
        schedules=schedules,
        steps=steps,
        seed=seed,
        folder=place,
        command=list(command),
        watcher=watcher or Watcher(),
    )
    return study.conduct(fresh)


class Study:
    """One comparison being made."""

    def __init__(
        self,
        source: Source,
        candidates: list[Candidate],
        trials: int,
        seeds: int,
        *,
        schedules: str | Sequence[str],
        steps: int | None,
        seed: int,
        folder: Path,
        command: list[str],
        watcher: Watcher,
    ) -> None:
        self.source, self.folder = source, folder
        self.command, self.watcher = command, watcher
        with Explaining(source.name, "when it was first made"):
            from steepest.workbench.isolation import own_randomness
            from steepest.workbench.run import checked

            with own_randomness(seed):
                self.task = checked(source.make(seed))
        length, task = steps or self.task.steps, self.task
        self.candidates = scheduled(candidates, schedules, length)
        described = [candidate.described() for candidate in self.candidates]
        self.plan = Plan(source.name, described, trials, seeds, length, task.metric, task.higher_is_better, seed)

    def conduct(self, fresh: bool) -> Comparison:
        """Do what is left to do, and write the report."""
        folders.prepare(self.folder)
        with Record(self.folder, write=True) as record, Stop() as stop:
            if fresh:
                record.clear()
            self._agree(record)
            try:
                self._warm_up()
                self._runs(record, stop)
            except TaskError:
                record.set(task_failed=True)  # its repair may go on with what was computed
                raise
            finally:
                self.watcher.close()
            return Comparison(self.folder, self.candidates, finish(record))

    def _agree(self, record: Record) -> None:
        """Describe a new study, or see that the stored one is this one."""
        stored = record.get("plan") if record.holds_work() else None
        if stored is None:
            manifest = folders.manifest(self.plan, self.candidates, self.command)
            record.set(plan=asdict(self.plan), manifest=manifest, digests=[])
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

    def _warm_up(self) -> None:
        """Take two steps with each optimizer, so that no run's time has compiling on first use in it."""
        for candidate in self.candidates:
            key = Key(SEARCH, candidate.name, candidate.centre, self.plan.seed)
            with Explaining(self.source.name, f"in its first two steps with {candidate.name}"):
                self._run(key, steps=min(2, self.plan.steps)).train()

    def _runs(self, record: Record, stop: Stop) -> None:
        done = record.done()
        search = list(self._search())
        expected = len(search) + len(self.candidates) * min(RUNNERS, self.plan.trials) * self.plan.seeds
        self.watcher.begin(self.plan, expected, len(done))
        for row in record.runs().iter_rows(named=True):
            key = Key(row["phase"], row["optimizer"], row["rate"], row["seed"])
            self.watcher.ended(key, row["status"], row["final"], self.task.higher_is_better)
        for key in search:
            self._one(record, key, done, stop)
        for key in self._finalists(record):
            self._one(record, key, done, stop)

    def _search(self) -> Iterator[Key]:
        rates = {candidate.name: candidate.rates(self.plan.trials) for candidate in self.candidates}
        for trial in range(self.plan.trials):
            for name, tried in rates.items():
                yield Key(SEARCH, name, tried[trial], self.plan.seed)

    def _finalists(self, record: Record) -> Iterator[Key]:
        best = {candidate.name: finalists(record, candidate.name) for candidate in self.candidates}
        for seed in range(self.plan.seed + 1, self.plan.seed + 1 + self.plan.seeds):
            for name, rates in best.items():
                for rate in rates:
                    yield Key(FINALISTS, name, rate, seed)

    def _one(self, record: Record, key: Key, done: set[Key], stop: Stop) -> None:
        if key in done:
            return
        if stop.wanted():
            raise self._interrupted()
        self.watcher.run(key, self.plan.steps)
        with self._explaining(key):
            outcome = self._run(key, saved=record.interrupted(key)).train(stop.wanted, self.watcher.tick)
        if outcome.saved is not None:
            record.interrupt(key, outcome.saved)
            raise self._interrupted()
        record.add(key, outcome, self.task.metric)
        final = outcome.final(self.task.metric)
        self.watcher.ended(key, outcome.status, final, self.task.higher_is_better)

    def _run(self, key: Key, steps: int | None = None, saved: bytes | None = None) -> Any:
        from steepest.workbench.run import Run

        candidate = next(each for each in self.candidates if each.name == key.optimizer)
        return Run(self.source.make, candidate, key.rate, key.seed, steps=steps or self.plan.steps, saved=saved)

    def _interrupted(self) -> Interrupted:
        words = [word for word in self.command if word != "--fresh"]
        again = shlex.join(words) if words else "the same call of compare()"
        return Interrupted(f"Stopped between two steps; everything is saved in {self.folder}. To go on:\n  {again}")

    def _explaining(self, key: Key) -> Explaining:
        where = f"with {key.optimizer} at {key.rate:g}, seed {key.seed}"
        kept = f" The runs before are kept in {self.folder}, and the same command goes on from there."
        return Explaining(self.source.name, where, kept)


class Explaining:
    """Turns what a task raises into a TaskError with the user's own traceback.

    Args:
        task: The task's name.
        where: At what moment.
        kept: What has become of the runs before.
    """

    def __init__(self, task: str, where: str, kept: str = "") -> None:
        self.task, self.where, self.kept = task, where, kept

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if not isinstance(error, Exception) or isinstance(error, WorkbenchError):
            return
        if isinstance(error, ImportError) and missing_extra(error):
            return
        sentence = f"{self.task} raised {summary(error)} {self.where}; repair it.{self.kept}"
        raise TaskError(sentence, users_traceback(error)) from error


def finalists(record: Record, optimizer: str) -> list[float]:
    """The best two rates of an optimizer's search, best first; fewer where fewer trained."""
    runs = [row for row in record.runs().iter_rows(named=True) if row["phase"] == SEARCH]
    trained = [row for row in runs if row["optimizer"] == optimizer and row["status"] == "trained"]
    sign = -1 if record.get("plan")["higher_is_better"] else 1
    return [row["rate"] for row in sorted(trained, key=lambda row: (sign * row["final"], row["rate"]))[:RUNNERS]]


def finish(record: Record) -> Numbers:
    """Write everything that is made from the record: exports, figures, the page."""
    from steepest.workbench.report import write
    from steepest.workbench.report.numbers import numbers_of

    found = numbers_of(record)
    folders.export(record)
    write(found, record.folder)
    return found
