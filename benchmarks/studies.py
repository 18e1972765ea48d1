"""What the workbench costs beside training: `python -m benchmarks.studies [--quick]`."""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from statistics import median
from typing import Any

from steepest.workbench.model.key import SEARCH, Key
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.store.record import Record
from steepest.workbench.training.run import Run
from steepest.workbench.training.task_source import load_task

PROBLEM = "digits-mlp"
STUDY = ("--optimizers", "sgd,momentum,rmsprop,adam", "--seeds", "10")
"""The search as it is by default, and the seeds that a claim needs."""


def recording(rounds: int = 15) -> Iterator[dict[str, Any]]:
    """What storing a run adds to its steps: a run, then its record, in turn."""
    make, fresh = load_task(PROBLEM).make, count()
    trained, stored = [], []
    with tempfile.TemporaryDirectory() as folder, Record(Path(folder), write=True) as record:
        for _ in range(rounds):
            outcome = Run(make, KNOWN["adam"], 0.003, seed=0).train()
            trained.append(outcome.trace.seconds / outcome.trace.step)
            started = time.perf_counter()
            record.add(Key(SEARCH, "adam", 0.003, next(fresh)), outcome, "val_loss")
            stored.append((time.perf_counter() - started) / outcome.trace.step)
    yield {
        "problem": PROBLEM,
        "training step us": 1e6 * median(trained),
        "record us a step": 1e6 * median(stored),
        "share": median(b / a for a, b in zip(trained, stored, strict=True)),
    }


def workers(most: int = 3, rounds: int = 3) -> Iterator[dict[str, Any]]:
    """Whole commands with one worker and with more, in turn; everything counts, the report too."""
    times: dict[int, list[float]] = {number: [] for number in range(1, most + 1)}
    for _ in range(rounds):
        for number, seconds in times.items():
            with tempfile.TemporaryDirectory() as folder:
                command = [sys.executable, "-m", "steepest", "compare", PROBLEM, *STUDY, "--workers", str(number)]
                started = time.perf_counter()
                subprocess.run([*command, "--out", f"{folder}/study", "--quiet"], check=True)
                seconds.append(time.perf_counter() - started)
    for number, seconds in times.items():
        faster = median(one / more for one, more in zip(times[1], seconds, strict=True))
        yield {"workers": number, "seconds": median(seconds), "times as fast": faster}


def main() -> None:
    """Print every row as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.studies", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round of whole commands")
    given = parser.parse_args()
    for row in (*recording(), *workers(rounds=1 if given.quick else 3)):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
