"""Whether the statistics of a comparison are right as often as they say, on simulated normal runs.

`python -m benchmarks.statistics_rows [--repetitions N]`: a JSON line for each row, two minutes in full.  A seed moves
both optimizers by a component that they share, so their runs are correlated; lower is better, as in
`steepest.workbench.analysis.statistics`.
"""

import argparse
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
from scipy import stats

from steepest.workbench.analysis import statistics

REPETITIONS = 10_000
SEEDS = (5, 10)
CORRELATIONS = (0.0, 0.5, 0.9)
PLANTED = 1.5
"""The difference to find, in standard deviations of one optimizer's runs."""
PROBABILITIES = (0.5, 0.75, 0.9)
"""That A is better than B."""
SPREADS = (1.0, 4.0)
"""Of B's runs, where A's is 1: on `quadratic_deep` that of SGD is eight times that of Adam."""
SUCCESSES = (0.5, 0.8, 0.95)


def comparisons(
    repetitions: int, seeds: int, correlation: float, ahead: float = 0.0, spread: float = 1.0
) -> Iterator[tuple[list[float], list[float]]]:
    """The values of A and of B for the same seeds, A better by `ahead` in the mean."""
    own = [seeds, *(round(100 * value) for value in (correlation, ahead, spread))]  # draws that no other row has
    shared, a, b = np.random.default_rng(own).normal(size=(3, repetitions, seeds))
    both, alone = math.sqrt(correlation) * shared, math.sqrt(1 - correlation)
    yield from zip((both + alone * a - ahead).tolist(), (spread * (both + alone * b)).tolist(), strict=True)


def decided(repetitions: int, seeds: int, correlation: float, ahead: float = 0.0) -> dict[str, float]:
    """How often each criterion calls A and B different, and the decision in full."""
    found, small, apart = Counter(), 0, 0
    for a, b in comparisons(repetitions, seeds, correlation, ahead):
        found[statistics.decision(statistics.superiority(a, b))] += 1
        small += statistics.sign_flip_p(a, b) < 0.05
        apart += not covers(statistics.paired_difference(a, b), 0.0)
    kinds = {kind: found[kind] for kind in ("tie", "win", "leaning", "trailing", "loss")}
    return {name: count / repetitions for name, count in {**kinds, "p < 0.05": small, "t apart": apart}.items()}


def twins(repetitions: int = REPETITIONS) -> Iterator[dict[str, Any]]:
    """The same optimizer under two names, its runs not the same: what comes out should be a tie."""
    for seeds, correlation in product(SEEDS, CORRELATIONS):
        yield {"seeds": seeds, "correlation": correlation} | decided(repetitions, seeds, correlation)


def planted(repetitions: int = REPETITIONS) -> Iterator[dict[str, Any]]:
    """A better by 1.5 standard deviations, at ten seeds: how often each criterion finds it."""
    for correlation in (0.0, 0.5):
        yield {"seeds": 10, "correlation": correlation} | decided(repetitions, 10, correlation, PLANTED)


def covers(interval: statistics.Interval, truth: float) -> bool:
    """Whether the interval holds the truth."""
    return interval.low <= truth <= interval.high


def coverage_of_means(repetitions: int = REPETITIONS) -> Iterator[dict[str, Any]]:
    """Student's t intervals: of A's mean, and of the difference by seed."""
    for seeds, correlation in product(SEEDS, CORRELATIONS):
        runs = list(comparisons(repetitions, seeds, correlation, PLANTED))
        mean = [covers(statistics.mean_interval(a), -PLANTED) for a, _ in runs]
        difference = [covers(statistics.paired_difference(a, b), -PLANTED) for a, b in runs]
        yield {"seeds": seeds, "correlation": correlation, "mean": share(mean), "difference": share(difference)}


def share(covered: Sequence[bool]) -> float:
    """The share of true values."""
    return sum(covered) / len(covered)


def coverage_of_shares() -> Iterator[dict[str, Any]]:
    """Wilson's interval, by the binomial distribution and without a simulation; it swings with the true share."""
    for seeds in SEEDS:
        each = {f"{truth:g}": wilson_covers(truth, seeds) for truth in SUCCESSES}
        yield {"seeds": seeds, **each, "all": sum(each.values()) / len(each)}


def wilson_covers(truth: float, count: int) -> float:
    """How often the interval holds a true share, among all numbers of successes."""
    covering = [k for k in range(count + 1) if covers(statistics.wilson(k, count), truth)]
    return float(stats.binom.pmf(covering, count, truth).sum())


def coverage_of_superiority(
    repetitions: int = REPETITIONS, spreads: Sequence[float] = SPREADS
) -> Iterator[dict[str, Any]]:
    """The interval of P(A better than B), which for normal runs is Φ(difference / √(sd² + sd²))."""
    for spread, seeds, correlation in product(spreads, SEEDS, CORRELATIONS):
        row = {"spread": spread, "seeds": seeds, "correlation": correlation}
        yield row | {f"{truth:g}": superiority_covers(truth, repetitions, **row) for truth in PROBABILITIES}


def superiority_covers(truth: float, repetitions: int, seeds: int, correlation: float, spread: float) -> float:
    """How often the interval holds a true probability."""
    ahead = float(stats.norm.ppf(truth)) * math.hypot(1, spread)
    runs = comparisons(repetitions, seeds, correlation, ahead, spread)
    return share([covers(statistics.superiority(a, b), truth) for a, b in runs])


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statistics_rows")
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    repetitions = parser.parse_args().repetitions
    for name, rows in {
        "twins": twins(repetitions),
        "planted": planted(repetitions),
        "coverage of means": coverage_of_means(repetitions),
        "coverage of shares": coverage_of_shares(),
        "coverage of superiority": coverage_of_superiority(repetitions),
    }.items():
        for row in rows:
            print(json.dumps({"of": name, **row}), flush=True)


if __name__ == "__main__":
    main()
