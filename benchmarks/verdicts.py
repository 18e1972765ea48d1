"""How often a named winner is none, and whether the pasted row's interval is right: the whole protocol, simulated.

`python -m benchmarks.verdicts [--studies N]`: a JSON line for each row, some minutes in full.  A study
is a search of five optimizers with one seed, the two best settings of each again with fresh seeds, the choice between
them, and the verdict, by the functions that the report uses.  Its runs are drawn from worlds whose truth is known:
`recorded` ones (`recorded_runs.csv`, real runs with their failures and outliers), and made ones in which optimizers are
level, close, or heavy-tailed.  A named winner is tried on 100 new seeds against what the study recommends of every
other optimizer.  `recommended again` is how often two studies of one world recommend the same optimizer.
"""

import argparse
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from benchmarks.recorded_runs import recorded
from steepest.workbench.analysis import statistics
from steepest.workbench.analysis.pairs import decided, p_against
from steepest.workbench.analysis.selection import FINALISTS_PER_OPTIMIZER, Estimate, estimated
from steepest.workbench.model.key import Setting

STUDIES = 2000
SEEDS = (5, 10)
NEW_SEEDS = 100
TRUTH_SEEDS = 20_000
"""Draws by which the true median and mean of a setting are found."""
OPTIMIZERS = 5


@dataclass(frozen=True)
class World:
    """Settings of each optimizer, as arrays; a run is drawn by its setting and what its seed shares with others.

    Args:
        name: For the table.
        runs: optimizer -> one row of final metrics a setting, one column a seed; infinite where failed.
        smooth: The part of a setting's spread by which a draw differs from the recorded run.
    """

    name: str
    runs: list[np.ndarray]
    smooth: float

    def draw(self, generator: np.random.Generator, optimizer: int, setting: int, columns: np.ndarray) -> np.ndarray:
        """Runs of a setting with these seeds."""
        noise = self.spreads[optimizer][setting] * generator.normal(size=len(columns))
        return self.runs[optimizer][setting][columns] + noise

    def search(self, generator: np.random.Generator, optimizer: int, column: int) -> np.ndarray:
        """A run of each setting of an optimizer, with one seed."""
        spreads = self.spreads[optimizer]
        return self.runs[optimizer][:, column] + np.array(spreads) * generator.normal(size=len(spreads))

    @cached_property
    def spreads(self) -> list[list[float]]:
        """By how much the draws of each setting differ from its recorded runs."""
        return [[self.smooth * _spread(values) for values in settings] for settings in self.runs]


def _spread(values: np.ndarray) -> float:
    finite = values[np.isfinite(values)]
    return float(np.median(np.abs(finite - np.median(finite)))) if len(finite) else 0.0


