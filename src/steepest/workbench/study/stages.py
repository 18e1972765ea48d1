"""The protocol of a study: which runs come when, as a function of the plan and of what the record holds.

1. Range test: three runs of each optimizer with a rising rate say where its range of rates is centred.
2. Search: quasi-random settings within it, the same positions and the same number for every optimizer, all with one
   seed; and a run of an optimizer that does nothing.
3. Fresh seeds: the best two settings of each optimizer, and its usual rate untuned.  Within a seed every optimizer
   starts from the same initialisation and sees the data in the same order, so that differences are taken in pairs.
4. Diagnosis: the best setting once more, and the first rate above it that failed, with a look at every layer.

The seed of the search never enters an estimate: the run that was picked because it was the best flatters its setting.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from steepest.workbench.model.candidate import Candidate, Dimension
from steepest.workbench.model.key import CONTROL, DEFAULT, DIAGNOSIS, FINALISTS, RANGE, SEARCH, Key, settings_text
from steepest.workbench.model.plan import Plan
from steepest.workbench.search.budget import Budget
from steepest.workbench.store.record import Record
from steepest.workbench.training import rising_run as range_test

RUNNERS = 2
"""Settings of each optimizer that are tried again."""
RISING = range_test.SEEDS
MOST_DIMENSIONS = 4


class Protocol:
    """What is to be run, in order.

    Args:
        plan: Of the study.
        budget: Of each optimizer's search.
        candidates: The optimizers, the reference among them.
        record: Holds what has been run.
    """

    def __init__(self, plan: Plan, budget: Budget, candidates: Sequence[Candidate], record: Record) -> None:
        self.plan, self.budget, self.candidates, self.record = plan, budget, candidates, record

    def stages(self) -> Iterator[Iterator[Key]]:
        """One after the other; a stage is asked for its runs when those before have ended."""
        yield self.ranges()
        yield self.search()
        yield self.fresh()
        yield self.diagnoses()

    def steps(self, key: Key) -> int:
        """The length of a run."""
        return self.rising_steps if key.phase == RANGE else self.plan.steps

    @property
    def rising_steps(self) -> int:
        """Of a run with a rising rate: it should cost less than a whole one."""
        return min(range_test.STEPS, max(range_test.STEPS // 4, self.plan.steps // 2))

    def ranges(self) -> Iterator[Key]:
        """Runs with a rising rate; none where the rates were given."""
        if self.plan.rates:
            return
        for candidate in self.candidates:
            for seed in RISING:
                yield Key(RANGE, candidate.name, candidate.centre, self.plan.seed + seed)

    def centre(self, candidate: Candidate) -> float:
        """The middle of a candidate's range: of its bracket, or its usual rate where the rising runs say nothing."""
        curves = self.record.rising(candidate, self.rising_steps)
        found = range_test.bracket(curves) if range_test.agree(curves) else None
        return candidate.centre if found is None else float(f"{math.sqrt(found.low * found.high):.2g}")

    def trials(self, candidate: Candidate) -> int:
        """How many settings the budget pays for; an estimate where the budget is time."""
        if self.plan.rates:
            return len(self.plan.rates)
        spent, steps = self.record.cost(RANGE, candidate.name)
        return self.budget.trials(self.plan.steps, spent / max(1, steps))

    def dimensions(self, candidate: Candidate) -> tuple[Dimension, ...]:
        """Hyperparameters beside the rate that are searched; none where the rates were given."""
        return () if self.plan.rates else candidate.searched(self.trials(candidate))

    def search(self) -> Iterator[Key]:
        """The control; then trial by trial, so that an unfinished study has as much of each optimizer."""
        if self.plan.controls:
            yield Key(CONTROL, "nothing", 0.0, self.plan.seed)
        tried = {candidate.name: self._settings(candidate) for candidate in self.candidates}
        counts = {candidate.name: self.trials(candidate) for candidate in self.candidates}
        trial = 0
        while tried:
            for name in list(tried):
                key = next(tried[name], None)
                spent = self.record.cost(SEARCH, name)[0]
                if key and (self._goes_on(trial, counts[name], spent) or self.record.interrupted(key) is not None):
                    yield key
                else:
                    del tried[name]
            trial += 1

    def _goes_on(self, trial: int, trials: int, spent: float) -> bool:
        return trial < trials if self.plan.rates else self.budget.allows(trial, trials, spent)

    def _settings(self, candidate: Candidate) -> Iterator[Key]:
        if self.plan.rates:
            yield from (Key(SEARCH, candidate.name, rate, self.plan.seed) for rate in self.plan.rates)
            return
        centre, dimensions = self.centre(candidate), self.dimensions(candidate)
        seen = set()  # rates of three digits come again from the 500th trial or so on
        for point in positions(self.plan.seed):
            rate, settings = candidate.setting(point, dimensions, centre)
            key = Key(SEARCH, candidate.name, rate, self.plan.seed, settings_text(settings))
            if key not in seen:
                seen.add(key)
                yield key

    def fresh(self) -> Iterator[Key]:
        """The best two settings of each optimizer, and its usual rate, with seeds that the search did not have."""
        best = {candidate.name: finalists(self.record, candidate.name) for candidate in self.candidates}
        for seed in range(self.plan.seed + 1, self.plan.seed + 1 + self.plan.seeds):
            for candidate in self.candidates:
                for found in best[candidate.name]:
                    yield found._replace(phase=FINALISTS, seed=seed)
                if self.plan.controls:
                    yield Key(DEFAULT, candidate.name, candidate.centre, seed)

    def diagnoses(self) -> Iterator[Key]:
        """Each optimizer's recommended setting, and the lowest rate above it at which the search failed."""
        from steepest.workbench.analysis.summarize import recommended

        for candidate in self.candidates:
            best = recommended(self.record, candidate.name)
            if best is None:
                continue
            failing = failing_above(self.record, best)
            for key in [best] if failing is None else [best, failing]:
                yield key._replace(phase=DIAGNOSIS, seed=self.plan.seed + 1)

    def expected(self) -> int:
        """How many runs there will be, as far as it can be known now."""
        each = RUNNERS * self.plan.seeds + self.plan.controls * self.plan.seeds + 2
        ranges = 0 if self.plan.rates else len(RISING)
        trials = sum(self.trials(candidate) for candidate in self.candidates) if self.budget.kind != "time" else 0
        return trials + len(self.candidates) * (each + ranges) + self.plan.controls


def positions(seed: int) -> Iterator[list[float]]:
    """Points of the unit cube, evenly spread however many are taken: Halton's sequence, scrambled by the seed.

    Every optimizer has the same positions in its own range, so that none is luckier than another.
    """
    from scipy.stats import qmc

    sequence = qmc.Halton(MOST_DIMENSIONS, scramble=True, rng=seed)
    while True:
        yield from sequence.random(16).tolist()


def finalists(record: Record, optimizer: str) -> list[Key]:
    """The best settings of an optimizer's search, best first; fewer where fewer trained."""
    sign = -1 if record.get("plan")["higher_is_better"] else 1
    ended = record.ended(SEARCH, optimizer)
    trained = [(sign * final, key) for key, status, final in ended if status == "trained" and final is not None]
    return [key for _, key in sorted(trained)[:RUNNERS]]


def failing_above(record: Record, best: Key) -> Key | None:
    """The trial with the lowest rate above the best that did not train."""
    failed = [key for key, status, _ in record.ended(SEARCH, best.optimizer) if status != "trained"]
    return min((key for key in failed if key.rate > best.rate), key=lambda key: key.rate, default=None)
