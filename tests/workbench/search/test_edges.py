"""A search goes on past an end of a range that is not the user's: functions whose best is known lie beyond it."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from steepest.workbench.errors import UsageError
from steepest.workbench.model.dimension import LOG, Dimension
from steepest.workbench.model.key import Setting, settings_text, values_of
from steepest.workbench.model.optimizers import KNOWN
from steepest.workbench.model.stage_gain import Edge
from steepest.workbench.search import QUASI_RANDOM, SAMPLERS, STAGED
from steepest.workbench.search.edges import LOWER, UPPER, Tried, edge_of, edges_of, longer
from steepest.workbench.search.quasi_random import QuasiRandom
from steepest.workbench.search.sampler import Sampler
from steepest.workbench.search.space import SearchSpace

ADAM, ADAMW, SGD = KNOWN["adam"], KNOWN["adamw"], KNOWN["sgd"]
Function = Callable[[Setting], float]


def decades_from(rate: float, sharp: float = 1.0) -> Function:
    return lambda setting: 0.1 + sharp * math.log10(setting.rate / rate) ** 2


def searched(space: SearchSpace, function: Function, strategy: str = QUASI_RANDOM, trials: int = 16) -> list[Setting]:
    return asked(SAMPLERS[strategy](space, 0, trials), function, trials)


def asked(sampler: Sampler, function: Function, trials: int) -> list[Setting]:
    """The settings of a search that is told what `knows` says, and no more."""
    found: list[Setting] = []
    told = 0
    while len(found) < trials:
        for setting in found[told : sampler.knows(len(found))]:
            sampler.tell(setting, function(setting))
            told += 1
        if (setting := sampler.ask()) is None:
            break
        found.append(setting)
    return found


@pytest.mark.parametrize("strategy", [QUASI_RANDOM, STAGED, "random"])
@pytest.mark.parametrize("decades", [2.0, -2.2])
def test_a_rate_beyond_the_range_is_found(strategy: str, decades: float) -> None:
    """The range is 1.5 decades either way."""
    best = 0.1 * 10**decades
    found = searched(SearchSpace(SGD, 0.1), decades_from(best), strategy)
    nearest = min(abs(math.log10(one.rate / best)) for one in found)
    assert nearest < 0.3, "half a decade at a time"
    assert all(one.rate > 0 for one in found)
    assert len({*found}) == len(found)


def test_what_makes_no_end_is_searched_as_before() -> None:
    space = SearchSpace(ADAMW, 1e-3, ADAMW.space[:2])
    plain = asked(QuasiRandom(space, 0, 16), decades_from(1e-3), 16)
    assert searched(space, decades_from(1e-3)) == plain, "the best is in the middle"

    def edge_of_stability(setting: Setting) -> float:
        return math.inf if setting.rate > 1.5e-2 else 1 / setting.rate

    assert searched(SearchSpace(SGD, 1e-3), edge_of_stability) == asked(
        QuasiRandom(SearchSpace(SGD, 1e-3), 0, 16), edge_of_stability, 16
    ), "higher rates were tried, and failed"
    assert searched(space, lambda _: math.inf) == plain, "where every run fails, there is no best"


def test_the_last_quarter_alone_goes_on_and_turns_back() -> None:
    """The best lies half a decade beyond the range: one round finds that the next rate is worse."""
    space = SearchSpace(SGD, 0.1)
    found = searched(space, decades_from(0.1 * 10**2.0))
    plain = asked(QuasiRandom(space, 0, 16), decades_from(0.1), 16)
    assert found[:12] == plain[:12]
    beyond = [one.rate for one in found[12:]]
    assert beyond[0] == pytest.approx(0.1 * 10**2.0, rel=0.05)
    assert beyond[1] == pytest.approx(0.1 * 10**2.5, rel=0.05)
    assert found[14:] == plain[12:14], "the second round has no open end"


@pytest.mark.parametrize("strategy", [QUASI_RANDOM, STAGED])
def test_a_decay_goes_to_none_and_no_further(strategy: str) -> None:
    """The best has no decay: below the range there is only 0."""
    space = SearchSpace(ADAMW, 1e-3, ADAMW.space[:1])

    def function(setting: Setting) -> float:
        return decades_from(1e-3, 1e-4)(setting) + values_of(setting.others).get("weight_decay", 0.01)

    found = [values_of(one.others).get("weight_decay") for one in searched(space, function, strategy, 20)]
    assert 0.0 in found
    assert all(one is None or one == 0 or one >= 1e-3 for one in found)


@pytest.mark.parametrize("strategy", [QUASI_RANDOM, STAGED])
@pytest.mark.parametrize("toward", [1.0, -1.0])
def test_a_beta_stays_below_one_and_above_zero(strategy: str, toward: float) -> None:
    beta1 = ADAM.space[1]
    space = SearchSpace(ADAM, 1e-3, (beta1,))

    def function(setting: Setting) -> float:
        beta = values_of(setting.others).get("beta1", 0.9)
        return decades_from(1e-3, 1e-4)(setting) + 2 + toward * math.log10(1 - beta)

    found = [values_of(one.others)["beta1"] for one in searched(space, function, strategy, 24) if one.others]
    assert all(0.1 <= one < 1 for one in found)
    assert max(found) > 0.97 if toward > 0 else min(found) < 0.7, "it went past its range, 0.7 to 0.97"


@pytest.mark.parametrize("strategy", [QUASI_RANDOM, STAGED])
def test_a_range_that_the_user_gave_is_kept(strategy: str) -> None:
    given = Dimension("weight_decay", 1e-4, 1e-2, scale=LOG)
    space = SearchSpace(ADAM, 1e-3, (given,))

    def function(setting: Setting) -> float:
        return decades_from(1e-3, 1e-4)(setting) + 1e-4 / values_of(setting.others).get("weight_decay", 1e-5)

    settings = searched(space, function, strategy, 20)
    assert all(1e-4 <= values_of(one.others).get("weight_decay", 1e-3) <= 1e-2 for one in settings)
    best = min(settings, key=function)
    assert [one for one in edges_of(space, best, settings) if one.name == "weight_decay"] == [
        Edge("weight_decay", values_of(best.others)["weight_decay"], UPPER, "weight_decay=0.0001..0.1:log")
    ]


def test_what_is_told_late_changes_no_point() -> None:
    """A study that is continued tells the same results again, and another order of asking has no part in it."""
    space, function = SearchSpace(ADAM, 1e-3, ADAM.space[:2]), decades_from(0.1)
    for strategy in (QUASI_RANDOM, STAGED):
        assert searched(space, function, strategy) == searched(space, function, strategy)
    quasi = SAMPLERS[QUASI_RANDOM](space, 0, 16)
    assert [quasi.knows(trial) for trial in (0, 11)] == [0, 0]
    assert quasi.knows(12) == 12
    staged = SAMPLERS[STAGED](space, 0, 32)
    assert [staged.knows(trial) for trial in (0, 1, 5, 6, 10, 11, 17, 18, 31)] == [0, 0, 0, 6, 6, 11, 11, 18, 31]


def test_how_far_it_goes_by_hand() -> None:
    tried = Tried(SearchSpace(ADAM, 1e-3, ADAM.space[:1]))
    assert tried.open_ends() == []
    assert tried.bounds() == [(0.0, 1.0), (0.0, 1.0)]
    for rate, decay, value in ((1e-3, 1e-4, 3.0), (3e-2, 3e-3, 1.0), (1e-4, 1e-6, 2.0)):
        tried.add(Setting(rate, settings_text({"weight_decay": decay})), value)
    assert [(end.place, end.sign) for end in tried.open_ends()] == [(0, 1), (1, 1)], "of three, a third is near"
    assert tried.bounds()[0] == pytest.approx((0.0, 1 + 1 / 6))
    past = tried.past(tried.open_ends()[0], 2)
    assert past.rate == pytest.approx(1e-3 * 10 ** (3 * (1 + 2 / 6 - 0.5)), rel=0.01)
    assert values_of(past.others) == {"weight_decay": 3e-3}
    tried.add(Setting(0.1, settings_text({"weight_decay": 1e-5})), math.inf)
    assert [end.place for end in tried.open_ends()] == [1], "a higher rate failed"


def test_an_end_that_the_user_gave_says_what_to_type() -> None:
    assert longer(Dimension("dropout", 0.0, 0.5), UPPER) == "dropout=0..0.75"
    assert longer(Dimension("dropout", 0.0, 0.5), LOWER) == "", "nothing is below 0"
    assert longer(Dimension("x", 1e-4, 0.1, scale=LOG), LOWER) == "x=1e-05..0.1:log"
    assert longer(Dimension("width", 32, 128, integer=True), UPPER) == "width=32..176"
    assert longer(Dimension("shift", -1.0, 1.0), LOWER) == "shift=-2..1"
    assert edge_of(Dimension("dropout", 0.0, 0.5), 0.01) is None
    own = ADAM.space[1]
    assert edge_of(own, 0.97) == Edge("beta1", 0.97, UPPER)
    assert edge_of(own, 0.97, [0.9, 0.98]) is None, "0.98 was tried too"
    assert edge_of(replace(own, grows=None), 0.97) == Edge("beta1", 0.97, UPPER, "beta1=0.7..0.997")
    assert edge_of(ADAM.space[0], 0.0) is None, "a decay of none is as small as it can be"


def test_a_dimension_that_grows_holds_its_range() -> None:
    with pytest.raises(UsageError, match="may grow"):
        Dimension("x", 0.1, 1.0, scale=LOG, grows=(0.2, 2.0))
