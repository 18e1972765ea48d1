"""What a schedule is: a function of the number of the step, from 0, and what can be made of one."""

import dataclasses
import math
from typing import Any

from steepest.schedules.numbers import Python, library_of


class Schedule:
    """A plain value that says what a hyperparameter is at each step: `schedule(step)`.

    It has no state, so it can be drawn, compared, pickled, nested, and resumed from a number.  Steps count from 0; a
    negative step has the value of step 0.  A schedule that ends has a `length`, and keeps its last value from then on.

    Examples:
        >>> from steepest import schedules
        >>> rate = schedules.cosine(3e-4, steps=1000).warmup(100)
        >>> rate
        linear(0.0, 0.0003, 100).then(cosine(0.0003, 1000))
        >>> [round(rate(step), 6) for step in (50, 100, 600, 1100)]
        [0.00015, 0.0003, 0.00015, 0.0]
    """

    @property
    def length(self) -> int | None:
        """The number of steps after which the value stays the same; None if it never does."""
        return None

    def __call__(self, step: Any) -> Any:
        """Compute the value at a step.

        Args:
            step: A number, or an array of numbers of NumPy, torch, JAX or TensorFlow, of any shape.

        Returns:
            A number, or an array of the same shape.

        Raises:
            TypeError: The step is not a number.
        """
        if type(step) is int:
            return self._at(step if step > 0 else 0, Python)
        library, steps = library_of(step)
        return self._at(library.at_least(steps, 0), library)

    def _at(self, step: Any, lib: Any) -> Any:
        raise NotImplementedError

    def then(self, following: "Schedule", at: int | None = None) -> "Schedule":
        """Follow this schedule by another one, which counts its steps from its own 0.

        Args:
            following: The schedule that comes after this one.
            at: The step at which it begins; the end of this schedule if None.

        Raises:
            ValueError: This schedule never ends, and `at` is None.
        """
        from steepest.schedules.operations import sequence

        end = self.length if at is None else at
        if end is None:
            raise ValueError(f"{self!r} has no end, so nothing can follow. Say when: `.then(..., at=1000)`.")
        return sequence([self, following], [end])

    def __mul__(self, other: Any) -> "Schedule":
        from steepest.schedules.operations import product

        if not isinstance(other, (Schedule, int, float)) or isinstance(other, bool):
            return NotImplemented
        return product(self, other)

    __rmul__ = __mul__

    def scale(self, factor: float) -> "Schedule":
        """Multiply every value.

        Args:
            factor: What each value is multiplied by.
        """
        return self * factor

    def shift(self, steps: int) -> "Schedule":
        """Move the schedule in time.

        Args:
            steps: How many steps later it runs; earlier if negative.
        """
        from steepest.schedules.operations import shifted

        return shifted(self, steps)

    def clip(self, low: float = -math.inf, high: float = math.inf) -> "Schedule":
        """Limit the values.

        Args:
            low: The smallest value.
            high: The largest value.

        Raises:
            ValueError: `low` is above `high`.
        """
        from steepest.schedules.operations import clipped

        return clipped(self, low, high)

    def warmup(self, steps: int, start: float = 0.0) -> "Schedule":
        """Put a straight line to the first value before this schedule.

        Args:
            steps: The steps of the line.
            start: Where the line begins, as a fraction of the first value.
        """
        from steepest.schedules.operations import warmup

        return warmup(steps, start).then(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_arguments(self))})"


def _arguments(schedule: Any) -> list[str]:
    """The arguments that make the same schedule; defaults are left out, and arguments after one are written by name."""
    written, by_name = [], False
    for field in (one for one in dataclasses.fields(schedule) if one.repr):
        value = getattr(schedule, field.name)
        if field.default is not dataclasses.MISSING and value == field.default:
            by_name = True
        else:
            written.append(f"{field.name}={value!r}" if by_name else repr(value))
    return written
