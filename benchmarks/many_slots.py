"""A study that is larger than any machine of ours: 1000 slots that answer at random times, with curves of 200 points.

`python -m benchmarks.many_slots [--runs 100000] [--slots 1000]` says how many runs a second the one writer takes, how
the memory of its process grows, after how long such a study goes on again, and how large its report is.
"""

from __future__ import annotations

import argparse
import heapq
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import torch
from torch import nn

from steepest.workbench import Task
from steepest.workbench.executors.executor import Supervisor
from steepest.workbench.model.diagnostics import GRADIENT_NORM, UPDATE_RATIO
from steepest.workbench.model.job import Job
from steepest.workbench.model.key import DIAGNOSIS, RANGE, Key
from steepest.workbench.model.outcome import DIVERGED, TRAINED, Outcome, Trace
from steepest.workbench.progress.watcher import Watcher
from steepest.workbench.search.budget import parsed_budget
from steepest.workbench.store.record import DATABASE, Record
from steepest.workbench.study.reports import write_report
from steepest.workbench.study.study import Study
from steepest.workbench.task import Shuffled
from steepest.workbench.training.recipe import Recipe
from steepest.workbench.training.trainer import Trainer

OPTIMIZERS = ("momentum", "rmsprop", "adam", "adamw")
SEEDS, STEPS, POINTS, EVALUATIONS = 5, 400, 200, 20


def task(seed: int) -> Task:
    """Linear regression: only its first steps are taken, by the process of the study."""
    torch.manual_seed(seed)
    x = torch.linspace(-1, 1, 64)[:, None]
    model = nn.Linear(1, 1)
    evaluate = {"val_loss": lambda model: float(((model(x) - x) ** 2).mean())}
    return Task(
        model,
        lambda model, batch: ((model(batch[0]) - batch[0]) ** 2).mean(),
        Shuffled(x, size=16, seed=seed),
        lambda model: {name: measure(model) for name, measure in evaluate.items()},
        steps=STEPS,
        evaluations=EVALUATIONS,
    )


def outcome_of(job: Job) -> Outcome:
    """What a run could have measured, as a function of what identifies it."""
    chance = random.Random(str(job.key))
    if job.key.phase == RANGE:
        falls = [1.0 - 0.8 * min(1.0, step / (0.7 * job.steps)) for step in range(1, job.steps + 1)]
        return Outcome(TRAINED, "", Trace(job.steps, 0.1, [(k, 0.001 * k, loss) for k, loss in enumerate(falls, 1)]))
    floor = 0.1 + 0.02 * len(job.key.optimizer) + 0.05 * chance.random()
    spacing = job.steps / POINTS
    curve = [(round(spacing * k), 0.001 * k, floor + 1.0 / k + 0.01 * chance.random()) for k in range(1, POINTS + 1)]
    each = POINTS // EVALUATIONS
    measured = [(step, seconds, "val_loss", loss + 0.01) for step, seconds, loss in curve[each - 1 :: each]]
    if job.key.phase == DIAGNOSIS:
        measured += [
            (step, at, name, loss) for step, at, loss in curve for name in (GRADIENT_NORM, f"{UPDATE_RATIO}0.weight")
        ]
    trace = Trace(job.steps, 0.001 * POINTS, curve, [(0, 0.0, "val_loss", 1.5), *measured])
    if job.key.phase == DIAGNOSIS or chance.random() > 0.05:
        return Outcome(TRAINED, "", trace)
    return Outcome(DIVERGED, f"the loss was not finite at step {job.steps}", trace)


class KilledError(Exception):
    """In the place of the end of the process."""


