"""How often a range test answers a good rate: ours and others' rules, on the same curves, against whole sweeps.

`python -m benchmarks.range_rules [--repetitions N] [--problems P ...] [--optimizers O ...]`; hours in full.  The rules
of others are as their documentation states them: Lightning's `lr_find` (since 2.5.3 its slope is against the rate
itself, Lightning-AI/pytorch-lightning issue 21055), fastai's `valley`, pytorch-lr-finder's steepest point.
"""

import argparse
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from steepest.workbench import lr_range
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import TRAINED
from steepest.workbench.training.run import Run
from steepest.workbench.training.task_source import load_task

FACTOR = 3.0
"""An answer is good within this factor of the best rate of a sweep."""
STEP = 0.25
"""Decades between the rates of a sweep."""
SWEEP_SEEDS = range(1000, 1005)
NEAR = 1.05
"""Means within this factor of the lowest are not told apart: with 8 seeds, those of momentum on `digits-mlp` at 0.03,
0.06, 0.1 and 0.18 differ by less than their standard errors, so the rate of the lowest one is drawn by lot."""


def exponential(losses: np.ndarray, beta: float) -> np.ndarray:
    """Lightning's and fastai's smoothing: an average with bias correction."""
    mean, found = 0.0, []
    for step, loss in enumerate(losses, 1):
        mean = beta * mean + (1 - beta) * loss
        found.append(mean / (1 - beta**step))
    return np.array(found)


def lightning(rates: np.ndarray, losses: np.ndarray) -> float:
    """The steepest fall of the smoothed loss, against the rate itself; 10 points left out before, 1 behind."""
    kept = slice(10, -1)
    x, y = rates[kept], exponential(losses, 0.98)[kept]
    return float(x[np.argmin(np.gradient(y, x))])


def lightning_by_index(rates: np.ndarray, losses: np.ndarray) -> float:
    """The same against the number of the point, as it was before."""
    kept = slice(10, -1)
    return float(rates[kept][np.argmin(np.gradient(exponential(losses, 0.98)[kept]))])


def fastai_valley(rates: np.ndarray, losses: np.ndarray) -> float:
    """Half way into the middle third of the longest falling subsequence of the smoothed loss."""
    values = exponential(losses, 0.98)
    longest, before = np.ones(len(values), int), np.full(len(values), -1)
    for here in range(1, len(values)):
        falling = [there for there in range(here) if values[there] > values[here] and longest[there] >= longest[here]]
        if falling:
            before[here] = max(falling, key=lambda there: longest[there])
            longest[here] = longest[before[here]] + 1
    end = start = int(np.argmax(longest))
    while before[start] >= 0:
        start = int(before[start])
    third = (end - start) / 3
    return float(rates[start + int(third) + int(third / 2)])


def lr_finder(rates: np.ndarray, losses: np.ndarray) -> float:
    """pytorch-lr-finder: the steepest fall against the number of the point, 10 left out before, 5 behind."""
    smoothed = [losses[0]]
    for loss in losses[1:]:
        smoothed.append(0.05 * loss + 0.95 * smoothed[-1])
    kept = slice(10, -5)
    return float(rates[kept][np.argmin(np.gradient(np.array(smoothed)[kept]))])


OTHERS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "Lightning": lightning,
    "Lightning before": lightning_by_index,
    "fastai valley": fastai_valley,
    "lr-finder": lr_finder,
}


def best_of_sweep(make: Callable[[int], Any], name: str) -> float:
    """The middle of the best rates of whole runs, a quarter of a decade apart, by their means over five seeds."""
    candidate, means = KNOWN[name], {}
    for exponent in np.arange(-1.5, 2.01, STEP):
        rate = candidate.centre * 10**exponent
        means[rate] = float(np.mean([_final(make, candidate, rate, seed) for seed in SWEEP_SEEDS]))
    near = [rate for rate, mean in means.items() if mean <= NEAR * min(means.values())]
    return math.sqrt(near[0] * near[-1])


def _final(make: Callable[[int], Any], candidate: Any, rate: float, seed: int) -> float:
    outcome = Run(make, candidate, rate, seed).train()
    task = make(seed)
    final = outcome.final(task.metric) if outcome.status == TRAINED else None
    return math.inf if final is None else (-final if task.higher_is_better else final)


def answers(problem: str, optimizer: str, repetition: int) -> dict[str, float]:
    """What each rule says, on curves of seeds that no other repetition has."""
    make = load_task(problem).make
    found = lr_range(lambda seed: make(seed + 10 * repetition), [optimizer])[optimizer]
    run = found.curves[0]
    rates, losses = np.array(run.rates), np.array(run.losses)
    finite = np.isfinite(losses)
    given = {"ours": found.bracket.default if found.bracket else math.nan}
    given["ours, rising runs alone"] = found.suggested.default if found.suggested else math.nan
    return given | {name: rule(rates[finite], losses[finite]) for name, rule in OTHERS.items()}


def main() -> None:
    """Print, for each problem and optimizer, how many answers of each rule were good."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.range_rules")
    parser.add_argument("--repetitions", type=int, default=20)
    parser.add_argument("--problems", nargs="*", default=["digits-mlp", "digits-cnn", "text-lstm"])
    parser.add_argument("--optimizers", nargs="*", default=["sgd", "momentum", "rmsprop", "adam"])
    given = parser.parse_args()
    for problem in given.problems:
        for optimizer in given.optimizers:
            best = best_of_sweep(load_task(problem).make, optimizer)
            found = [answers(problem, optimizer, repetition) for repetition in range(given.repetitions)]
            good = {rule: sum(best / FACTOR <= one[rule] <= best * FACTOR for one in found) for rule in found[0]}
            middle = {rule: float(np.median([one[rule] for one in found])) for rule in found[0]}
            said = ", ".join(f"{rule} {good[rule]} ({middle[rule]:.2g})" for rule in good)
            print(f"{problem} {optimizer}: best {best:.2g}; of {given.repetitions} good (median): {said}", flush=True)


if __name__ == "__main__":
    main()
