"""Which of Keras's optimizers stand for all where something of every optimizer is done by Keras's own class."""

from collections.abc import Iterable
from typing import Any

import pytest

from steepest.keras.base import IS_TORCH

STAND_FOR = ("SGD", "Adagrad", "Adam", "Muon")
"""Without state, with one array that its first step makes, with two arrays, and the one of whole tensors."""


def standing_for(names: Iterable[str]) -> list[Any]:
    """These names, of which most are left to `--exhaustive` where a run is traced: JAX takes a second to compile it."""
    left_out = pytest.mark.exhaustive
    return [name if IS_TORCH or name in STAND_FOR else pytest.param(name, marks=left_out) for name in names]
