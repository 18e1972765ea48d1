"""What a schedule is, and the schedules that are made of others.

They are in one file since each needs the other: `rate.then(following)` is a `sequence`, and that is a schedule.
"""

import dataclasses
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from steepest.schedules import checks
from steepest.schedules.libraries import Python, library_of, part_done

__all__ = ["Schedule", "linear", "product", "sequence", "warmup"]


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
        end = self.length if at is None else at
        if end is None:
            raise ValueError(f"{self!r} has no end, so nothing can follow. Say when: `.then(..., at=1000)`.")
        return sequence([self, following], [end])

    def __mul__(self, other: Any) -> "Schedule":
        if not isinstance(other, (Schedule, int, float)) or isinstance(other, bool):
            return NotImplemented
        return product(self, other)

    __rmul__ = __mul__

    def scale(self, factor: float) -> "Schedule":
        """Multiply every value by `factor`."""
        return self * factor

    def shift(self, steps: int) -> "Schedule":
        """Run everything `steps` steps later; earlier if negative."""
        return shifted(self, steps)

    def clip(self, low: float = -math.inf, high: float = math.inf) -> "Schedule":
        """Keep every value between `low` and `high`; raises ValueError if `low` is above `high`."""
        return clipped(self, low, high)

    def warmup(self, steps: int, start: float = 0.0) -> "Schedule":
        """Put a straight line to the first value before this schedule.

        Args:
            steps: The steps of the line.
            start: Where the line begins, as a fraction of the first value.
        """
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


def _check_schedule(what: str, value: Any) -> None:
    if not isinstance(value, Schedule):
        raise TypeError(f"{what} is {value!r}, not a schedule. Give one, such as cosine(3e-4, 1000).")


@dataclass(frozen=True, repr=False)
class sequence(Schedule):  # noqa: N801
    """One schedule after the other, each counting from its own 0.

    Args:
        schedules: The schedules in their order.
        milestones: The steps at which the second, third, ... begin.
    """

    schedules: Sequence[Schedule]
    milestones: Sequence[int]

    def __post_init__(self) -> None:
        schedules, milestones = list(self.schedules), list(self.milestones)
        if not schedules:
            raise ValueError("There are no schedules to follow one another. Give one at least.")
        for schedule in schedules:
            _check_schedule("A part of the sequence", schedule)
        if len(milestones) != len(schedules) - 1:
            raise ValueError(
                f"{len(schedules)} schedules have {len(schedules) - 1} places where one follows another, but there are "
                f"{len(milestones)} milestones: {milestones}. Give one for each."
            )
        checks.increasing("The milestones", milestones)
        object.__setattr__(self, "schedules", tuple(schedules))
        object.__setattr__(self, "milestones", tuple(milestones))

    @property
    def length(self) -> int | None:
        """The step at which the last schedule ends."""
        last = self.schedules[-1].length
        return None if last is None else last + (self.milestones[-1] if self.milestones else 0)

    def _at(self, step: Any, lib: Any) -> Any:
        if lib is Python:
            place = bisect_right(self.milestones, step)
            return self.schedules[place]._at(step - (self.milestones[place - 1] if place else 0), lib)
        value = self.schedules[0]._at(step, lib)
        for milestone, schedule in zip(self.milestones, self.schedules[1:], strict=True):
            value = lib.where(step < milestone, value, schedule._at(lib.at_least(step - milestone, 0), lib))
        return value

    def __repr__(self) -> str:
        text = _in_brackets(self.schedules[0])
        for place, milestone in enumerate(self.milestones):
            end = sequence(self.schedules[: place + 1], self.milestones[:place]).length
            at = "" if end == milestone else f", at={milestone}"
            text = f"{text}.then({self.schedules[place + 1]!r}{at})"
        return text


