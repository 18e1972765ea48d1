"""Final metrics of real runs, from which `benchmarks.verdicts` draws: `python -m benchmarks.recorded_runs`.

Five optimizers at five rates each, half a decade apart, on three small problems, the same seeds for all; shorter than a
comparison's runs, so that unsteady ones are among them.  It adds to `recorded_runs.csv` what is not there yet.
"""

import csv
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from steepest.workbench.model.optimizers import KNOWN, reference
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.template import my_task
from steepest.workbench.training.run import Run
from steepest.workbench.training.task_source import load_task

FILE = Path(__file__).with_suffix(".csv")
SEEDS = range(10)
STEPS = {"digits-mlp": 300, "spirals": 400, "quadratic-deep": 200}
HIGHEST = {
    "digits-mlp": {"sgd": 3.0, "momentum": 0.5, "rmsprop": 0.05, "adam": 0.1, "adamw-linear": 0.1},
    "spirals": {"sgd": 3.0, "momentum": 0.5, "rmsprop": 0.05, "adam": 0.1, "adamw-linear": 0.1},
    "quadratic-deep": {"sgd": 0.03, "momentum": 0.01, "rmsprop": 0.1, "adam": 0.3, "adamw-linear": 0.3},
}
RATES = 5
FIELDS = ("problem", "optimizer", "rate", "seed", "final")


def settings() -> Iterator[tuple[str, str, float]]:
    """Problem, optimizer and rate."""
    for problem, highest in HIGHEST.items():
        for optimizer, rate in highest.items():
            yield from ((problem, optimizer, float(f"{rate / 10 ** (place / 2):.2g}")) for place in range(RATES))


def made(problem: str) -> Callable[[int], Any]:
    """The task function of a problem; the spirals are those of the file that `steepest new` writes."""
    return my_task.task if problem == "spirals" else load_task(problem).make


def final(problem: str, optimizer: str, rate: float, seed: int) -> float | None:
    """The metric at the end; None where the run failed."""
    steps = STEPS[problem]
    candidate = reference(steps) if optimizer == "adamw-linear" else KNOWN[optimizer]
    task = made(problem)
    outcome = Run(task, candidate, rate, seed, steps=steps).train()
    return outcome.final(task(seed).metric) if outcome.status == TRAINED else None


def recorded() -> list[dict[str, str]]:
    """The rows of the file."""
    with FILE.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def main(seconds: float = 280.0) -> None:
    """Record what is missing, seed by seed, for so long at most."""
    if not FILE.exists():
        FILE.write_text(",".join(FIELDS) + "\n", encoding="utf-8")
    done = {tuple(row[name] for name in FIELDS[:-1]) for row in recorded()}
    limit = time.monotonic() + seconds
    for seed in SEEDS:
        for problem, optimizer, rate in settings():
            if (problem, optimizer, f"{rate:g}", str(seed)) in done:
                continue
            value = final(problem, optimizer, rate, seed)
            with FILE.open("a", encoding="utf-8") as file:
                file.write(f"{problem},{optimizer},{rate:g},{seed},{'' if value is None else f'{value:.5g}'}\n")
            if time.monotonic() > limit:
                return


if __name__ == "__main__":
    main()
