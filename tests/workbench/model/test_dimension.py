"""What can be searched beside the rate, and who takes it."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch

from steepest.workbench import Dimension
from steepest.workbench.errors import UsageError
from steepest.workbench.model.candidate import Candidate
from steepest.workbench.model.dimension import LOG
from steepest.workbench.model.half_precision import with_eps_early
from steepest.workbench.model.key import SEARCH, Key, settings_text
from steepest.workbench.model.optimizers import KNOWN, choose
from steepest.workbench.model.search_space import parsed_search, with_search


def task(seed: int, width: int = 64, dropout: float = 0.1) -> Any:
    """A task function with numbers of its own."""


def spread(dimension: Dimension, count: int = 1000) -> list[Any]:
    return [dimension.at((k + 0.5) / count) for k in range(count)]


def test_whole_numbers_have_equal_parts_of_the_range() -> None:
    values = spread(Dimension("layers", 1, 4, integer=True))
    assert {value: values.count(value) for value in values} == {1: 250, 2: 250, 3: 250, 4: 250}
    assert all(isinstance(value, int) for value in values)
    wide = spread(Dimension("width", 8, 512, scale=LOG, integer=True))
    assert (min(wide), Dimension("width", 8, 512, scale=LOG, integer=True).at(1.0)) == (8, 512)
    assert sorted(wide)[500] == pytest.approx(64, rel=0.05)


def test_choices_have_equal_parts_and_keep_their_type() -> None:
    values = spread(Dimension("act", choices=("relu", "tanh", True, 3)))
    assert [values.count(choice) for choice in ("relu", "tanh", True, 3)] == [250] * 4


def test_ends_are_reached_and_not_passed() -> None:
    for one in (Dimension("a", -1.0, 1.0), Dimension("a", 1e-6, 1e-2, scale=LOG)):
        assert (one.at(0.0), one.at(1.0)) == (one.low, one.high)
    assert Dimension("beta1", 0.03, 0.3, scale=LOG, from_one=True).at(0.0) == 0.97


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("x",), "give two bounds or choices"),
        (("x", 1.0, 0.1), "1 to 0.1 is the wrong way round"),
        (("x", 1.0, 1.0), "is one value"),
        (("lr", 0.1, 1.0), "the rate is always searched"),
        (("", 0.1, 1.0), "it has no name"),
    ],
)
def test_a_range_that_cannot_be_searched(arguments: tuple, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Dimension(*arguments)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"low": 0.0, "high": 1.0, "scale": "log"}, "has no logarithm"),
        ({"low": 0.0, "high": 1.0, "scale": "square"}, "there is no scale 'square'"),
        ({"low": 0.5, "high": 2, "integer": True}, "not whole numbers"),
        ({"choices": (1,)}, "is one value"),
        ({"choices": (1, 1)}, "given twice"),
        ({"choices": (None, 1)}, "cannot be stored"),
    ],
)
def test_options_that_cannot_be_used(options: dict, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        Dimension("x", **options)


def test_the_text_of_the_command_line() -> None:
    found = parsed_search("weight_decay, dropout=0..0.5,width=32|64|128,layers=1..4,eps=1e-10..1e-4:log,act=relu|tanh")
    assert found == [
        "weight_decay",
        Dimension("dropout", 0, 0.5),
        Dimension("width", choices=(32, 64, 128)),
        Dimension("layers", 1, 4, integer=True),
        Dimension("eps", 1e-10, 1e-4, scale=LOG),
        Dimension("act", choices=("relu", "tanh")),
    ]
    assert parsed_search("") == []
    for wrong, sentence in {"a=1": "does not say", "a=b..c": "does not say", "a,a": "named twice"}.items():
        with pytest.raises(UsageError, match=sentence):
            parsed_search(wrong)


def test_the_task_or_the_optimizers_that_have_it_take_it() -> None:
    sgd, adam = with_search([KNOWN["sgd"], KNOWN["adam"]], parsed_search("eps,width=32|64,amsgrad=True|False"), task)
    assert [one.name for one in sgd.searched(4)] == ["width"]
    assert [one.name for one in adam.searched(4)] == ["amsgrad", "width", "eps"]
    values = {"width": 32, "amsgrad": True, "eps": 1e-6}
    assert adam.options_with(values) == {"amsgrad": True, "eps": 1e-6}
    assert adam.task_values(values) == {"width": 32}
    assert adam.call(values) == (
        "steepest.Adam(model.parameters(), lr=RATE, amsgrad=True, eps=1e-06)  # with width=32 in the task"
    )


def test_a_range_of_ones_own_for_a_place_in_a_tuple() -> None:
    (adam,) = with_search([KNOWN["adam"]], parsed_search("beta1=0.8..0.95"), task)
    (beta1,) = adam.searched(4)
    assert beta1.at(0.0) == 0.8
    assert adam.options_with({"beta1": 0.8}) == {"betas": (0.8, 0.999)}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "widht=1..4",
            "Neither the task function nor sgd has an argument 'widht' \\(did you mean width\\?\\); the task has",
        ),
        ("dropout", "dropout has no usual range; say where to search: dropout=LOW..HIGH"),
        ("momentumm", "Neither"),
        ("momentum", "momentum has no usual range"),
    ],
)
def test_what_nobody_has(text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        with_search([KNOWN["sgd"]], parsed_search(text), task)


def test_decay_is_searched_from_ten_trials_on_and_before_beta1() -> None:
    for candidate in [*KNOWN.values(), *choose("lion,radam,torch.AdamW,muon")]:
        assert "weight_decay" not in [one.name for one in candidate.searched(9)]
        assert candidate.searched(10)[0].name == "weight_decay", candidate.name
    assert choose("torch.NAdam")[0].searched(10)[0].high == pytest.approx(1e-2)
    assert choose("lion")[0].cls == "Lion"
    assert choose([torch.optim.Rprop])[0].space == ()


def test_what_the_record_keeps_is_json_and_tells_two_spaces_apart() -> None:
    space = (Dimension("width", choices=(32, 64), of_task=True), Dimension("x", 0.0, 1.0))
    described = replace(KNOWN["sgd"], space=space).described()
    assert json.loads(json.dumps(described)) == described
    assert described != replace(KNOWN["sgd"], space=space[:1]).described()


def test_a_dimension_of_the_first_release_still_writes_its_call() -> None:
    old = {"name": "beta1", "option": "betas", "low": 0.03, "high": 0.3, "trials": 10, "place": 0, "from_one": True}
    from steepest.workbench.model.candidate import call_of

    described = KNOWN["adam"].described() | {"space": [old | {"whole": [0.9, 0.999]}]}
    assert call_of(described, {"beta1": 0.85}) == "steepest.Adam(model.parameters(), lr=RATE, betas=(0.85, 0.999))"


def test_a_run_is_named_with_every_value() -> None:
    key = Key(SEARCH, "adam", 0.01, 3, settings_text({"act": "tanh", "width": 32, "eps": 1e-6, "amsgrad": True}))
    assert str(key) == "adam at 0.01, act tanh, amsgrad True, eps 1e-06, width 32, seed 3"


def test_what_the_task_has_by_default_is_known() -> None:
    (adam,) = with_search([KNOWN["adam"]], parsed_search("width=16..256,dropout=0..0.5"), task)
    assert {one.name: adam.default_of(one) for one in adam.space[:2]} == {"dropout": 0.1, "width": 64}
    assert "default" not in adam.space[0].stored(), "a study of before is the same study"


def test_parameters_of_half_precision_open_eps_early() -> None:
    (adam,) = with_eps_early([KNOWN["adam"]])
    assert [one.name for one in adam.searched(10)] == ["weight_decay", "eps", "beta1"]
    assert (adam.searched(10)[1].low, adam.searched(10)[1].high) == (1e-8, 1e-3)
    mine = with_search([KNOWN["adam"]], parsed_search("eps=1e-6..1e-2:log"), task)
    assert with_eps_early(mine) == mine
    assert with_eps_early([KNOWN["sgd"]]) == [KNOWN["sgd"]]


def test_an_optimizer_that_takes_any_argument_takes_this_one() -> None:
    candidate = Candidate("mine", lambda parameters, lr, **options: None, 0.1, "")
    assert with_search([candidate], parsed_search("whatever=0..0.5"), task)[0].searched(1)[0].name == "whatever"
