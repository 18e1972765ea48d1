"""Which of Keras's optimizers stand for all where something of every optimizer is done by Keras's own class."""

from collections.abc import Iterable
from typing import Any

import pytest

from steepest.keras.base import IS_TORCH

STAND_FOR = ("SGD", "Adagrad", "Adam", "Muon")
"""Without state, with one array that its first step makes, with two arrays, and the one of whole tensors."""


def standing_for(names: Iterable[str], few: tuple[str, ...] = STAND_FOR) -> list[Any]:
    """These names, of which most are left to `--exhaustive` where a run is traced: JAX takes a second to compile it."""
    return [name if name in few else pytest.param(name, marks=repeated_where_traced()) for name in names]


def repeated_where_traced() -> Any:
    """The mark of a case that only repeats another one on JAX and TensorFlow; on torch, where nothing is traced, none.

    One `fit` takes JAX 3 to 6 seconds, nearly all of them to compile it.
    """
    return () if IS_TORCH else pytest.mark.exhaustive
