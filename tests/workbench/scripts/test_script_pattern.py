"""Metrics in what scripts print: the forms that they print them in, and patterns that cannot be used."""

import math

import pytest

from steepest.workbench.errors import UsageError
from steepest.workbench.scripts.pattern import Pattern


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("val_loss: 0.5", 0.5),
        ("epoch 3: train_loss=0.1 val_loss=2.5e-3, lr 0.1", 2.5e-3),
        ("{'val_loss': 0.25, 'epoch': 1.0}", 0.25),
        ("{'val_loss': '0.25', 'epoch': '1'}", 0.25),
        ("│       val_loss        │    0.30059     │", 0.30059),
        ("Val_Loss 7", 7.0),
        ("| val_loss | 1.0 |", 1.0),
        ("val_loss: 0.", 0.0),
        ("val_loss (.5)", 0.5),
        ("step 10/10 [00:01<00:00, v_num=0, val_loss=0.123]", 0.123),
        ("val_loss -3", -3.0),
        ("val_loss: inf", math.inf),
        ("val_loss is better", None),
        ("best_val_loss: 0.5", None),
        ("eval/val_loss: 0.5", None),
        ("val_loss_ema: 0.5", None),
        ("val_loss: 12.5.3", None),
        ("saving val_loss.pt", None),
        ("", None),
    ],
)
def test_without_a_pattern_the_name_is_looked_for(line, value):
    found = Pattern.of_name("val_loss").values(line, 4)
    assert found == (None if value is None else (4, {"val_loss": value}))


def test_not_a_number_is_found_too():
    (_, values) = Pattern.of_name("eval/acc").values("eval/acc: nan", 1) or (0, {})
    assert math.isnan(values["eval/acc"])


def test_a_single_group_is_the_metric():
    assert Pattern(r"val=(\S+)", "val_loss").values("val=0.5,", 2) == (2, {"val_loss": 0.5})
    assert Pattern(r"(?P<step>\d+) val=(\S+)", "v").values("7 val=0.5", 2) == (7, {"v": 0.5})


@pytest.mark.parametrize(
    ("pattern", "metric", "said"),
    [
        ("(", "", "is no regular expression"),
        (r"loss (\d+)", "", "names no metric"),
        ("(?P<step>1)", "", "names no metric"),
        ("(?P<step>1)", "a", "names no metric"),
        (r"(\d) (\d)", "a", "names no metric"),
        ("(?P<loss>.)", "val_loss", r"finds loss, and not val_loss, which decides: name a group \(\?P<val_loss>"),
    ],
)
def test_a_pattern_that_cannot_be_used(pattern, metric, said):
    with pytest.raises(UsageError, match=said):
        Pattern(pattern, metric)
