"""Is the recommendation as good as another tuner's?  `python -m benchmarks.recommendations [--quick] [NAME ...]`.

On fresh seeds that no search has used: Adam at its usual rate, what `compare` recommends, and the best setting that
Optuna's TPE finds for AdamW (rate, both betas, decay) in 16 and in 80 trials: as many as `compare` spends on one
optimizer, and on all.  Every search uses one seed for all its trials, as `compare` does.  A JSON line for each.

A run is written down as soon as it has ended, so the same command continues; `--table` prints what is there as
docs/workbench.md has it, and trains nothing.  Optuna is no dependency: pip install optuna.
"""

import argparse
import importlib
import json
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from steepest.workbench import Candidate, compare, problems
from steepest.workbench.analysis import statistics
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.training.run import Run

PROBLEMS = ("digits-mlp", "digits-vae", "text-transformer")
FRESH_SEEDS = range(1000, 1016)
TRIALS = (16, 80)
FAILED = 1e9
"""What a search is told of a run that failed."""


class Runs:
    """The metric of each run of a problem, made once and kept in a file: a line for each run that has ended.

    Args:
        problem: Its name.
        path: The file; it need not be there.
    """

    def __init__(self, problem: str, path: Path) -> None:
        self.problem, self.path = problem, path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.known: dict[str, float | None] = dict(json.loads(line) for line in lines)

    def value(self, candidate: Candidate, rate: float, seed: int, settings: dict[str, Any] | None = None) -> float:
        """The metric, with a sign such that lower is better; infinite where the run failed."""
        key = f"{candidate.call(settings).replace('RATE', repr(rate))}, seed {seed}"
        if key not in self.known:
            self._keep(key, self._trained(candidate, rate, seed, settings))
        found = self.known[key]
        return math.inf if found is None else found

    def _trained(self, candidate: Candidate, rate: float, seed: int, settings: dict[str, Any] | None) -> float | None:
        run = Run(problems.load(self.problem), candidate, rate, seed, settings=settings)
        final = run.train().final(run.task.metric)
        return -final if final is not None and run.task.higher_is_better else final

    def _keep(self, key: str, value: float | None) -> None:
        self.known[key] = value
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, value]) + "\n")


def tpe(runs: Runs, trials: int, seed: int = 0) -> tuple[Candidate, float]:
    """The best setting of AdamW that Optuna's TPE finds, as a candidate and its rate."""
    optuna: Any = importlib.import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def asked(trial: Any) -> tuple[Candidate, float]:
        rate = trial.suggest_float("lr", 1e-5, 1.0, log=True)
        betas = (
            1 - trial.suggest_float("1 - beta1", 0.01, 0.3, log=True),
            1 - trial.suggest_float("1 - beta2", 1e-4, 0.1, log=True),
        )
        decay = trial.suggest_float("weight_decay", 1e-4, 1.0, log=True)
        return Candidate("adamw", "AdamW", 1e-3, "", {"betas": betas, "weight_decay": decay}), rate

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(lambda trial: min(runs.value(*asked(trial), seed=0), FAILED), n_trials=trials)
    return asked(optuna.trial.FixedTrial(study.best_params))


def settings_of(
    runs: Runs, out: Path, trials: Sequence[int]
) -> Iterator[tuple[str, Candidate, float, dict[str, Any] | None]]:
    """Each tuner's answer: its name, the optimizer, the rate, and the other values."""
    yield "Adam, untuned", KNOWN["adam"], KNOWN["adam"].centre, None
    best = compare(runs.problem, out=out / runs.problem).best()
    yield "compare", best.candidate, best.rate, dict(best.settings)
    for number in trials:
        candidate, rate = tpe(runs, number)
        yield f"TPE on AdamW, {number} trials", candidate, rate, None


def rows(
    problem: str, out: Path, seeds: Sequence[int] = FRESH_SEEDS, trials: Sequence[int] = TRIALS
) -> Iterator[dict[str, Any]]:
    """Of each setting on the fresh seeds: the median, the mean of those that trained, and how many failed."""
    sign = -1 if problems.load(problem)(0).higher_is_better else 1
    runs = Runs(problem, out / f"{problem}-runs.jsonl")
    for name, candidate, rate, settings in settings_of(runs, out, trials):
        found = [runs.value(candidate, rate, seed, settings) for seed in seeds]
        yield {
            "problem": problem,
            "tuner": name,
            "setting": candidate.call(settings).replace("RATE", f"{rate:.3g}"),
            "median": _signed(statistics.median_interval(found), sign),
            "mean": _signed(statistics.mean_interval([one for one in found if math.isfinite(one)]), sign),
            "failed": int(np.isinf(found).sum()),
        }


def _signed(interval: statistics.Interval, sign: int) -> list[float]:
    estimate, low, high = interval
    return [sign * estimate, *sorted((sign * low, sign * high))]


def table(found: Sequence[dict[str, Any]]) -> str:
    """The rows in Markdown."""
    lines = ["| problem | tuner | setting | median | mean | failed |", "|---|---|---|---|---|---|"]
    for row in found:
        numbers = " | ".join("{:.4g} ({:.4g} to {:.4g})".format(*row[name]) for name in ("median", "mean"))
        lines.append(f"| {row['problem']} | {row['tuner']} | `{row['setting']}` | {numbers} | {row['failed']} |")
    return "\n".join(lines)


def main() -> None:
    """Search, train on fresh seeds, and print; every row is kept beside the runs."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommendations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(PROBLEMS))
    parser.add_argument("--quick", action="store_true", help="16 trials of TPE only")
    parser.add_argument("--table", action="store_true", help="only print what is there")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/results"), help="beside the studies of benchmarks.fields"
    )
    given = parser.parse_args()
    kept = given.out / "recommendations.jsonl"
    if not given.table:
        for name in given.names:
            for row in rows(name, given.out, trials=TRIALS[:1] if given.quick else TRIALS):
                print(json.dumps(row), flush=True)
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(row) + "\n")
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
    latest = {(row["problem"], row["tuner"]): row for row in map(json.loads, lines)}
    print(table(list(latest.values())))


if __name__ == "__main__":
    main()
