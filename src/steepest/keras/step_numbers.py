"""The numbers of a step on any backend: what is the same for all variables is computed once."""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from steepest.compiler.arrays import traced
from steepest.compiler.program import Program
from steepest.schedules import Schedule

REAL = "float32" if keras.backend.backend() == "jax" else "float64"
"""In what they are computed: JAX has no float64 unless it is told to."""


class StepNumbers:
    """The step that is being taken: what is the same for all variables is computed once."""

    def __init__(self, optimizer: Any, lines: Program, learning_rate: Any, numbers: Sequence[Any]) -> None:
        self.lines = lines
        self._functions = traced(self.lines)
        self._hyperparameters = optimizer._hyperparameters(ops.cast(learning_rate, REAL), optimizer.iterations)
        self._count = ops.cast(optimizer.iterations + 1, REAL)
        self._old, self._starts = numbers, optimizer.starts
        self._is_first = optimizer.iterations == 0
        self._scalars: tuple[Any, ...] | None = None
        self._cast: dict[str, list[Any]] = {}

    def numbers(self, is_new: Any) -> Sequence[Any]:
        """What becomes of the states that are one number."""
        return self._slots_and_numbers(is_new)[len(self.lines.slots) :]

    def elements(self, p: Any, g: Any, states: Sequence[Any], is_new: Any, real: str) -> tuple[Any, ...]:
        """The new parameter and states of one variable.  is_new: whether it was never stepped, if its rule asks."""
        if is_new is not None:
            slots = [cast(one, real) for one in self._slots_and_numbers(is_new)[: len(self.lines.slots)]]
        elif real in self._cast:
            slots = self._cast[real]
        else:
            slots = [cast(one, real) for one in self._slots_and_numbers(False)[: len(self.lines.slots)]]
            self._cast[real] = slots
        return self._functions.elements(p, g, states, slots)

    def _slots_and_numbers(self, is_new: Any) -> tuple[Any, ...]:
        if self._scalars is not None and is_new is False:
            return self._scalars
        uninitialized = {
            name: self._is_first if name in self.lines.scalar_states else is_new for name in self.lines.uninitialized
        }
        uninitialized |= dict.fromkeys(self._starts, False)
        found = self._functions.scalars(self._hyperparameters, self._count, uninitialized, self._old)
        if is_new is False:
            self._scalars = found
        return found


def cast(slot: Any, dtype: str) -> Any:
    """A number of the step for elements of a dtype; Python's own numbers and truth stay what they are."""
    if isinstance(slot, (bool, int, float)) or keras.backend.standardize_dtype(slot.dtype) == "bool":
        return slot
    return ops.cast(slot, dtype)


def at(value: Any, step: Any) -> Any:
    """A hyperparameter at a step, counted from 0; schedules stay what they are where that is None."""
    if isinstance(value, (tuple, list)):
        return tuple(at(one, step) for one in value)
    if not isinstance(value, Schedule) or step is None:
        return value
    return value(step) if isinstance(step, int) else ops.cast(value(ops.convert_to_tensor(step)), REAL)
