"""What the stages of a search have gained, which hyperparameters are needed, and when nothing is left to gain."""

import math

import numpy as np
import pytest

from steepest.workbench.model.dimension import Dimension
from steepest.workbench.model.key import Setting, settings_text, values_of
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.stage_gain import Edge, StageGain, from_stored
from steepest.workbench.progress import stage_words
from steepest.workbench.search.edges import edge_of, edges_of
from steepest.workbench.search.gains import gained
from steepest.workbench.search.simpler import simpler
from steepest.workbench.search.space import SearchSpace
from steepest.workbench.search.staged import PATIENCE, Staged
from steepest.workbench.search.surrogate import Surrogate, levelled

ADAMW = KNOWN["adamw"]
SPACE = SearchSpace(ADAMW, 1e-3, ADAMW.space[:2])


def bowl(points: np.ndarray) -> np.ndarray:
    """The second dimension makes no difference."""
    return 1 + 4 * (points[:, 0] - 0.7) ** 2


def test_a_stage_that_finds_something_is_kept_and_a_lucky_run_is_not() -> None:
    rng = np.random.default_rng(0)
    first = np.column_stack([np.linspace(0, 0.4, 6), np.full(6, 0.5)])
    second = np.column_stack([np.linspace(0.5, 0.9, 6), np.full(6, 0.5)])
    points = np.concatenate([first, second])
    values = bowl(points) + 0.01 * rng.normal(size=12)
    gain, low, high = gained(list(points), values.tolist(), 6)
    assert gain == pytest.approx(bowl(first).min() - bowl(second).min(), abs=0.05)
    assert 0 < low < gain < high
    idle = np.concatenate([second, np.column_stack([np.full(6, 0.7), rng.random(6)])])
    noisy = bowl(idle) + 0.05 * rng.normal(size=12)
    gain, low, _ = gained(list(idle), noisy.tolist(), 6)
    assert low <= 0 <= gain + 1e-9


def test_where_too_few_trained_nothing_is_said() -> None:
    points = [np.array([0.1, 0.5]), np.array([0.2, 0.5])]
    assert all(map(math.isnan, gained(points, [1.0, math.inf], 1)))
    assert all(map(math.isnan, gained(points, [math.inf, 1.0], 1)))


def test_values_at_the_edge_by_hand() -> None:
    assert edge_of(Dimension("a", 0.0, 2.0), 1.92) == Edge("a", 1.92, "upper", "a=0..3")
    assert edge_of(Dimension("a", 0.0, 1.0), 0.5) is None
    assert edge_of(Dimension("a", 1e-4, 1.0, scale="log"), 1.1e-4) == Edge("a", 1.1e-4, "lower", "a=1e-05..1:log")
    assert edge_of(Dimension("a", choices=(1, 2)), 1) is None
    beta1 = Dimension("beta1", 0.03, 0.3, scale="log", from_one=True, grows=(1e-6, 0.9))
    assert edge_of(beta1, 0.97) == Edge("beta1", 0.97, "upper"), "1 - value is searched, and the value is what is said"
    assert edge_of(beta1, 0.7) == Edge("beta1", 0.7, "lower")
    found = edges_of(SPACE, Setting(0.0316, settings_text({"weight_decay": 1.0, "beta1": 0.9})))
    assert found == (Edge("rate", 0.0316, "upper"), Edge("weight_decay", 1.0, "upper"))


def test_what_makes_no_difference_stays_at_its_default() -> None:
    rng = np.random.default_rng(1)
    points = rng.random((30, 3))
    values = 1 + 4 * (points[:, 0] - 0.5) ** 2 + 4 * (points[:, 1] - 0.9) ** 2 + 0.02 * rng.normal(size=30)
    model = Surrogate(points, levelled(values.tolist()))
    best = SPACE.at([0.5, 0.9, 0.2])
    assert {*values_of(best.others)} == {"weight_decay", "beta1"}
    plain = simpler(SPACE, model, best)
    assert plain is not None
    assert plain.rate == best.rate
    assert values_of(plain.others) == {"weight_decay": values_of(best.others)["weight_decay"]}
    assert simpler(SPACE, model, plain) is None, "the decay is needed"


def test_each_stage_is_said_once_and_comes_back_from_the_record() -> None:
    sampler, values = Staged(SPACE, 0, 20), []
    known: list[StageGain] = []
    for _ in range(20):
        setting = sampler.ask()
        assert setting is not None
        far = math.log10(setting.rate / 1e-2)
        values.append(math.exp(far**2))
        sampler.tell(setting, values[-1])
        known += sampler.gains(values, len(known))
    assert [one.stage for one in known] == ["default", "rate", "rate and first dimension", "others", "all"]
    assert [one.names for one in known[1:4]] == [("rate",), ("weight_decay",), ("beta1",)]
    assert sum(one.trials for one in known) == 20
    assert known[1].is_kept, "the default rate is ten times too low"
    assert known[-1].best == min(values)
    assert from_stored(known[1].stored()) == known[1]
    assert not known[0].is_known
    assert from_stored(known[0].stored()).stored() == known[0].stored()


def test_a_search_ends_where_little_is_left_beside_the_noise() -> None:
    rng, count = np.random.default_rng(0), 0
    space = SearchSpace(ADAMW, 1e-3)
    sampler = Staged(space, 0, 200)
    while (setting := sampler.ask()) is not None:
        count += 1
        sampler.tell(setting, math.exp(math.log10(setting.rate / 2e-3) ** 2 + 0.3 * rng.normal()))
    assert PATIENCE + 60 < count < 200, "the rate alone has 2 * 33 trials"


@pytest.mark.parametrize(
    ("gain", "said"),
    [
        (StageGain("adam", "default", (), 1, 0, 0.15), "adam, the defaults: loss 0.15, 1 trial"),
        (
            StageGain("adam", "rate", ("rate",), 5, 1, 0.12, 0.03, 0.01, 0.05),
            "adam, the rate: loss 0.12, gain 0.03 (0.01 to 0.05), 5 trials, 1 failed: kept",
        ),
        (
            StageGain("adam", "others", ("beta1", "eps"), 5, 0, 0.12, 0.0, -0.01, 0.01),
            "adam, beta1, eps: loss 0.12, gain 0 (-0.01 to 0.01), 5 trials: no gain shown: they stay at their defaults "
            "for now",
        ),
        (
            StageGain("adam", "rate and first dimension", ("weight_decay",), 3, 3, None),
            "adam, weight_decay with the rate: nothing trained, 3 trials, 3 failed: too few runs trained to say",
        ),
    ],
)
def test_the_sentence_of_a_stage(gain: StageGain, said: str) -> None:
    assert stage_words.sentence(gain, "loss") == said
