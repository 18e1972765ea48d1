"""Runs of a problem that are trained at once against the same ones alone: `python -m benchmarks.runs_at_once`.

Whole runs, with making the task, evaluations and curves; processor time, in turns in one process, the median of ratios.
"""

import statistics
import time
from collections.abc import Iterator, Sequence
from typing import Any

from steepest.workbench.model.job import Job
from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.training.recipe import Recipe
from steepest.workbench.training.trainer import Trainer

ALONE = 4
"""Of the runs, which take long enough."""
NOBODY = (lambda: False, lambda step: None, lambda *_: False)


def rows(
    problems: tuple[str, ...] = ("digits-mlp",),
    counts: tuple[int, ...] = (8, 16, 48),
    steps: int = 200,
    rounds: int = 3,
) -> Iterator[dict[str, Any]]:
    """One row for each problem and number of runs at once."""
    for problem in problems:
        trainer = Trainer(Recipe(problem, ["sgd", "adam"], "constant"), 0)
        for candidate in trainer.candidates:
            trainer.warm_up(candidate, 0)
        _at_once(trainer, _jobs(8, 3))
        for count in counts:
            yield {"problem": problem, "runs": count, **_measured(trainer, _jobs(count, steps), rounds)}


def _jobs(count: int, steps: int) -> list[Job]:
    """Of two optimizers at several rates, sixteen of each seed."""
    each = [(("sgd", 0.1), ("adam", 0.001))[place % 2] for place in range(count)]
    keys = [Key(SEARCH, name, rate * 0.5 ** (place // 2 % 8), place // 16) for place, (name, rate) in enumerate(each)]
    return [Job(key, steps) for key in keys]


def _measured(trainer: Trainer, jobs: Sequence[Job], rounds: int) -> dict[str, float]:
    found = [(_at_once(trainer, jobs) / len(jobs), _alone(trainer, jobs[:ALONE]) / ALONE) for _ in range(rounds)]
    return {
        "at once ms": 1e3 * statistics.median(one for one, _ in found),
        "alone ms": 1e3 * statistics.median(other for _, other in found),
        "ratio": statistics.median(one / other for one, other in found),
    }


def _at_once(trainer: Trainer, jobs: Sequence[Job]) -> float:
    began = time.process_time()
    trainer.train_together(jobs, *NOBODY, lambda place, outcome: None)
    return time.process_time() - began


def _alone(trainer: Trainer, jobs: Sequence[Job]) -> float:
    began = time.process_time()
    for job in jobs:
        trainer.train(job, *NOBODY)
    return time.process_time() - began


if __name__ == "__main__":
    for row in rows():
        print("  ".join(f"{k} {v}" if isinstance(v, (str, int)) else f"{k} {v:.3g}" for k, v in row.items()))
