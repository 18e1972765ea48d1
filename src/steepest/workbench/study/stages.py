"""The stages of a comparison: which runs come when, as a function of the plan and of what the record holds.

1. Range test: three runs of each optimizer with a rising rate say where its range of rates is centred.
2. Search: settings within it, the same number for every optimizer, all with one seed; and a run of an optimizer that
   does nothing.
3. Fresh seeds: the best two settings of each optimizer, and its usual rate untuned.  Within a seed every optimizer
   starts from the same initialisation and sees the data in the same order, so that differences are taken in pairs.
4. Diagnosis: the best setting once more, and the lowest rate above it that failed, with measurements of every layer.

The seed of the search never enters an estimate: a run that was chosen because it was the best flatters its setting.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from steepest.workbench.analysis import range_test, selection
from steepest.workbench.model import rising
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import CONTROL, DIAGNOSIS, FINALISTS, RANGE, SEARCH, USUAL_RATE, Key, Setting
from steepest.workbench.model.optimizers import YARDSTICK, is_yardstick
from steepest.workbench.model.plan import Plan
from steepest.workbench.model.stage_gain import StageGain
from steepest.workbench.search.budget import Budget
from steepest.workbench.search.pruner import NoPruning, PossibleResults
from steepest.workbench.search.sampler import GivenRates, MakeSampler, Sampler
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.store.record import Record
from steepest.workbench.study.candidate_search import Ahead, CandidateSearch
from steepest.workbench.study.cost import rising_steps

USUAL_TRIALS, LEAST_SECONDS = 32, 0.01
"""Of a script before one of its runs has ended; the time of one, which a budget is divided by."""


class Stages:
    """What is to be run, in order.

    Args:
        plan: Of the study.
        budget: Of each optimizer's search.
        candidates: The optimizers, the reference among them.
        record: Holds what has been run.
        make_sampler: Makes the sampler of each optimizer's search.
        ahead: How many results a trial may be asked for without.
        pruner: Says what a run that it ended could have come to.
    """

    def __init__(
        self,
        plan: Plan,
        budget: Budget,
        candidates: Sequence[Candidate],
        record: Record,
        make_sampler: MakeSampler,
        ahead: Ahead = ((0, 0),),
        pruner: PossibleResults | None = None,
    ) -> None:
        self.plan, self.budget, self.candidates, self.record = plan, budget, candidates, record
        self.make_sampler, self.ahead, self.pruner = make_sampler, ahead, pruner or NoPruning()
        self.searches: dict[str, CandidateSearch] = {}
        self._is_searching = False

    def __iter__(self) -> Iterator[Iterator[Key | None]]:
        """One stage after the other.  A stage is asked for its runs when those of the stage before have ended."""
        yield self.ranges()
        self._is_searching = True
        yield self.search()
        self._is_searching = False
        yield self.fresh_seeds()
        yield self.diagnoses()

    def may_be_asked_ahead(self) -> bool:
        """Whether the next run of the stage does not depend on how much time those before it take."""
        return not (self._is_searching and self._is_timed)

    def steps(self, key: Key) -> int:
        """The length of a run."""
        return self.rising_steps if key.phase == RANGE else self.plan.steps

    @property
    def rising_steps(self) -> int:
        """Of a run with a rising rate, which should cost less than a whole one."""
        return rising_steps(self.plan.steps)

    def ranges(self) -> Iterator[Key]:
        """Runs with a rising rate; none where the user gave the rates, and none of a script, which sets its own."""
        if self.plan.rates or self.plan.is_script:
            return
        for candidate in self.candidates:
            for seed in rising.SEEDS:
                yield Key(RANGE, candidate.name, candidate.centre, self.plan.seed + seed)

    def centre(self, candidate: Candidate) -> float:
        """The middle of a candidate's bracket; its usual rate where the runs with a rising rate tell nothing."""
        found = self._bracket(candidate)
        return candidate.centre if found is None else float(f"{math.sqrt(found.low * found.high):.2g}")

    def _bracket(self, candidate: Candidate) -> range_test.Bracket | None:
        return range_test.of_search(self.record.rising_curves(candidate, self.rising_steps))

    def around_usual(self) -> list[str]:
        """The optimizers whose runs with a rising rate tell nothing, so that the usual rate is searched around."""
        if self.plan.rates or self.plan.is_script:
            return []
        return [one.name for one in self.candidates if self._bracket(one) is None]

    def trials(self, candidate: Candidate) -> int:
        """How many settings the budget pays for; an estimate where the budget is time."""
        if self.plan.rates:
            return len(self.plan.rates)
        if self.plan.is_script:
            return self._trials_of_script(candidate)
        spent, steps = self.record.cost(RANGE, candidate.name)
        return self.budget.trials(self.plan.steps, spent / max(1, steps))

    def _trials_of_script(self, candidate: Candidate) -> int:
        """By the time of the first run that trained; nobody knows it before."""
        seconds = self.record.first_seconds(SEARCH, candidate.name) if self._is_timed else 1.0
        return USUAL_TRIALS if seconds is None else self.budget.trials(1, max(seconds, LEAST_SECONDS))

    def dimensions(self, candidate: Candidate) -> tuple[Dimension, ...]:
        """Hyperparameters beside the rate that are searched; none where the user gave the rates."""
        return () if self.plan.rates else candidate.searched(self.trials(candidate))

    def search(self) -> Iterator[Key | None]:
        """The control; then trial by trial, so that an unfinished study has equally many of each optimizer.

        None where the next trial has to wait for results.
        """
        if self.plan.controls and not self.plan.is_script:
            yield Key(CONTROL, "nothing", 0.0, self.plan.seed)
        if self._is_timed and self.plan.is_script:
            for candidate in self.candidates:
                yield from self._until_one_trained(candidate)
        self.searches = {one.name: self._search(one) for one in self.candidates}
        left = {one.name: self.trials(one) for one in self.candidates}
        while left:
            waits = True
            for name, trials in list(left.items()):
                search = self.searches[name]
                if self._may_ask(search, trials) and not search.is_ready():
                    continue
                if (key := self._next(search, trials)) is None:
                    del left[name]
                else:
                    yield key
                waits = False
            if waits:
                yield None

    def _until_one_trained(self, candidate: Candidate) -> Iterator[Key | None]:
        """The first trials of a script, one after the other: they say how many the budget of time pays for.

        No sampler's first trials depend on how many follow, but those of a grid, which has these beside it.
        """
        search = self._search(candidate)
        while self.record.first_seconds(SEARCH, candidate.name) is None and self._goes_on(search, USUAL_TRIALS):
            if not search.is_ready() or (key := search.next()) is None:
                return
            yield key
            while self.record.result(key) is None:
                yield None

    def _may_ask(self, search: CandidateSearch, trials: int) -> bool:
        return self._goes_on(search, trials) or self._is_timed

    def _next(self, search: CandidateSearch, trials: int) -> Key | None:
        """The next trial; None where there is none left, or the budget is spent."""
        if not self._may_ask(search, trials):
            return None
        goes_on, key = self._goes_on(search, trials), search.next()
        return key if key and (goes_on or self.record.interrupted(key) is not None) else None

    @property
    def _is_timed(self) -> bool:
        """Whether a trial that the time does not pay for may have been begun before an interruption."""
        return self.budget.kind == "time" and not self.plan.rates

    def _goes_on(self, search: CandidateSearch, trials: int) -> bool:
        spent = self.record.cost(SEARCH, search.optimizer)[0] if self._is_timed else 0.0
        trial = len(search.asked)
        return trial < trials if self.plan.rates else self.budget.allows(trial, trials, spent)

    def gains(self, known: Mapping[str, int], over: bool = False) -> list[StageGain]:
        """What the stages of the searches have gained that are finished, without the first ones that are known.

        Args:
            known: How many of each optimizer are.
            over: Whether the searches are.
        """
        return [one for name, search in self.searches.items() for one in search.gains(known.get(name, 0), over)]

    def _search(self, candidate: Candidate) -> CandidateSearch:
        sampler = self._sampler(candidate)
        return CandidateSearch(candidate.name, sampler, self.plan, self.record, self.ahead, self.pruner)

    def _sampler(self, candidate: Candidate) -> Sampler:
        if self.plan.rates:
            return GivenRates(self.plan.rates)
        sign = -1.0 if self.plan.higher_is_better else 1.0
        known = tuple((Setting(rate, others), sign * value) for rate, others, value in self.plan.known)
        space = SearchSpace(candidate, self.centre(candidate), self.dimensions(candidate), known)
        return self.make_sampler(space, self.plan.seed, self.trials(candidate))

    def fresh_seeds(self) -> Iterator[Key]:
        """The best two settings of each optimizer, and its usual rate, with seeds that the search did not have."""
        best = {
            one.name: selection.finalists(self.record, one.name, self._sampler(one), self.pruner)
            for one in self.candidates
        }
        for seed in range(self.plan.seed + 1, self.plan.seed + 1 + self.plan.seeds):
            for candidate in self.candidates:
                for found in best[candidate.name]:
                    yield Key(FINALISTS, candidate.name, found.rate, seed, found.others)
                if self.plan.controls:
                    yield Key(USUAL_RATE, candidate.name, candidate.centre, seed)
            if self._has_yardstick:
                yield Key(USUAL_RATE, YARDSTICK.name, YARDSTICK.centre, seed)

    @property
    def _has_yardstick(self) -> bool:
        """Whether Adam untuned runs beside the optimizers; the yardstick of a script is the script as it is."""
        own = self.plan.is_script or any(map(is_yardstick, self.plan.optimizers))
        return self.plan.controls and not own

    def diagnoses(self) -> Iterator[Key]:
        """Each optimizer's recommended setting, and the lowest rate above it at which the search failed.

        Nobody sees the steps of a script.
        """
        if self.plan.is_script:
            return
        for candidate in self.candidates:
            best = selection.recommended(self.record, candidate.name)
            if best is None:
                continue
            failing = selection.lowest_failure_above(self.record, best)
            for key in [best] if failing is None else [best, failing]:
                yield key._replace(phase=DIAGNOSIS, seed=self.plan.seed + 1)

    def expected(self) -> int:
        """How many runs there will be, as far as it can be known now."""
        script = self.plan.is_script
        each = (selection.FINALISTS_PER_OPTIMIZER + self.plan.controls) * self.plan.seeds + (0 if script else 2)
        ranges = 0 if self.plan.rates or script else len(rising.SEEDS)
        trials = sum(self.trials(candidate) for candidate in self.candidates) if self.budget.kind != "time" else 0
        beside = (self.plan.controls and not script) + self.plan.seeds * self._has_yardstick
        return trials + len(self.candidates) * (each + ranges) + beside