class ManySlots:
    """An executor whose slots answer at random times; nothing is trained, and no time passes between two answers.

    Args:
        slots: How many there are.
        most: Answers after which the process ends.
        at_answer: Is told how many there were.
    """

    def __init__(self, slots: int, most: int | None = None, at_answer: Callable[[int], None] = lambda n: None) -> None:
        self.count, self.most, self.at_answer = slots, most, at_answer
        self.answers, self.began = 0, 0.0
        self._numbers, self._chance = count(), random.Random(0)

    def prepare(self, trainer: Trainer) -> None:
        """Nothing is trained."""

    def run(self, jobs: Iterator[Job], supervisor: Supervisor) -> Iterator[tuple[Job, Outcome]]:
        """As `Executor` says."""
        under_way: list[tuple[float, int, int, Job]] = []

        def give(place: int, now: float) -> None:
            if (job := next(jobs, None)) is not None:
                self.began = self.began or time.perf_counter()
                supervisor.started(job, place)
                heapq.heappush(under_way, (now + self._chance.expovariate(1.0), next(self._numbers), place, job))

        for place in range(self.count):
            give(place, 0.0)
        while under_way:
            now, _, place, job = heapq.heappop(under_way)
            yield job, outcome_of(job)
            self.answers += 1
            self.at_answer(self.answers)
            if self.answers == self.most:
                raise KilledError
            give(place, now)

    def close(self) -> None:
        """There is no process."""


class Counted(Watcher):
    """Counts what it is told."""

    def __init__(self) -> None:
        self.begun: list[Key] = []
        self.found = 0

    def begin(self, plan: Any, runs: int, done: int, workers: int = 1) -> None:
        """How many were in the record."""
        self.found = done


def study_in(folder: Path, runs: int, watcher: Watcher) -> Study:
    """The study of about so many runs."""
    trainer = Trainer(Recipe(task, OPTIMIZERS, "constant", controls=False), seed=0)
    budget = parsed_budget(f"trials={runs // len(OPTIMIZERS)}")
    return Study(trainer, budget, (), SEEDS, watcher=watcher, command=[], out=folder)


def rss_mb() -> float:
    """The memory of this process."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


def measured(folder: Path, runs: int, slots: int, tell: Callable[[str], None]) -> dict[str, float]:
    """What a study of so many runs takes; it is killed after 99 of 100 runs, and goes on."""
    memory: list[float] = []
    clock: list[float] = []
    making = [0.0]

    def at_answer(answers: int) -> None:
        if answers % max(1, runs // 10) == 0:
            memory.append(rss_mb())
            clock.append(time.process_time())
            tell(f"{answers} runs: {memory[-1]:.0f} MB, {clock[-1] - making[0]:.0f} s")

    first = ManySlots(slots, runs * 99 // 100, at_answer)
    study = study_in(folder, runs, Counted())
    making[0] = started = time.process_time()
    with suppress(KilledError):
        study.conduct(first)
    writing = time.process_time() - started
    again, watcher = ManySlots(slots), Counted()
    study = study_in(folder, runs, watcher)
    asked, asked_cpu = time.perf_counter(), time.process_time()
    study.conduct(again)
    resumed = again.began - asked
    tell(f"went on with {watcher.found} runs after {resumed:.1f} s; {time.process_time() - asked_cpu:.1f} s to the end")
    started = time.process_time()
    with Record(folder) as record:
        write_report(record)
    return {
        "runs": runs,
        "slots": slots,
        "runs a second of CPU": first.answers / writing,
        "MB after a tenth": memory[0],
        "MB at the end": memory[-1],
        "resume, s": resumed,
        "report, s of CPU": time.process_time() - started,
        "report, MB": (folder / "report.html").stat().st_size / 1e6,
        "record, MB": (folder / DATABASE).stat().st_size / 1e6,
        "highest MB": _highest_mb(),
    }


def _highest_mb() -> float:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.many_slots", description=__doc__)
    parser.add_argument("--runs", type=int, default=100_000)
    parser.add_argument("--slots", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, value in measured(Path(folder) / "study", given.runs, given.slots, print).items():
            print(f"{name:>24}  {value:,.1f}")


if __name__ == "__main__":
    main()
