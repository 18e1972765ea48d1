"""Whatever is done to tensors, state and groups between two steps: the next one gives what the rule says, or refuses.

Refused means a sentence, and a group as it was; no byte is touched that is not the optimizer's to write.  Lives of a
few steps with random deeds between them (support/lives.py), in the bounds-checked build of the kernels (any dtype:
nothing is compiled) and with compiled ones.  `STEEPEST_MISUSE=20000` lives so many others instead;
`make test-all` lives 100,000 (`lives/`).
"""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from steepest.torch.state import arrays as state
from steepest.torch.state.snapshot import Snapshot
from steepest.torch.stepping import batch, overlap
from support import checked, deeds, one_process
from support.lives import CONFIGURATIONS, Done, live, live_through
from support.misuse import DTYPES, FEW_DTYPES

ADAM = 4
AT_RANDOM = int(os.environ.get("STEEPEST_MISUSE", "0"))
SAMPLE = AT_RANDOM or 100
LONG = pytest.mark.timeout(max(300, AT_RANDOM))  # 50 ms a life, and as much again where other processes run


@pytest.fixture(autouse=True, scope="module")
def _alone() -> Iterator[None]:
    with one_process.group():
        yield


LIVES = [14, pytest.param(42, marks=pytest.mark.exhaustive)]
"""Of each deed: once and three times every shape."""


@pytest.mark.parametrize("lives", LIVES)
@pytest.mark.parametrize("deed", deeds.NAMED)
def test_each_deed_alone_within_bounds(deed, lives):
    with checked.build() as build:
        for i in range(lives):
            how, shapes = 7 * i, [i % 14, i % 7, 0]
            live((i % len(CONFIGURATIONS), shapes, [(i % 2 == 0, [(deed, i, how)]), (False, [])]), DTYPES)
    assert len(build.calls) > 50


@LONG
def test_deeds_within_bounds():
    with checked.build():
        live_through(SAMPLE, lambda life: live(life, DTYPES), None if AT_RANDOM else 0)


@LONG
def test_deeds_with_compiled_kernels():
    live_through(SAMPLE, lambda life: live(life, FEW_DTYPES), None if AT_RANDOM else 0)


def _as_once(snapshot, state, values=Snapshot.values, known={}):  # noqa: B006 - kept from call to call
    return known.setdefault(id(snapshot), (snapshot, values(snapshot, state)))[1]


FAULTS: dict[str, tuple[Any, str, Any, list[Done]]] = {
    "memory of a parameter": (state, "lies_in_its_storage", lambda _: True, [("resize_a_storage", 2, 2)]),
    "memory of a gradient": (state, "lies_in_its_storage", lambda _: True, [("resize_a_storage", 2, 8)]),
    "state is taken for the old": (Snapshot, "values", _as_once, [("replace_a_state", 2, 0)]),
    "layouts are not compared": (batch, "same_layout", lambda *_: True, [("new_data", 2, 1)]),
    "sharing is not noticed": (
        overlap, "_sharing_memory", lambda *_: set(),
        [("replace_a_state", 3, 0), ("new_data_of_another_dtype", 3, 1), ("data_in_anothers_memory", 4, 8)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_library_is_caught(fault, monkeypatch):
    owner, name, stand_in, done = FAULTS[fault]
    life = ADAM, [0, 0, 0, 0, 0], [(True, done)]
    with checked.build():
        live(life, FEW_DTYPES)
    monkeypatch.setattr(owner, name, stand_in)
    with checked.build(), pytest.raises(AssertionError):
        live(life, FEW_DTYPES)
