"""Is the recommendation as good as another tuner's?  `python -m benchmarks.recommendations [--quick] [NAME ...]`.

On fresh seeds that no search has used: Adam at its usual rate, what `compare` recommends, and the best setting that
Optuna's TPE finds for AdamW (rate, both betas, decay) in 16 and in 80 trials.  Every search uses one seed for all its
trials, as `compare` does.  A JSON line for each.  Optuna is no dependency: pip install optuna.
"""

import argparse
import importlib
import json
import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

from steepest.workbench import Candidate, compare, problems
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.training.run import Run

PROBLEMS = ("digits-mlp", "digits-vae", "text-transformer")
FRESH_SEEDS = range(1000, 1016)
TRIALS = (16, 80)


def value(problem: str, candidate: Candidate, rate: float, seed: int, settings: dict[str, Any] | None = None) -> float:
    """The metric of a run, with a sign such that lower is better; infinite where it failed."""
    run = Run(problems.load(problem), candidate, rate, seed, settings=settings)
    final = run.train().final(run.task.metric)
    return math.inf if final is None else -final if run.task.higher_is_better else final


def tpe(problem: str, trials: int, seed: int = 0) -> tuple[Candidate, float]:
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
    study.optimize(lambda trial: min(value(problem, *asked(trial), seed=0), 1e9), n_trials=trials)
    return asked(optuna.trial.FixedTrial(study.best_params))


def settings_of(
    problem: str, out: Path, trials: tuple[int, ...]
) -> Iterator[tuple[str, Candidate, float, dict[str, Any]]]:
    """Each tuner's answer: its name, the optimizer, the rate, and the other values."""
    yield "Adam, untuned", KNOWN["adam"], KNOWN["adam"].centre, {}
    best = compare(problem, out=out / problem).best()
    yield f"compare: {best}", best.candidate, best.rate, dict(best.settings)
    for number in trials:
        candidate, rate = tpe(problem, number)
        yield f"TPE on AdamW, {number} trials", candidate, rate, {}


def rows(
    problem: str, out: Path, seeds: range = FRESH_SEEDS, trials: tuple[int, ...] = TRIALS
) -> Iterator[dict[str, Any]]:
    """The mean of each on the fresh seeds, with Student's t interval; failed runs are counted and left out."""
    sign = -1 if _higher_is_better(problem) else 1
    for name, candidate, rate, settings in settings_of(problem, out, trials):
        found = [value(problem, candidate, rate, seed, settings) for seed in seeds]
        trained = sign * np.array([one for one in found if math.isfinite(one)])
        half = stats.t.ppf(0.975, len(trained) - 1) * trained.std(ddof=1) / math.sqrt(len(trained))
        yield {
            "problem": problem,
            "setting": name,
            "mean": float(trained.mean()),
            "half-width of 95 %": float(half),
            "failed": len(found) - len(trained),
        }


@cache
def _higher_is_better(problem: str) -> bool:
    return problems.load(problem)(0).higher_is_better


def main() -> None:
    """Search, train on fresh seeds, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.recommendations", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", default=list(PROBLEMS))
    parser.add_argument("--quick", action="store_true", help="16 trials of TPE only")
    parser.add_argument("--out", type=Path, default=Path("runs/recommendations"))
    given = parser.parse_args()
    for name in given.names:
        for row in rows(name, given.out, trials=TRIALS[:1] if given.quick else TRIALS):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
