"""The staged search: which stage comes when, where it looks, and that a model of noisy results finds the valley."""

import json
import math
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import qmc

from steepest.workbench import Comparison, Dimension, Task, tune
from steepest.workbench.errors import UsageError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.key import SEARCH, Key, Setting, values_of
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.stage_gain import StageGain
from steepest.workbench.progress import stage_words
from steepest.workbench.progress.json_events import JsonEvents
from steepest.workbench.progress.watcher import Watcher, Watchers
from steepest.workbench.report.page import page
from steepest.workbench.search.gaussian_process import GaussianProcess
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.staged import ALL, DEFAULT, OTHERS, RATE, SECOND, Staged, _halton, stages
from steepest.workbench.search.surrogate import Surrogate, levelled, modelled
from steepest.workbench.store.record import Record

Make = Callable[[int], Task]
ADAMW = KNOWN["adamw"]


def space(count: int = 3) -> SearchSpace:
    return SearchSpace(ADAMW, 1e-3, ADAMW.space[:count])


def valley(setting: Setting) -> float:
    """Least, 0.1, at a rate of 3e-3, a decay of 0.1 and beta1 0.9."""
    values = {"weight_decay": 0.01, "beta1": 0.9, "eps": 1e-8} | values_of(setting.others)
    far = math.log10(setting.rate / 3e-3) ** 2 + 0.3 * math.log10(values["weight_decay"] / 0.1) ** 2
    return 0.1 * math.exp(far + 0.3 * math.log10((1 - values["beta1"]) / 0.1) ** 2)


def searched(sampler: Staged, trials: int, result: Callable[[Setting], float] = valley) -> dict[Setting, float]:
    found: dict[Setting, float] = {}
    for _ in range(trials):
        setting = sampler.ask()
        assert setting is not None
        found[setting] = result(setting)
        sampler.tell(setting, found[setting])
    return found


def test_the_stages_of_a_budget() -> None:
    counts = {stage: [one for one, _ in stages(32, 4)].count(stage) for stage in (DEFAULT, RATE, SECOND, OTHERS, ALL)}
    assert counts == {DEFAULT: 1, RATE: 5, SECOND: 5, OTHERS: 7, ALL: 0}, "what follows is for the model"
    assert [stage for stage, _ in stages(32, 0)] == [DEFAULT, *[RATE] * 10]


def test_each_stage_sets_what_it_is_for() -> None:
    found = [*searched(Staged(space(), 0, 32), 32)]
    assert found[0] == Setting(1e-3), "the defaults, at the middle of the rates"
    assert all(not one.others for one in found[:6])
    assert len({one.rate for one in found[:6]}) == 6
    assert all({*values_of(one.others)} == {"weight_decay"} for one in found[6:11])
    assert all({*values_of(one.others)} == {"weight_decay", "beta1", "eps"} for one in found[11:])
    assert len({*found}) == 32


def test_it_ends_near_the_best() -> None:
    noise = np.random.default_rng(0)
    sampler = Staged(space(), 1, 32)
    found = searched(sampler, 32, lambda one: valley(one) * math.exp(0.1 * noise.normal()))
    assert valley(sampler.ranked(found)[0]) < 0.115
    assert valley(Setting(1e-3)) > 0.16, "what the defaults have"


def test_a_search_that_is_continued_asks_for_the_same() -> None:
    whole = [*searched(Staged(space(), 2, 24), 24)]
    first, again = Staged(space(), 2, 24), Staged(space(), 2, 24)
    begun = searched(first, 15)
    assert [*begun] == whole[:15]
    assert [*searched(again, 24)] == whole


