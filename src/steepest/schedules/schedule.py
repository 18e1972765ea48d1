"""What a schedule is: a function of the number of the step, from 0, and what can be made of one."""

import dataclasses
import math
from typing import Any

from steepest.schedules.numbers import Python, library_of


class Schedule:
    """A plain value that says what a hyperparameter is at each step: `schedule(step)`.

    It has no state, so it can be drawn, compared, pickled, nested, and resumed from a number.  Steps count from 0;
    before that it is what it is at 0.  One that is over after some steps says so (`length`), and stays as it is then.

    >>> from steepest import schedules
    >>> rate = schedules.cosine(3e-4, steps=1000).warmup(100)
    >>> rate
    linear(0.0, 0.0003, 100).then(cosine(0.0003, 1000))
    >>> [round(rate(step), 6) for step in (50, 100, 600, 1100)]
    [0.00015, 0.0003, 0.00015, 0.0]
    """

    @property
    def length(self) -> int | None:
        """Steps after which it stays as it is; None if it never does."""
        return None

    def __call__(self, step: Any) -> Any:
        """The value at a step: a number, or an array of steps of NumPy, torch or JAX."""
        if type(step) is int:
            return self._at(step if step > 0 else 0, Python)
        library, steps = library_of(step)
        return self._at(library.at_least(steps, 0), library)

    def _at(self, step: Any, lib: Any) -> Any:
        raise NotImplementedError

    def then(self, following: "Schedule", at: int | None = None) -> "Schedule":
        """This one up to a step, from there on the following, which counts from its own 0.

        at: that step; where this one ends, unless it is given.
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
        """Everywhere so many times as much."""
        return self * factor

    def shift(self, steps: int) -> "Schedule":
        """The same so many steps later, earlier if negative."""
        from steepest.schedules.operations import shifted

        return shifted(self, steps)

    def clip(self, low: float = -math.inf, high: float = math.inf) -> "Schedule":
        """Never below low, never above high."""
        from steepest.schedules.operations import clipped

        return clipped(self, low, high)

    def warmup(self, steps: int, start: float = 0.0) -> "Schedule":
        """A straight line to its first value, then itself.

        start: where the line begins, as a part of that value.
        """
        from steepest.schedules.operations import warmup

        return warmup(steps, start).then(self)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(_arguments(self))})"


def _arguments(schedule: Any) -> list[str]:
    """What one would write to make it again: defaults are left out, and what stands behind one has its name."""
    written, by_name = [], False
    for field in (one for one in dataclasses.fields(schedule) if one.repr):
        value = getattr(schedule, field.name)
        if field.default is not dataclasses.MISSING and value == field.default:
            by_name = True
        else:
            written.append(f"{field.name}={value!r}" if by_name else repr(value))
    return written
