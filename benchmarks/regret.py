"""How far from the best a search ends, at equal numbers of runs: `python -m benchmarks.regret [TABLE ...]`.

A smooth model of recorded runs (`benchmarks.recorded_settings`) stands for the training: the logarithm of the metric,
by a Gaussian process of the means over the seeds.  A run has that and noise, as large as that of single seeds at that
level.  Regret is the difference in log loss between the setting that a search recommends, without noise, and the best
one there is.  With four dimensions the last two stay at their defaults.

Optuna is no dependency: pip install optuna.
"""

import argparse
import importlib
import math
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import qmc

from benchmarks.recorded_settings import file_of
from steepest.workbench.model.candidate import DECADES, Candidate
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import Setting, values_of
from steepest.workbench.search.gaussian_process import on_one_thread
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.staged import Staged
from steepest.workbench.search.surrogate import Surrogate

TRIALS, WORST, FITTED = 32, 0.25, 256
"""Runs of a search; a failed run counts as so much worse than the worst that trained, in log loss, for the model; from
so many settings the lengths of the model are found."""


class Problem:
    """A recorded table as a function of the unit cube.

    Args:
        file: The table.
        dimensions: How many of its dimensions are searched; the others stay at their defaults.
    """

    def __init__(self, file: Path, dimensions: int) -> None:
        table = np.load(file)
        self.names = [str(name) for name in table["names"]][:dimensions]
        self.whole, self.count = table["defaults"].clip(0, 1), dimensions
        finals = table["finals"].astype(float)
        worst = np.log(finals[np.isfinite(finals)].max()) + WORST
        logs = np.where(np.isfinite(finals), np.log(np.where(np.isfinite(finals), finals, 1)), worst)
        means = logs.mean(1)
        points = table["points"].astype(float)
        some = np.random.default_rng(0).permutation(len(means))[:FITTED]
        self.model = Surrogate(points, means, Surrogate(points[some], means[some]).parameters)
        self.fit = self._fit(points, means)
        self._levels, self._spreads = self._noise(logs, means)
        self.least = self._least()

    def _fit(self, points: np.ndarray, means: np.ndarray) -> float:
        """The share of the variance of a quarter of the settings that a model of the others explains."""
        held = (
            np.random.default_rng(1).random(len(means)) < 0.25
        )  # every fourth of Sobol's points is a part of the cube
        model = Surrogate(points[~held], means[~held], self.model.parameters)
        return float(1 - ((model.means(points[held]) - means[held]) ** 2).mean() / means[held].var())

    def _noise(self, logs: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The standard deviation of single seeds, by level; what a seed does to all settings alike is taken off."""
        left = logs - means[:, None] - (logs - means[:, None]).mean(0)
        edges = np.quantile(means, [0, 0.1, 0.25, 0.5, 0.75, 1])
        spreads = [
            np.sqrt((left[(means >= low) & (means <= high)] ** 2).sum(1).mean() / (logs.shape[1] - 1))
            for low, high in pairwise(edges)
        ]
        return (edges[:-1] + edges[1:]) / 2, np.array(spreads)

    def _full(self, points: np.ndarray) -> np.ndarray:
        full = np.tile(self.whole, (len(points), 1))
        full[:, : self.count] = points
        return full

    def true(self, points: Any) -> np.ndarray:
        """The log loss without noise."""
        return self.model.means(self._full(np.atleast_2d(points)))

    def run(self, point: Any, rng: np.random.Generator) -> float:
        """What a run at a point ends at."""
        log = float(self.true(point)[0])
        return math.exp(log + rng.normal() * float(np.interp(log, self._levels, self._spreads)))

    def _least(self) -> float:
        rng = np.random.default_rng(0)
        points = rng.random((8000, self.count))
        for far in (0.1, 0.05, 0.02, 0.01, 0.005):
            best = points[np.argsort(self.true(points))[:15]]
            around = best[None] + far * rng.normal(size=(60, *best.shape))
            points = np.concatenate([best, around.reshape(-1, self.count).clip(0, 1)])
        return float(self.true(points).min())

    @property
    def default(self) -> np.ndarray:
        """The point of the defaults."""
        return self.whole[: self.count]


Search = Callable[[Problem, int, int], np.ndarray]
"""A point that is recommended after so many trials, with a seed."""


def staged(problem: Problem, trials: int, seed: int) -> np.ndarray:
    """`tune`: the first of the settings that would run with fresh seeds."""
    rng = np.random.default_rng(seed)
    space = _space(problem)
    sampler, results, told = Staged(space, seed, trials), {}, 0
    while len(results) < trials:
        for known in [*results][told : sampler.knows(len(results))]:
            sampler.tell(known, results[known])
            told += 1
        if (setting := sampler.ask()) is None:
            break
        results[setting] = problem.run(_point(space, problem, setting), rng)
    USED.append(len(results))
    return _point(space, problem, sampler.ranked(results)[0])


USED: list[int] = []
"""How many trials the searches of `tune` took."""


def _space(problem: Problem) -> SearchSpace:
    """The unit cube as a space of an optimizer with the same names."""
    dimensions = [Dimension(name, -1e-3, 1.001, of_task=True, default=0.5) for name in problem.names[1:]]
    given = zip(dimensions, problem.default[1:], strict=True)
    space = tuple(Dimension(one.name, 0.0, 1.0, of_task=True, default=float(default)) for one, default in given)
    return SearchSpace(Candidate("adamw", "AdamW", 1.0, "", space=space), 1.0, space)


def _point(space: SearchSpace, problem: Problem, setting: Setting) -> np.ndarray:
    given = values_of(setting.others)
    rate = 0.5 + math.log10(setting.rate) / DECADES
    others = [given.get(name, default) for name, default in zip(problem.names[1:], problem.default[1:], strict=True)]
    return np.array([rate, *others]).clip(0, 1)


def _best(problem: Problem, points: Iterator[np.ndarray] | np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    runs = [(problem.run(point, rng), point) for point in points]
    return min(runs, key=lambda one: one[0])[1]


def quasi_random(problem: Problem, trials: int, seed: int) -> np.ndarray:
    """Halton's points."""
    return _best(problem, qmc.Halton(problem.count, scramble=True, rng=seed).random(trials), seed)


def one_at_a_time(problem: Problem, trials: int, seed: int) -> np.ndarray:
    """Rate, betas, eps, decay, the task's own, each alone, the best so far kept; the rate has three shares."""
    rng = np.random.default_rng(seed)
    order = [name for name in ("rate", "beta1", "beta2", "eps", "weight_decay") if name in problem.names]
    order += [name for name in problem.names if name not in order]
    shares = np.floor(np.array([3.0] + [1.0] * (len(order) - 1)) / (len(order) + 2) * (trials - 1)).astype(int)
    shares[0] += trials - 1 - shares.sum()
    best, least = problem.default.copy(), problem.run(problem.default, rng)
    for name, share in zip(order, shares, strict=True):
        place, base = problem.names.index(name), best.copy()
        for value in qmc.Halton(1, scramble=True, rng=seed + place).random(share).ravel():
            point = base.copy()
            point[place] = value
            if (result := problem.run(point, rng)) < least:
                best, least = point, result
    return best


def tpe(problem: Problem, trials: int, seed: int, has_default: bool = False) -> np.ndarray:
    """Optuna's TPE with its own settings; or with the default, and the first Halton points, enqueued."""
    optuna: Any = importlib.import_module("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    rng = np.random.default_rng(seed)
    startup = {"n_startup_trials": 4} if has_default else {}
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, **startup))
    names = [f"x{place}" for place in range(problem.count)]
    if has_default:
        halton = qmc.Halton(problem.count, scramble=True, rng=seed).random(max(3, trials // 4) - 1)
        for point in [problem.default, *halton]:
            study.enqueue_trial(dict(zip(names, map(float, point), strict=True)))
    cube = {name: optuna.distributions.FloatDistribution(0, 1) for name in names}
    for _ in range(trials):
        trial = study.ask(cube)
        study.tell(trial, problem.run([trial.params[name] for name in names], rng))
    return np.array([study.best_params[name] for name in names])


SEARCHES: dict[str, Search] = {
    "quasi-random": quasi_random,
    "one at a time": one_at_a_time,
    "TPE": tpe,
    "TPE, default first": partial(tpe, has_default=True),
    "tune": staged,
}
TABLES = ("mlp4", "mlp6", "text", "spirals")


def problems(table: str) -> Iterator[Problem]:
    """With four dimensions and with all; `mlp4` is the four of `mlp6`, recorded on their own."""
    widest = len(np.load(file_of(table))["names"])
    counts = [6] if table == "mlp6" else sorted({4, widest})
    yield from (Problem(file_of(table), count) for count in counts)


def rows(
    tables: tuple[str, ...] = TABLES, searches: int = 20, trials: int = TRIALS, only: tuple[str, ...] = tuple(SEARCHES)
) -> Iterator[dict[str, Any]]:
    """One row for each problem and search: the mean regret, and its standard error."""
    for table in tables:
        for problem in problems(table):
            for name in only:
                search = SEARCHES[name]
                USED.clear()
                found = [
                    float(problem.true(search(problem, trials, 100 + k))[0]) - problem.least for k in range(searches)
                ]
                row = {"table": table, "dimensions": problem.count, "fit": problem.fit, "search": name}
                error = float(np.std(found, ddof=1)) / math.sqrt(searches)
                yield row | {"regret": float(np.mean(found)), "error": error, "trials": np.mean(USED or [trials])}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.regret", description=__doc__)
    parser.add_argument("tables", nargs="*", default=TABLES)
    parser.add_argument("--searches", type=int, default=20)
    parser.add_argument("--trials", type=int, default=TRIALS, help="of each search")
    parser.add_argument("--only", nargs="+", choices=SEARCHES, default=tuple(SEARCHES))
    given = parser.parse_args()
    with on_one_thread():
        for row in rows(tuple(given.tables), given.searches, given.trials, tuple(given.only)):
            print("  ".join(f"{k} {v:.3g}" if isinstance(v, float) else f"{k} {v}" for k, v in row.items()), flush=True)