def test_failures_are_a_cap_and_no_cliff() -> None:
    assert levelled([1.0, math.inf, math.e, math.inf]).tolist() == pytest.approx([0, 1.1, 1, 1.1])
    assert levelled([-1.0, 0.0, 1.0, 1e9])[3] == pytest.approx(0.5 + 1.5 * 1.5), "far worse than the median is no worse"
    assert levelled([math.inf, math.inf]).tolist() == [0, 0]
    sampler = Staged(space(), 0, 32)
    found = searched(sampler, 32, lambda one: math.inf if one.rate > 5e-3 else valley(one))
    assert valley(sampler.ranked(found)[0]) < 0.13
    assert all(math.isfinite(found[one]) for one in sampler.ranked(found) if one in found)


def test_where_every_run_fails_it_goes_on() -> None:
    sampler = Staged(space(), 0, 20)
    found = searched(sampler, 20, lambda _: math.inf)
    assert len(found) == 20
    assert sampler.ranked(found) == []


def test_results_may_come_late() -> None:
    """As with several workers: questions come before the answers to those before."""
    sampler, waiting = Staged(space(), 0, 24), []
    for _ in range(24):
        setting = sampler.ask()
        assert setting is not None
        waiting.append(setting)
        if len(waiting) > 3:
            done = waiting.pop(0)
            sampler.tell(done, valley(done))
    assert len({*waiting}) == 3


def test_what_has_few_values_comes_to_an_end() -> None:
    few = Candidate("few", "SGD", 0.1, "a test", space=(Dimension("nesterov", choices=(False, True)),))
    sampler = Staged(SearchSpace(few, 0.1, few.space), 0, 8)
    assert len(searched(sampler, 8, lambda one: one.rate)) == 8


def test_the_model_follows_a_function() -> None:
    points = np.random.default_rng(0).random((40, 2))
    model = Surrogate(points.tolist(), ((points - 0.4) ** 2).sum(1))
    assert np.abs(model.means([[0.4, 0.4], [0.9, 0.9]]) - [0, 0.5]).max() < 0.03
    assert np.abs(model.most_promising(np.random.default_rng(1), [(0, 1)] * 2)[0] - 0.4).max() < 0.15


def test_of_very_many_results_the_model_takes_the_better_and_some_of_each_rank() -> None:
    rng = np.random.default_rng(0)
    points = rng.random((1000, 2))
    values = 1 + ((points - 0.4) ** 2).sum(1) + 0.01 * rng.normal(size=1000)
    values[::50] = math.inf
    model = modelled(points, values.tolist())
    tried = np.exp(model.means([[0.4, 0.4], [0.9, 0.4], [0.9, 0.9]]))
    assert np.abs(tried - [1, 1.25, 1.5]).max() < 0.05


def test_lengths_are_found_anew_after_each_tenth_more_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """From 64 results on, and from those of before."""
    found: list[tuple[int, bool]] = []
    find = GaussianProcess._most_likely

    def counted(self: GaussianProcess, start: np.ndarray | None) -> np.ndarray:
        found.append((len(self._values), start is not None))
        return find(self, start)

    monkeypatch.setattr(GaussianProcess, "_most_likely", counted)
    points, sampler = np.random.default_rng(0).random((150, 2)), Staged(space(), 1, 150)
    for count in range(60, 151):
        sampler._fitted_model([*points[:count]], ((points[:count] - 0.4) ** 2).sum(1).tolist())
    assert [count for count, _ in found if count <= 64] == [60, 61, 62, 63, 64], "after each result"
    assert found[5:] == [(count, True) for count in (71, 78, 86, 95, 105, 116, 128, 128)], "the last is of 142, by 128"


def test_a_point_of_a_sequence_does_not_depend_on_those_that_were_asked_for_before() -> None:
    """They are made in blocks; SciPy's own sequence is what they are compared with."""
    sequence = qmc.Halton(3, scramble=True, rng=np.random.default_rng([7, 2])).random(100)
    for place in (70, 0, 31, 32, 99):
        assert _halton(3, [7, 2], place).tolist() == sequence[place].tolist()


