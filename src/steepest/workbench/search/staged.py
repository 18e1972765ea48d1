"""The strategy of a careful person: the defaults, the rate, the decay with the rate, the rest, and then a model of all.

Most of what tuning gains is gained by beginning at the default and by a model of the results (`docs/tuning.md` has the
measurements).  Every trial is in the model, so no stage is lost for those that follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

import numpy as np

from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import Setting
from steepest.workbench.model.stage_gain import StageGain
from steepest.workbench.search.edges import Tried, edges_of
from steepest.workbench.search.gains import gained
from steepest.workbench.search.sampler import by_result
from steepest.workbench.search.simpler import simpler
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.surrogate import MOST, Surrogate, modelled

DEFAULT, RATE, SECOND, OTHERS, ALL = "default", "rate", "rate and first dimension", "others", "all"
"""The stages."""
_ORDER = (DEFAULT, RATE, SECOND, OTHERS, ALL)
LEAST = 3
"""Trials of a stage at least; a sixth of all else."""
_TRIES = 30
"""Of finding a setting that was not tried: whole numbers and choices come again."""
WORTH, PATIENCE = 0.1, 6
"""The search ends when so many trials in a row were expected to improve the best by less than this part of the noise
of a seed (its standard deviation)."""

MANY, OFTEN = 64, 10
"""Lengths and noise of the model are found anew after each result up to so many; then when a tenth more have come."""


class Staged:
    """Settings of one optimizer, stage after stage.

    Args:
        space: What is searched; weight decay, or else the first of its dimensions, together with the rate: of the
            spread of 512 settings of AdamW the rate explains 54 %, the decay 32 %, all else less than 1 %.
        seed: Of the study.
        trials: How many there will be.
    """

    def __init__(self, space: SearchSpace, seed: int, trials: int) -> None:
        self.space, self.seed, self.trials = space.in_order(_decay_first), seed, trials
        self._stages = list(stages(trials, len(space.dimensions)))
        self._points: dict[Setting, np.ndarray] = {}
        self._results: dict[Setting, float] = {}
        self._tried = Tried(self.space)
        self._worth: dict[int, float] = {}
        self._fitted: tuple[int, np.ndarray | None] = 0, None
        self._known = [(np.clip(self.space.point_of(one), 0, 1), value) for one, value in self.space.known]

    def knows(self, trial: int) -> int:
        """The results of the stages before; where the model of all decides, all results before."""
        stage, place = self._stage(trial)
        return trial if stage == ALL else 0 if stage in (DEFAULT, RATE) else trial - place

    def ask(self) -> Setting | None:
        """The next setting; None where nothing is left to gain, or chance finds none that was not tried."""
        trial = len(self._points)
        if self._is_exhausted():
            return None
        stage, place = self._stage(trial)
        for attempt in range(_TRIES):
            # by the number of the trial, so that a study that is continued asks for the same
            rng = np.random.default_rng([self.seed, trial, attempt])
            point, searched = self._point(stage, place + attempt * len(self._stages), rng)
            setting = self.space.with_defaults(point.tolist(), searched)
            if setting not in self._points:
                self._points[setting] = point
                return setting
        return None

    def _stage(self, trial: int) -> tuple[str, int]:
        """The stage of a trial, and its number in the stage."""
        return self._stages[trial] if trial < len(self._stages) else (ALL, trial)

    def _is_exhausted(self) -> bool:
        """Whether what is left to gain is small beside the noise of a seed, by the trials before."""
        latest = [self._worth.get(trial, WORTH) for trial in range(len(self._points) - PATIENCE, len(self._points))]
        return max(latest) < WORTH

    def tell(self, setting: Setting, value: float) -> None:
        """The result of a setting."""
        self._results[setting] = value
        self._tried.add(setting, value)

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        """Settings to try again, the best first: by the model's mean, since the best value of many is a lucky one.

        The second is the best without what makes no difference: those hyperparameters have their defaults.
        """
        trained = [one for one, value in results.items() if np.isfinite(value)]
        if len(trained) < LEAST:
            return by_result(results)
        points = {one: self.space.point_of(one) for one in results}
        model = modelled(list(points.values()), list(results.values()))
        means = dict(zip(points, model.means(list(points.values())), strict=True))
        best, *others = sorted(trained, key=lambda one: (means[one], one))
        plain = simpler(self.space, model, best)
        return [best, *([] if plain is None else [plain]), *(one for one in others if one != plain)]

    def gains(self, values: Sequence[float], known: int = 0, over: bool = False) -> list[StageGain]:
        """As `InStages` says."""
        ends, start = [], 0
        for stage, members in groupby(self._stage(trial)[0] for trial in range(max(self.trials, len(self._stages)))):
            end = start + len(list(members))
            if end <= len(values) or (over and start < len(values)):
                ends.append((stage, start, end))
            start = end
        return [self._gain(stage, values[:end], start) for stage, start, end in ends[known:]]

    def _gain(self, stage: str, values: Sequence[float], before: int) -> StageGain:
        settings = list(self._points)[: len(values)]
        points = [self._points[one] for one in settings]
        trained = {one: value for one, value in zip(settings, values, strict=True) if np.isfinite(value)}
        best = min(trained, key=lambda one: (trained[one], one), default=None)
        return StageGain(
            self.space.candidate.name,
            stage,
            self._opened(stage),
            len(values) - before,
            sum(not np.isfinite(value) for value in values[before:]),
            None if best is None else trained[best],
            *gained(points, values, before),
            edges=() if best is None else edges_of(self.space, best, settings),
        )

    def _opened(self, stage: str) -> tuple[str, ...]:
        """What a stage varies for the first time."""
        names = [one.name for one in self.space.dimensions]
        return tuple({RATE: [self.space.candidate.first_name], SECOND: names[:1], OTHERS: names[1:]}.get(stage, []))

    def _point(self, stage: str, place: int, rng: np.random.Generator) -> tuple[np.ndarray, int]:
        """A point, and how many dimensions beside the rate are set in it; the others stay at their defaults."""
        count = len(self.space.dimensions)
        if stage == ALL:
            return self._most_promising(rng), count
        base = self._base(stage)
        drawn = _halton(1 + count, [self.seed, _ORDER.index(stage)], place)
        if stage == DEFAULT and place == 0:
            return base, 0
        if stage in (DEFAULT, RATE):
            base[0] = drawn[0]
            return base, 0
        ends = self._tried.bounds()
        if stage == SECOND:
            base[0], base[1] = _near(base[0], drawn[0], 0.5, ends[0]), drawn[1]
            return base, 1
        base[:2] = [_near(now, new, 0.3, end) for now, new, end in zip(base[:2], drawn[:2], ends[:2], strict=True)]
        base[2:] = drawn[2:]
        return base, count

    def _most_promising(self, rng: np.random.Generator) -> np.ndarray:
        found, worth = self._model().most_promising(rng, self._tried.bounds())
        self._worth[len(self._points)] = worth
        return found

    def _base(self, stage: str) -> np.ndarray:
        """Where a stage begins: at the defaults, at the best result, or at the model's best."""
        known = [one for one, value in self._results.items() if np.isfinite(value)]
        if stage in (DEFAULT, RATE) or not known:
            return np.array(self.space.defaults())
        if stage == SECOND:
            return self._points[min(known, key=lambda one: (self._results[one], one))].copy()
        return self._of_results().best().copy()

    def _of_results(self) -> Surrogate:
        """The model of all results."""
        pairs = [*self._known, *((self._points[one], value) for one, value in self._results.items())]
        if not pairs:
            return Surrogate([self.space.defaults()], [0.0])
        points, values = zip(*pairs, strict=True)
        return self._fitted_model(points, values)

    def _model(self) -> Surrogate:
        """The same, where what is still under way counts as the model expects it."""
        model, waiting = self._of_results(), [one for key, one in self._points.items() if key not in self._results]
        if not waiting or not (self._known or self._results):
            return model
        points = [*(point for point, _ in self._known), *(self._points[one] for one in self._results)]
        everything = [*points[-MOST:], *waiting]
        return Surrogate(everything, model.means(everything), model.parameters)

    def _fitted_model(self, points: Sequence[np.ndarray], values: Sequence[float]) -> Surrogate:
        """Of many results, lengths and noise are those of the last time, or are found near them."""
        (first, known), count = self._fitted, len(values)
        if known is not None and count > MANY and count - first < count // OFTEN:
            return modelled(points, values, known)
        model = modelled(points, values, start=known if first >= MANY else None)
        self._fitted = count, model.parameters
        return model


