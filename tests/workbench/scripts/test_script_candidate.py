"""Which number of a script is its rate, where a search begins, and what a run is given."""

import pytest

from steepest.workbench.model.key import Setting
from steepest.workbench.scripts.candidate import NO_RATE, script_candidate, script_line
from steepest.workbench.scripts.command import ScriptCommand
from steepest.workbench.scripts.devices import environment_of_slot
from steepest.workbench.search.space import SearchSpace


def made(*arguments, settings=(), own=None):
    return script_candidate(ScriptCommand("train.py", arguments, settings), own or {})


@pytest.mark.parametrize(
    ("name", "is_rate"),
    [
        ("lr", True), ("learning_rate", True), ("max_lr", True), ("optim_lr", True), ("base_learning_rate", True),
        ("optim.lr", True), ("learning-rate", True), ("base-lr", True),
        ("rate", True), ("eta", True), ("dropout", False), ("dropout_rate", False), ("lr_decay", False),
        ("beta", False), ("mask_rate", False), ("warmup_rate", False), ("width", False), ("clr", False),
    ],
)  # fmt: skip
def test_what_is_a_rate(name, is_rate):
    assert made(f"{{{name}:0.1..0.9}}").rate_name == (name if is_rate else "")


def test_a_rate_is_a_positive_range():
    assert made("{lr:0..1}").rate_name == ""
    assert made("{lr:0.1|0.2}").rate_name == ""
    assert made(settings=("SGD.momentum=0..0.9", "SGD.lr=1e-3..1:log")).rate_name == "SGD.lr"


def test_the_order_of_what_is_searched():
    one = made("{width:1..9}", "{wd:1e-4..1:log}", "{lr:1e-3..1:log}")
    assert [dimension.name for dimension in one.space] == ["wd", "width"]
    assert [dimension.name for dimension in made("{x:1..9}", "{weight-decay:0..1}").space] == ["weight-decay", "x"]
    assert [dimension.name for dimension in made("{width:1..9}", "{x:0..1}").searched(5)] == ["x"]


def test_where_it_begins_and_what_stays():
    one = made("{lr:1e-4..1:log=1e-2}", "{width:4|16|64=16}", "{x:0.0..1}")
    space = SearchSpace(one, one.centre, one.searched(9))
    assert space.defaults() == pytest.approx([0.5, 0.5, 0.5])
    setting = space.with_defaults(space.defaults(), 0)
    assert setting == Setting(0.01, '{"x": 0.5}')  # nobody knows the x of today, so it is said; the width stays
    assert one.values(0.01, {"x": 0.5}) == {"lr": 0.01, "width": 16, "x": 0.5}
    assert space.point_of(setting) == pytest.approx([0.5, 0.5, 0.5])
    assert not one.has_usual
    assert not space.has_default(one.space[1])


def test_a_value_of_today_beyond_the_range_begins_at_its_end():
    one = made("{lr:1e-3..1e-1:log=5}")
    space = SearchSpace(one, one.centre, one.searched(9))
    assert space.with_defaults(space.defaults(), 0).rate == 0.1
    assert (one.centre, one.has_usual) == (5.0, True)


def test_what_is_set_from_outside_stays_where_it_is_not_searched():
    settings = ("AdamW.lr=1e-4..1:log", "AdamW.weight_decay=1e-3..1:log")
    one = made("{width:4|16=16}", settings=settings, own={"AdamW.lr": 0.001, "AdamW.weight_decay": 0.01})
    assert one.values(0.1, {}) == {"AdamW.lr": 0.1, "width": 16}
    assert one.values(0.1, {"AdamW.weight_decay": 0.5})["AdamW.weight_decay"] == 0.5
    assert one.has_usual
    line = script_line(one.described(), 0.1, {"AdamW.weight_decay": 0.5})
    assert line == "python train.py 16  # in the script: AdamW(..., lr=0.1, weight_decay=0.5)"


def test_without_a_rate():
    one = made("{width:4|16|64=16}", "{x:0..1=0.2}")
    space = SearchSpace(one, one.centre, one.searched(9))
    setting = space.at([0.9, 0.4])
    assert setting == Setting(NO_RATE, '{"width": 64, "x": 0.4}')  # not of whole numbers, as 0.2 is none
    assert space.point_of(setting) == pytest.approx([2.5 / 3, 0.4])
    assert script_line(one.described(), NO_RATE, {"width": 64}) == "python train.py 64 0.2"


def test_runs_at_the_same_time_share_the_machine(monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    given = {"CUDA_VISIBLE_DEVICES": "0,1,2"}
    assert environment_of_slot(0, 1, given) == {"STEEPEST_WORKER": "0"}
    made = [environment_of_slot(slot, 2, given) for slot in range(2)]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in made] == ["0,2", "1"]
    assert [one["OMP_NUM_THREADS"] for one in made] == ["4", "4"]
    assert environment_of_slot(3, 4, given)["CUDA_VISIBLE_DEVICES"] == "0"
    assert "OMP_NUM_THREADS" not in environment_of_slot(0, 2, {"OMP_NUM_THREADS": "1"})
    assert "CUDA_VISIBLE_DEVICES" not in environment_of_slot(0, 2, {"CUDA_VISIBLE_DEVICES": ""})
