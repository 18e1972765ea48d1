"""What a search costs beside training: `python -m benchmarks.trivial_trials [--trials 1000] [--rounds 3]`.

Trials that cost nothing, with noise, so that no search ends before its budget: `tune`'s search, as the study asks it,
and Optuna's TPE in memory on the same space, each asked and told so many times.  The two take turns, a tenth of the
trials each, in one process; the seconds are those of the processor, on one thread.  `studies` is all that a study does
for each trial, with the record on disk and what each stage has gained.

Optuna is no dependency: pip install 'steepest[tune]'.
"""

from __future__ import annotations

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from steepest.workbench.model.key import Setting
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.outcome import TRAINED, Outcome, Trace
from steepest.workbench.model.plan import Plan
from steepest.workbench.search.gaussian_process import on_one_thread
from steepest.workbench.search.optuna_tpe import optuna_module
from steepest.workbench.search.sampler import Sampler
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.staged import Staged
from steepest.workbench.store.record import Record
from steepest.workbench.study.candidate_search import CandidateSearch

TURNS, NOISE = 10, 0.1
ADAMW = KNOWN["adamw"]
Trial = Callable[[], object]


def space() -> SearchSpace:
    """AdamW as `tune` searches it with a large budget: rate, decay, both betas, eps."""
    return SearchSpace(ADAMW, 1e-3, ADAMW.space)


class Trivial:
    """The result of a point of the unit cube: a bowl with noise."""

    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng(seed)

    def at(self, point: Any) -> float:
        """Least in the middle of the cube."""
        far = float(((np.asarray(point) - 0.5) ** 2).sum())
        return math.exp(far + NOISE * self._chance.normal())


class Unending(Staged):
    """The search where it goes on although nothing is left to gain."""

    def _is_exhausted(self) -> bool:
        return False


def sampled(sampler: Sampler, at: Trivial) -> Trial:
    """A trial of a sampler of ours."""
    positions = space()

    def trial() -> None:
        setting = sampler.ask()
        assert setting is not None
        sampler.tell(setting, at.at(positions.point_of(setting)))

    return trial


def of_optuna(seed: int, at: Trivial) -> Trial:
    """A trial of Optuna's TPE with its own settings."""
    optuna = optuna_module()
    names = ["rate", *(one.name for one in space().dimensions)]
    cube = {name: optuna.distributions.FloatDistribution(0, 1) for name in names}
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))

    def trial() -> None:
        asked = study.ask(cube)
        study.tell(asked, at.at([asked.params[name] for name in names]))

    return trial


def of_study(trials: int, seed: int, at: Trivial, record: Record) -> Trial:
    """A trial as a study asks for it: its result is read from the record, its stages say what they have gained."""
    plan = Plan("trivial", [ADAMW.described()], f"trials={trials}", 1, 1, "val_loss", False)
    search, positions, known = CandidateSearch("adamw", Unending(space(), seed, trials), plan, record), space(), [0]

    def trial() -> None:
        assert search.is_ready()
        key = search.next()
        assert key is not None
        value = at.at(positions.point_of(Setting(key.rate, key.settings)))
        record.add(key, Outcome(TRAINED, "", Trace(1, 0.0, [], [(1, 0.0, "val_loss", value)])), "val_loss")
        known[0] += len(search.gains(known[0], over=False))

    return trial


def taken(searches: dict[str, Trial], trials: int) -> dict[str, float]:
    """Seconds of the processor for so many trials of each, in turn."""
    seconds = dict.fromkeys(searches, 0.0)
    for turn in range(TURNS):
        for name, trial in searches.items():
            started = time.process_time()
            for _ in range(trials * turn // TURNS, trials * (turn + 1) // TURNS):
                trial()
            seconds[name] += time.process_time() - started
    return seconds


def rounds(trials: int, count: int) -> Iterator[dict[str, float]]:
    """One row for each round: what is asked of the samplers alone, and as a study asks."""
    for seed in range(count):
        with tempfile.TemporaryDirectory() as folder, Record(Path(folder), write=True) as record:
            yield taken(
                {
                    "tune": sampled(Unending(space(), seed, trials), Trivial(seed)),
                    "studies": of_study(trials, seed, Trivial(seed), record),
                    "TPE": of_optuna(seed, Trivial(seed)),
                },
                trials,
            )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.trivial_trials", description=__doc__)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with on_one_thread():
        for _ in rounds(40, 1):
            "what is imported at the first trials is no cost of a trial"
        found = []
        for row in rounds(given.trials, given.rounds):
            found.append(row)
            print("  ".join(f"{name} {seconds:.1f} s" for name, seconds in row.items()), flush=True)
    for name in ("tune", "studies"):
        print(f"{name} / TPE, {given.trials} trials: {median(row[name] / row['TPE'] for row in found):.2f}")


if __name__ == "__main__":
    main()
