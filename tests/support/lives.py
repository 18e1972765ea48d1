"""Lives of a few steps with random deeds between them, each step held to its shadow.

deeds/: what is done      refusal.py: what must be refused      shadow.py: what must come out of a step
"""

import traceback
from collections.abc import Callable
from typing import Any

import torch
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

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

Done = tuple[str, int, int]
"""A deed by its name, with the numbers of a parameter and of a way to do it."""

Round = tuple[bool, list[Done]]
"""Whether the gradients are new tensors, and what is done before the step."""

Life = tuple[int, list[int], list[Round]]
"""The number of a configuration, those of the parameters' shapes, and the rounds."""

_deed = st.tuples(st.sampled_from([*deeds.NAMED]), st.integers(0, 7), st.integers(0, 255))
_rounds = st.lists(st.tuples(st.booleans(), st.lists(_deed, max_size=3)), min_size=1, max_size=5)
LIVES = st.tuples(
    st.integers(0, len(CONFIGURATIONS) - 1), st.lists(st.integers(0, 13), min_size=1, max_size=4), _rounds
)


def live(life: Life, dtypes: tuple[torch.dtype, ...]) -> None:
    """Take a step, then one after each round of deeds."""
    try:
        _live(*life, dtypes)
    except Exception as failure:
        failure.add_note("".join(traceback.format_tb(failure.__traceback__)))
        raise failure.with_traceback(None) from None  # pytest would print tensors whose memory is gone, and crash


def _live(configuration: int, shapes: list[int], rounds: list[Round], dtypes: Any) -> None:
    world = World(CONFIGURATIONS[configuration], shapes, dtypes)
    world.step()
    for new, done in rounds:
        world.refresh_gradients(new=new)
        for name, which, how in done:
            deeds.NAMED[name](world, world.parameters[which % len(world.parameters)], how)
        world.step()


def live_by_number(number: int, count: int = 250) -> None:
    """The lives of a number: of every second one within bounds, of the others with compiled kernels."""
    if number % 2:
        live_through(count, lambda life: live(life, FEW_DTYPES), number)
    else:
        with checked.build():
            live_through(count, lambda life: live(life, DTYPES), number)


def live_through(count: int, one: Callable[[Life], None], number: int | None = 0) -> None:
    """So many lives, the same ones each time for a number; None: others each time."""
    chosen = settings(
        max_examples=count,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    )
    lives = chosen(given(LIVES)(one))
    (lives if number is None else seed(number)(lives))()
