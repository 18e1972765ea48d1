"""Whatever is done to tensors, state and groups between two steps: the next one gives what the rule says, or refuses.

Refused means a sentence, and a group as it was; no byte is touched that is not the optimizer's to write.  Lives of a
few steps with random deeds between them, in the bounds-checked build of the kernels (any dtype: nothing is compiled)
and with compiled ones.  `STEEPEST_MISUSE=20000` lives so many at random instead of the same few.

    deeds.py: what is done      refusal.py: what must be refused      shadow.py: what must come out of a step
"""

import os
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from steepest.torch.state import arrays as state
from steepest.torch.state.snapshot import Snapshot
from steepest.torch.stepping import batch, overlap
from support import checked, deeds
from support.configurations import Configuration
from support.misuse import DTYPES, FEW_DTYPES, World

CONFIGURATIONS = [
    Configuration("SGD", {"lr": 0.1}),
    Configuration("SGD", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    Configuration("RMSprop", {"lr": 0.05, "momentum": 0.9}),
    Configuration("Adagrad", {"lr": 0.1}),
    Configuration("Adam", {"lr": 0.05, "amsgrad": True}),
    Configuration("AdamW", {"lr": 0.05, "weight_decay": 0.1}),
    Configuration("NAdam", {"lr": 0.05}),
    Configuration("ASGD", {"lr": 0.05}),
    Configuration("SparseAdam", {"lr": 0.05}),
]
ADAM = CONFIGURATIONS[4]
AT_RANDOM = int(os.environ.get("STEEPEST_MISUSE", "0"))
EXAMPLES = [100, pytest.param(300, marks=pytest.mark.exhaustive)]

Round = tuple[bool, list[tuple[deeds.Deed, int, int]]]
"""Whether the gradients are new tensors, and the deeds: each with the numbers of a parameter and of a way to do it."""

Life = tuple[Configuration, list[int], list[Round]]

_deed = st.tuples(st.sampled_from(deeds.DEEDS), st.integers(0, 7), st.integers(0, 255))
_rounds = st.lists(st.tuples(st.booleans(), st.lists(_deed, max_size=3)), min_size=1, max_size=7)
LIVES = st.tuples(st.sampled_from(CONFIGURATIONS), st.lists(st.integers(0, 13), min_size=1, max_size=4), _rounds)


def live(life: Life, dtypes: tuple[torch.dtype, ...]) -> None:
    """Take a step, then one after each round of deeds."""
    try:
        _live(*life, dtypes)
    except Exception as failure:
        failure.add_note("".join(traceback.format_tb(failure.__traceback__)))
        raise failure.with_traceback(None) from None  # pytest would print tensors whose memory is gone, and crash


def _live(configuration: Configuration, shapes: list[int], rounds: list[Round], dtypes: Any) -> None:
    world = World(configuration, shapes, dtypes)
    world.step()
    for new, done in rounds:
        world.refresh_gradients(new=new)
        for deed, which, how in done:
            deed(world, world.parameters[which % len(world.parameters)], how)
        world.step()


def live_through(examples: int, one: Callable[[Life], None]) -> None:
    """The same lives every time, or as many others as are asked for."""
    chosen = settings(
        max_examples=AT_RANDOM or examples,
        derandomize=not AT_RANDOM,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
    )
    chosen(given(LIVES)(one))()


@pytest.mark.parametrize("deed", deeds.ALONE, ids=lambda deed: deed.__name__)
def test_each_deed_alone_within_bounds(deed):
    with checked.build() as build:
        for how in range(36):
            shapes = [how % 14, how % 7, 0]
            live((CONFIGURATIONS[how % 9], shapes, [(how % 2 == 0, [(deed, how, how)]), (False, [])]), DTYPES)
    assert len(build.calls) > 100


@pytest.mark.parametrize("examples", EXAMPLES)
def test_deeds_within_bounds(examples):
    def one(life: Life) -> None:
        with checked.build():
            live(life, DTYPES)

    live_through(examples, one)


@pytest.mark.parametrize("examples", EXAMPLES)
def test_deeds_with_compiled_kernels(examples):
    def one(life: Life) -> None:
        live(life, FEW_DTYPES)

    live_through(examples, one)


def _as_once(snapshot, state, values=Snapshot.values, known={}):  # noqa: B006 - kept from call to call
    return known.setdefault(id(snapshot), (snapshot, values(snapshot, state)))[1]


FAULTS: dict[str, tuple[Any, str, Any, list[tuple[deeds.Deed, int, int]]]] = {
    "memory of a parameter": (state, "lies_in_its_storage", lambda _: True, [(deeds.resize_a_storage, 2, 2)]),
    "memory of a gradient": (state, "lies_in_its_storage", lambda _: True, [(deeds.resize_a_storage, 2, 8)]),
    "state is taken for the old": (Snapshot, "values", _as_once, [(deeds.replace_a_state, 2, 0)]),
    "layouts are not compared": (batch, "same_layout", lambda *_: True, [(deeds.new_data, 2, 1)]),
    "sharing is not noticed": (
        overlap, "_sharing_memory", lambda *_: set(),
        [(deeds.replace_a_state, 3, 0), (deeds.new_data_of_another_dtype, 3, 1), (deeds.data_in_anothers_memory, 4, 8)],
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
