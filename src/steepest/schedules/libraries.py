"""The few functions that schedules need, for a Python number and for arrays of NumPy, torch, JAX, and TensorFlow's."""

import math
import sys
from collections.abc import Sequence
from typing import Any


class Python:
    """Of one number: nothing but `math`, since a schedule is asked at every step."""

    cos, sqrt, log, floor = map(staticmethod, (math.cos, math.sqrt, math.log, math.floor))
    at_least, at_most = staticmethod(max), staticmethod(min)

    @staticmethod
    def where(condition: bool, x: float, y: float) -> float:
        """x where the condition holds, else y."""
        return x if condition else y

    @staticmethod
    def full(step: float, value: float) -> float:
        """The value, in the shape of step."""
        return value


class Arrays:
    """Of arrays of one library."""

    def __init__(self, library: Any) -> None:
        self.cos, self.sqrt, self.log, self.floor = library.cos, library.sqrt, library.log, library.floor
        self.where = library.where
        self._clip = library.clip

    def at_least(self, x: Any, low: float) -> Any:
        """The larger one."""
        return self._clip(x, low, math.inf)

    def at_most(self, x: Any, high: float) -> Any:
        """The smaller one."""
        return self._clip(x, -math.inf, high)

    def full(self, step: Any, value: float) -> Any:
        """The value, in the shape of step."""
        return 0.0 * step + value


def library_of(step: Any) -> tuple[Any, Any]:
    """The functions for this kind of step, and the step as floating point numbers, float64 where the library has them.

    Raises TypeError for what is no number.
    """
    module = type(step).__module__.partition(".")[0]
    if module == "torch":
        return Arrays(sys.modules["torch"]), step.to(sys.modules["torch"].float64)
    if module in ("jax", "jaxlib"):
        return Arrays(sys.modules["jax.numpy"]), 1.0 * step
    if module in ("tensorflow", "keras"):
        operations = sys.modules["keras"].ops
        return Arrays(operations), operations.cast(step, "float64")
    if module == "numpy" and step.ndim:
        return Arrays(sys.modules["numpy"]), step.astype("float64")
    if isinstance(step, (bool, str)) or not hasattr(step, "__float__"):
        raise TypeError(f"A schedule is a function of the step, a number from 0 on, not of {step!r}.")
    return Python, float(step)


def part_done(step: Any, steps: Any, lib: Any) -> Any:
    """How much of so many steps is done, from 0 to 1; min() and max() would take Python twice as long."""
    if lib is Python:
        return (step / steps if step > 0 else 0.0) if step < steps else 1.0
    return lib.at_least(lib.at_most(step, steps), 0) / steps


def count_reached(step: Any, milestones: Sequence[float], lib: Any) -> Any:
    """How many of the milestones a step has reached, for arrays of steps."""
    return sum(lib.where(step >= milestone, lib.full(step, 1.0), 0.0) for milestone in milestones)