class product(Schedule):  # noqa: N801
    """The product of several schedules; their order does not matter.

    Args:
        *parts: Schedules and numbers, at least one schedule among them.
    """

    def __init__(self, *parts: Any) -> None:
        schedules: list[Schedule] = []
        factor = 1.0
        for part in parts:
            if isinstance(part, product):
                schedules, factor = schedules + part.schedules, factor * part.factor
            elif isinstance(part, Schedule):
                schedules.append(part)
            else:
                checks.number("A factor", part)
                factor *= part
        if not schedules:
            raise ValueError(f"The product of {list(parts)} has no schedule in it. Give one at least.")
        self.schedules, self.factor = sorted(schedules, key=repr), factor

    @property
    def length(self) -> int | None:
        """The length of the longest part; None if one never ends."""
        lengths = [schedule.length for schedule in self.schedules]
        return max((length for length in lengths if length), default=0) if None not in lengths else None

    def _at(self, step: Any, lib: Any) -> Any:
        value = self.factor
        for schedule in self.schedules:
            value = value * schedule._at(step, lib)
        return value

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, product) and (self.factor, self.schedules) == (other.factor, other.schedules)
        return same if isinstance(other, Schedule) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.factor, *self.schedules))

    def __repr__(self) -> str:
        factors = [] if self.factor == 1 and len(self.schedules) > 1 else [repr(self.factor)]
        return " * ".join([*factors, *map(repr, self.schedules)])


@dataclass(frozen=True, repr=False)
class shifted(Schedule):  # noqa: N801
    """A schedule that runs some steps later; earlier if negative."""

    schedule: Schedule
    steps: int

    def __post_init__(self) -> None:
        _check_schedule("What is shifted", self.schedule)
        checks.steps("The shift", self.steps, least=-(10**18))

    @property
    def length(self) -> int | None:
        """The length of the schedule plus the shift."""
        return None if self.schedule.length is None else max(self.schedule.length + self.steps, 0)

    def _at(self, step: Any, lib: Any) -> Any:
        return self.schedule._at(lib.at_least(step - self.steps, 0), lib)

    def __repr__(self) -> str:
        return f"{_in_brackets(self.schedule)}.shift({self.steps})"


@dataclass(frozen=True, repr=False)
class clipped(Schedule):  # noqa: N801
    """A schedule that never leaves an interval."""

    schedule: Schedule
    low: float = -math.inf
    high: float = math.inf

    def __post_init__(self) -> None:
        _check_schedule("What is clipped", self.schedule)
        if not self.low <= self.high:
            raise ValueError(f"Nothing lies between low={self.low} and high={self.high}. Give low below high.")

    @property
    def length(self) -> int | None:
        """The length of the schedule."""
        return self.schedule.length

    def _at(self, step: Any, lib: Any) -> Any:
        return lib.at_most(lib.at_least(self.schedule._at(step, lib), self.low), self.high)

    def __repr__(self) -> str:
        given = [f"{n}={v!r}" for n, v in (("low", self.low), ("high", self.high)) if math.isfinite(v)]
        return f"{_in_brackets(self.schedule)}.clip({', '.join(given)})"


@dataclass(frozen=True, repr=False)
class linear(Schedule):  # noqa: N801
    """A straight line: `start + (end - start) t / steps`.

    Args:
        start: The value at step 0.
        end: The value from step `steps` on.
        steps: The length.
    """

    start: float
    end: float
    steps: int

    def __post_init__(self) -> None:
        checks.number("start", self.start)
        checks.number("end", self.end)
        checks.steps("steps", self.steps)

    @property
    def length(self) -> int:
        """The number of its steps."""
        return self.steps

    def _at(self, step: Any, lib: Any) -> Any:
        done = part_done(step, self.steps, lib)
        return self.start * (1 - done) + self.end * done


@dataclass(frozen=True)
class warmup:  # noqa: N801
    """A straight line to the schedule that follows: `warmup(100).then(cosine(3e-4, 1000))`.

    Args:
        steps: The length of the line.
        start: Where it begins, as a fraction of the first value of the schedule that follows.
    """

    steps: int
    start: float = 0.0

    def __post_init__(self) -> None:
        checks.steps("The warmup", self.steps)
        checks.number("start", self.start)

    def then(self, following: Schedule) -> Schedule:
        """Make the schedule: the line to `following`, and then that, which counts from its own 0."""
        _check_schedule("What follows the warmup", following)
        first = following(0)
        return linear(self.start * first, first, self.steps).then(following)

    def __call__(self, step: Any) -> Any:
        """Raise TypeError: a warmup has no values before it is told what follows."""
        raise TypeError(f"{self!r} does not know where it leads. Say it: `warmup({self.steps}).then(constant(1e-3))`.")


def _in_brackets(schedule: Schedule) -> str:
    return f"({schedule!r})" if isinstance(schedule, product) else repr(schedule)