def stages(trials: int, dimensions: int) -> Iterator[tuple[str, int]]:
    """The stage of each trial, and its number in the stage, as far as the budget says."""
    yield DEFAULT, 0
    share = max(LEAST, trials // 6)
    counts = {RATE: share if dimensions else 2 * share, SECOND: share if dimensions else 0}
    left = trials - 1 - sum(counts.values())
    if dimensions > 1:
        counts[OTHERS] = max(dimensions - 1, left // 3)
    for stage, count in counts.items():
        yield from ((stage, place) for place in range(count))


def _decay_first(dimension: Dimension) -> bool:
    return dimension.argument != "weight_decay"


def _near(now: float, drawn: float, width: float, ends: tuple[float, float]) -> float:
    return float(np.clip(now + (drawn - 0.5) * width, *ends))


def _halton(dimensions: int, seed: list[int], place: int) -> np.ndarray:
    """One point of Halton's sequence, scrambled by the seed; each stage has its own."""
    block, inside = divmod(place, _AT_ONCE)
    return _halton_block(dimensions, tuple(seed), block)[inside]


_AT_ONCE = 32
"""Points that are made together: each sequence costs a millisecond."""


@lru_cache(16)
def _halton_block(dimensions: int, seed: tuple[int, ...], block: int) -> np.ndarray:
    from scipy.stats import qmc

    sequence = qmc.Halton(dimensions, scramble=True, rng=np.random.default_rng(seed))
    return sequence.fast_forward(block * _AT_ONCE).random(_AT_ONCE)