@pytest.mark.parametrize(
    ("dimension", "values"),
    [
        (Dimension("a", 1e-4, 1.0, scale="log"), {1e-4: 0, 0.01: 0.5, 1.0: 1, 0: -0.15}),
        (Dimension("a", 0.0, 0.5), {0.0: 0, 0.25: 0.5, 0.5: 1, 9: 1.15}),
        (Dimension("a", choices=(32, 64)), {32: 0.25, 64: 0.75, 5: 0.5}),
        (Dimension("a", 0.03, 0.3, scale="log", from_one=True), {0.97: 0, 0.7: 1}),
    ],
)
def test_positions_of_values(dimension: Dimension, values: dict[float, float]) -> None:
    assert {value: dimension.position(value) for value in values} == pytest.approx(values)


def trials_of(record: Record) -> list[Key]:
    return [key for key, _, _ in record.all_ended() if key.phase == SEARCH]


def test_tune_and_continue(tiny: Make, tmp_path: Path) -> None:
    options: dict = {"search": "eps=1e-10..1e-4:log", "out": tmp_path / "study", "stacked": False}
    log, stream = Gains(), StringIO()
    result = tune(tiny, "adamw", "trials=12", seeds=2, **options, watcher=Watchers([log, JsonEvents(stream)]))
    assert isinstance(result, Comparison)
    assert [one.stage for one in log.gains] == [DEFAULT, RATE, SECOND, OTHERS, ALL]
    assert_told_everywhere(result, log.gains, [json.loads(line) for line in stream.getvalue().splitlines()])
    with Record(tmp_path / "study", write=True) as record:
        ended = trials_of(record)
        record.connection.execute("DELETE FROM runs WHERE phase = 'search' AND id > 9")
        record.set(finished=False)
    assert [key.settings for key in ended[:4]] == [""] * 4, "the defaults, then the rate alone"
    assert all({*key.values} == {"weight_decay"} for key in ended[4:7])
    assert all({"eps", "weight_decay"} <= {*key.values} for key in ended[7:])
    again = Gains()
    tune(tiny, "adamw", "trials=12", seeds=2, **options, watcher=again)
    with Record(tmp_path / "study") as record:
        assert trials_of(record) == ended
    assert again.gains == log.gains, "what was gained before is told again"


class Gains(Watcher):
    """Writes down what it is told of stages."""

    def __init__(self) -> None:
        self.gains: list[StageGain] = []

    def stage(self, gain: StageGain) -> None:
        """One more."""
        self.gains.append(gain)


def assert_told_everywhere(result: Comparison, gains: list[StageGain], events: list[dict]) -> None:
    """The same numbers in the record, the results, the summary, the page and the events."""
    (tuning,) = result.numbers.tuning
    assert tuning.stages == gains
    assert [one["stage"] for one in events if one["event"] == "stage"] == [one.stage for one in gains]
    summary, content = result.summary(), page(result.numbers)
    for one in gains:
        assert f"  {stage_words.title(one)}  " in summary
        assert f'<td class="name">{stage_words.title(one)}</td>' in content
    labels = [one.label for one in tuning.settings]
    assert labels[0] == "recommended"
    assert labels[-1] == "untuned"
    best = tuning.settings[0]
    searched = result.runs.filter((pl.col("phase") == SEARCH) & (pl.col("rate") == best.rate))
    if best.search is not None:
        assert best.search in searched["final"].to_list()
    fresh = result.runs.filter((pl.col("phase") == "finalists") & (pl.col("rate") == best.rate))["final"].to_list()
    assert best.fresh.estimate == pytest.approx(sum(sorted(fresh)[:2]) / 2) or len(fresh) > 2
    assert {*tuning.kept} == {*result.best().settings}


def test_an_unknown_strategy_is_refused(tiny: Make) -> None:
    with pytest.raises(
        UsageError, match=r"no strategy 'stagd' \(did you mean staged\?\); give one of quasi-random, staged"
    ):
        tune(tiny, strategy="stagd")