def recorded_worlds() -> Iterator[World]:
    """One for each recorded problem, of the seeds that all its settings have."""
    found: dict[str, dict[str, dict[float, dict[int, float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(dict))
    )
    for row in recorded():
        value = float(row["final"]) if row["final"] else math.inf
        found[row["problem"]][row["optimizer"]][float(row["rate"])][int(row["seed"])] = value
    for problem, optimizers in found.items():
        settings = [one for rates in optimizers.values() for one in rates.values()]
        seeds = sorted(set.intersection(*(set(one) for one in settings)))
        runs = [np.array([[one[seed] for seed in seeds] for one in rates.values()]) for rates in optimizers.values()]
        yield World(f"recorded {problem}", runs, smooth=0.5)


def made_world(
    generator: np.random.Generator, name: str, apart: float, tail: float = 0.0, failing: float = 0.0
) -> World:
    """Five optimizers of eight settings each, whose best settings differ by `apart` standard deviations of a run.

    Args:
        generator: Draws the world.
        name: For the table.
        apart: The standard deviation of the optimizers' best, in those of a run.
        tail: How often a run ends far worse, by 5 to 25 standard deviations, at an optimizer that is unsteady.
        failing: How often a run fails, at an optimizer that is unsteady.
    """
    count, shared = 400, generator.normal(size=400)
    runs = []
    for _ in range(OPTIMIZERS):
        distance = (np.arange(8) - generator.uniform(2, 5)) * 0.5
        level = 10 + apart * generator.normal() + distance**2 - (distance**2).min()
        values = level[:, None] + math.sqrt(0.3) * shared + math.sqrt(0.7) * generator.normal(size=(8, count))
        unsteady = generator.random() < 0.5
        far = generator.random((8, count)) < tail * unsteady
        values = values + far * generator.uniform(5, 25, (8, count))
        runs.append(np.where(generator.random((8, count)) < failing * unsteady, np.inf, values))
    return World(name, runs, smooth=0.1)


MADE: dict[str, dict[str, float]] = {
    "level": {"apart": 0.0},
    "close": {"apart": 0.5},
    "apart": {"apart": 2.0},
    "close, one run in sixteen ends badly": {"apart": 0.5, "tail": 1 / 16},
    "close, one run in ten fails": {"apart": 0.5, "failing": 0.1},
}


@dataclass
class Simulated:
    """One study: what it estimates of each optimizer, which setting it chose, and the winner if it names one."""

    estimates: list[Estimate]
    order: list[int]
    winner: int | None


def study(world: World, seeds: int, generator: np.random.Generator) -> Simulated:
    """A whole study, as the workbench makes it."""
    columns = generator.integers(world.runs[0].shape[1], size=1 + seeds)
    estimates = [_estimate(world, optimizer, columns, generator) for optimizer in range(len(world.runs))]
    order = sorted(range(len(estimates)), key=lambda place: _rank(estimates[place]))
    fitted = [estimates[place].cross_fitted or [math.inf] * seeds for place in order]
    pasted = [estimates[place].values or [math.inf] * seeds for place in order]
    return Simulated(estimates, order, order[0] if estimates[order[0]].values and _wins(fitted, pasted) else None)


def _wins(fitted: list[list[float]], pasted: list[list[float]]) -> bool:
    """Whether the first wins against each other one, as `analysis.pairs` decides it; few need the p, which is slow."""
    others = list(zip(fitted[1:], pasted[1:], strict=True))
    if any(decided(fitted[0], a, pasted=(pasted[0], b)) != "win" for a, b in others):
        return False
    p_values = p_against(fitted[0], fitted[1:])
    return all(decided(fitted[0], a, p) == "win" for (a, _), p in zip(others, p_values, strict=True))


def _estimate(world: World, optimizer: int, columns: np.ndarray, generator: np.random.Generator) -> Estimate:
    searched = world.search(generator, optimizer, columns[0]).tolist()
    trained = [setting for setting, value in enumerate(searched) if math.isfinite(value)]
    finalists = sorted(trained, key=lambda setting: searched[setting])[:FINALISTS_PER_OPTIMIZER]
    if not finalists:
        return Estimate(None)
    fresh = {Setting(one): world.draw(generator, optimizer, one, columns[1:]).tolist() for one in finalists}
    return estimated(fresh)


def _rank(estimate: Estimate) -> tuple[float, float]:
    """As the table is ordered."""
    trained = [value for value in estimate.values if math.isfinite(value)]
    middle = statistics.median(estimate.values) if trained else math.inf
    return middle, float(np.mean(trained)) if trained else math.inf


def better(world: World, found: Simulated, generator: np.random.Generator) -> tuple[bool, bool]:
    """Whether the winner is better than each other on new seeds: in more than half of the pairs; in the mean."""
    columns = generator.integers(world.runs[0].shape[1], size=NEW_SEEDS)
    assert found.winner is not None
    runs = {
        place: world.draw(generator, place, int(setting.rate), columns)
        for place in found.order
        if (setting := found.estimates[place].setting) is not None
    }
    mine = runs.pop(found.winner)
    in_pairs = all(np.mean(mine[:, None] < one) + np.mean(mine[:, None] == one) / 2 > 0.5 for one in runs.values())
    in_the_mean = all(_mean(mine) < _mean(one) for one in runs.values())
    return bool(in_pairs), bool(in_the_mean)


def _mean(values: np.ndarray) -> float:
    """Over the runs that trained."""
    return float(np.mean(values[np.isfinite(values)])) if np.isfinite(values).any() else math.inf


def row(name: str, worlds: list[World], seeds: int, studies: int) -> dict[str, Any]:
    """What comes out of so many studies, each of the next world."""
    generator = np.random.default_rng([seeds, len(name)])
    counts: dict[str, int] = defaultdict(int)
    truths: dict[tuple[int, int, int], tuple[float, float]] = {}
    recommended: dict[int, list[int]] = defaultdict(list)
    for number in range(studies):
        place = number % len(worlds)
        found = study(worlds[place], seeds, generator)
        recommended[place].append(found.order[0])
        for optimizer, estimate in enumerate(found.estimates):
            _count_coverage(counts, truths, worlds[place], (place, optimizer), estimate, generator)
        if found.winner is not None:
            in_pairs, in_the_mean = better(worlds[place], found, generator)
            counts["named"] += 1
            counts["not in pairs"] += not in_pairs
            counts["not in the mean"] += not in_the_mean
    rows = counts["rows"]
    return {
        "world": name,
        "seeds": seeds,
        "studies": studies,
        "winner named": counts["named"],
        "not better in most pairs": counts["not in pairs"],
        "not better in the mean": counts["not in the mean"],
        "recommended again": _again(recommended.values()),
        "rows": rows,
        "median covered": counts["median"] / max(1, rows),
        "Student's t covered": counts["mean"] / max(1, counts["rows with a mean"]),
    }


def _again(recommended: Iterable[list[int]]) -> float:
    """How often two studies of one world recommend the same optimizer."""
    same = all_pairs = 0
    for found in recommended:
        same += sum(count * (count - 1) for count in Counter(found).values())
        all_pairs += len(found) * (len(found) - 1)
    return same / max(1, all_pairs)


def _count_coverage(
    counts: dict[str, int],
    truths: dict[tuple[int, int, int], tuple[float, float]],
    world: World,
    which: tuple[int, int],
    estimate: Estimate,
    generator: np.random.Generator,
) -> None:
    """Whether the interval of the row that would be pasted holds the true median of its setting; and the mean."""
    if estimate.setting is None:
        return
    place, optimizer = which
    setting = int(estimate.setting.rate)
    if (key := (place, optimizer, setting)) not in truths:
        columns = generator.integers(world.runs[0].shape[1], size=TRUTH_SEEDS)
        values = world.draw(generator, optimizer, setting, columns)
        truths[key] = float(np.median(values)), _mean(values)
    middle, mean = truths[key]
    interval = statistics.chosen_interval(estimate.values)
    counts["rows"] += 1
    counts["median"] += interval.low <= middle <= interval.high
    trained = [value for value in estimate.values if math.isfinite(value)]
    if len(trained) > 1:
        counts["rows with a mean"] += 1
        around = statistics.mean_interval(trained)
        counts["mean"] += around.low <= mean <= around.high


def rows(studies: int = STUDIES, numbers: Iterable[int] = SEEDS, named: str = "") -> Iterator[dict[str, Any]]:
    """Every world with this in its name, at these numbers of seeds; made ones are made anew for every tenth study."""
    for seeds in numbers:
        for world in recorded_worlds():
            if named in world.name:
                yield row(world.name, [world], seeds, studies)
        for name, how in MADE.items():
            if named not in name:
                continue
            generator = np.random.default_rng(seeds)
            worlds = [made_world(generator, name, **how) for _ in range(max(1, studies // 10))]
            yield row(name, worlds, seeds, studies)


def main() -> None:
    """Print the rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verdicts")
    parser.add_argument("--studies", type=int, default=STUDIES)
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    parser.add_argument("--worlds", default="", help="only those with this in their name")
    given = parser.parse_args()
    for found in rows(given.studies, given.seeds, given.worlds):
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
