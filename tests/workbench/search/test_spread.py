"""Settings by chance, on a grid, and by Optuna's TPE."""

import itertools
import math

import pytest

from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import Setting, values_of
from steepest.workbench.search.optuna_tpe import OptunaTPE
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.spread import by_chance, on_a_grid

DIMENSIONS = (Dimension("decay", 0.0, 1.0), Dimension("act", choices=("relu", "tanh")))
SPACE = SearchSpace(Candidate("mine", "SGD", 0.1, "a test", space=DIMENSIONS), 0.1, DIMENSIONS)


def test_a_grid_has_every_combination_once() -> None:
    sampler = on_a_grid(SPACE, 0, 20)  # 3 rates, 3 decays, both choices: 18 of 20
    settings = list(iter(sampler.ask, None))
    rates = [0.1 * 10 ** (3 * ((k + 0.5) / 3 - 0.5)) for k in range(3)]
    expected = {
        (float(f"{rate:.3g}"), decay, act)
        for rate, decay, act in itertools.product(rates, (0.167, 0.5, 0.833), ("relu", "tanh"))
    }
    assert {(one.rate, *values_of(one.others).values()) for one in settings} == {
        (rate, act, decay) for rate, decay, act in expected
    }
    assert len(settings) == 18
    assert list(iter(on_a_grid(SPACE, 1, 20).ask, None)) != settings


def test_chance_spreads_over_the_space_and_the_seed_decides() -> None:
    first, again, other = (by_chance(SPACE, seed, 100) for seed in (0, 0, 1))
    settings = [one for _ in range(100) if (one := first.ask()) is not None]
    assert [again.ask() for _ in range(100)] == settings
    assert other.ask() != settings[0]
    below = sum(one.rate < 0.1 for one in settings)
    assert 35 <= below <= 65, "half of them, within three standard deviations"
    assert {values_of(one.others)["act"] for one in settings} == {"relu", "tanh"}


def valley(setting: Setting) -> float:
    return math.inf if setting.rate > 1 else math.log10(setting.rate / 0.02) ** 2 + values_of(setting.others)["decay"]


def searched(sampler: OptunaTPE, trials: int, late: int = 0) -> list[Setting]:
    asked: list[Setting] = []
    for trial in range(trials):
        setting = sampler.ask()
        assert setting is not None
        asked.append(setting)
        if trial >= late:
            sampler.tell(asked[trial - late], valley(asked[trial - late]))
    return asked


def test_tpe_asks_for_the_same_points_again_and_learns() -> None:
    pytest.importorskip("optuna")
    found = searched(OptunaTPE(SPACE, 0, 30), 30)
    assert searched(OptunaTPE(SPACE, 0, 30), 20) == found[:20]
    assert found[0].rate == 0.1, "the defaults first"
    assert len({*found}) == 30
    assert searched(OptunaTPE(SPACE, 1, 30), 30) != found
    assert min(map(valley, found[10:])) < 0.2
    late = searched(OptunaTPE(SPACE, 0, 12), 12, late=2)
    assert late == searched(OptunaTPE(SPACE, 0, 12), 12, late=2)


def test_tpe_knows_results_from_before() -> None:
    pytest.importorskip("optuna")
    before = tuple((one, valley(one)) for one in searched(OptunaTPE(SPACE, 5, 20), 20))
    space = SearchSpace(SPACE.candidate, 0.1, DIMENSIONS, before)
    sampler = OptunaTPE(space, 0, 5)
    assert [one.value for one in sampler.study.trials[:20]] == [min(value, 1e300) for _, value in before]
    assert searched(sampler, 5) != searched(OptunaTPE(SPACE, 0, 5), 5)
