"""Samplers: the quasi-random one, the rates that a user gives, and another one that a test registers."""

import math
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path

import pytest

from steepest.workbench import Task
from steepest.workbench.model.key import SEARCH, Setting
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.search import SAMPLERS
from steepest.workbench.search.quasi_random import QuasiRandom
from steepest.workbench.search.sampler import GivenRates, by_result
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.store.record import Record
from support.study import conduct

Make = Callable[[int], Task]
pytestmark = pytest.mark.usefixtures("without_figures")


class Halving:
    """An adaptive sampler: a tenth of the rate after a failure, half of it after a success."""

    def __init__(self, space: SearchSpace, seed: int, trials: int) -> None:
        self.rate = 1e30
        self.told: list[tuple[float, float]] = []

    def knows(self, trial: int) -> int:
        return trial

    def ask(self) -> Setting | None:
        return Setting(float(f"{self.rate:.3g}"))

    def tell(self, setting: Setting, value: float) -> None:
        self.told.append((setting.rate, value))
        self.rate = setting.rate / (1e31 if math.isinf(value) else 2)

    def ranked(self, results: Mapping[Setting, float]) -> list[Setting]:
        return by_result(results)


def test_no_setting_is_tried_twice_however_many_there_are() -> None:
    """1500 rates of three digits in three decades: some of them are drawn several times."""
    sampler = QuasiRandom(SearchSpace(KNOWN["sgd"], 0.1), seed=0, trials=16)
    assert len({sampler.ask() for _ in range(1500)}) == 1500


def test_every_optimizer_has_the_same_points_in_its_own_range() -> None:
    first, second = (QuasiRandom(SearchSpace(KNOWN["sgd"], centre), seed=3, trials=16) for centre in (0.1, 1e-4))
    for _ in range(20):
        one, other = first.ask(), second.ask()
        assert one is not None
        assert other is not None
        assert one.rate / other.rate == pytest.approx(1000, rel=0.02)


def test_rates_that_are_given_come_once_each() -> None:
    sampler = GivenRates([0.1, 0.2])
    assert [sampler.ask() for _ in range(3)] == [Setting(0.1), Setting(0.2), None]


def test_another_sampler_is_one_line_and_hears_of_every_result(
    tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Halving] = []

    def make(space: SearchSpace, seed: int, trials: int) -> Halving:
        made.append(Halving(space, seed, trials))
        return made[-1]

    monkeypatch.setitem(SAMPLERS, "halving", make)
    found = conduct(tiny, tmp_path / "study", ["sgd"], "trials=4", sampler="halving")
    searched = found.runs.filter(found.runs["phase"] == SEARCH)
    assert searched["rate"].to_list() == [1e30, 0.1, 0.05, 0.025]
    assert made[0].told[0] == (1e30, math.inf)
    assert made[0].told[1:] == list(zip(searched["rate"][1:], searched["final"][1:], strict=True))


def test_a_study_that_is_continued_asks_for_the_same_settings(
    tiny: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with an adaptive sampler: it is told again what the record holds."""
    monkeypatch.setitem(SAMPLERS, "halving", Halving)
    whole = conduct(tiny, tmp_path / "study", ["sgd", "adam"], "trials=4", sampler="halving").runs
    with Record(tmp_path / "study", write=True) as record:
        for table in ("curve", "metrics"):
            record.connection.execute(f"DELETE FROM {table} WHERE run > 9")
        record.connection.execute("DELETE FROM runs WHERE id > 9")  # six of the range test, three of eight trials
        record.set(finished=False)
    again = conduct(tiny, tmp_path / "study", ["sgd", "adam"], "trials=4", sampler="halving").runs
    same = ["phase", "optimizer", "rate", "seed", "status", "final"]
    assert again.select(same).equals(whole.select(same))
    rates = whole.filter((whole["phase"] == SEARCH) & (whole["optimizer"] == "adam"))["rate"]
    assert all(high > low for high, low in pairwise(rates))
