"""The plain shapes: from one value to another, or falling without an end."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from steepest.schedules import checks
from steepest.schedules.libraries import Python, count_reached, part_done
from steepest.schedules.schedule import Schedule

__all__ = ["constant", "cosine", "exponential", "inverse_sqrt", "multi_step", "polynomial", "step", "wsd"]

_SHAPES = ("linear", "cosine", "sqrt")


@dataclass(frozen=True, repr=False)
class constant(Schedule):  # noqa: N801 - all of them are called like functions, and read so in a repr
    """The same value at every step.

    Args:
        value: The value.
        steps: The length, after which another schedule may follow; None for a schedule without an end.
    """

    value: float
    steps: int | None = None

    def __post_init__(self) -> None:
        checks.number("The value", self.value)
        if self.steps is not None:
            checks.steps("steps", self.steps)

    @property
    def length(self) -> int | None:
        """The number of its steps."""
        return self.steps

    def _at(self, step: Any, lib: Any) -> Any:
        return lib.full(step, self.value)


@dataclass(frozen=True, repr=False)
class polynomial(Schedule):  # noqa: N801
    """A power of the remaining time: `end + (start - end) (1 - t / steps)^power`.

    Args:
        start: The value at step 0.
        end: The value from step `steps` on.
        steps: The length.
        power: Above 0; 1 gives a straight line.
    """

    start: float
    end: float
    steps: int
    power: float = 1.0

    def __post_init__(self) -> None:
        checks.number("start", self.start)
        checks.number("end", self.end)
        checks.steps("steps", self.steps)
        checks.number("power", self.power)
        if self.power <= 0:
            raise ValueError(f"power is {self.power}, so it would not fall to its end. Give one above 0, such as 2.")

    @property
    def length(self) -> int:
        """The number of its steps."""
        return self.steps

    def _at(self, step: Any, lib: Any) -> Any:
        left = 1 - part_done(step, self.steps, lib)
        return self.end + (self.start - self.end) * left**self.power


@dataclass(frozen=True, repr=False)
class exponential(Schedule):  # noqa: N801
    """An exponential decay: `start * factor^(t / every)`.

    Args:
        start: The value at step 0.
        factor: What the value is multiplied by in `every` steps; 0 or more.
        every: A number of steps.
    """

    start: float
    factor: float
    every: int = 1

    def __post_init__(self) -> None:
        _check_decay(self.start, self.factor, self.every)

    def _at(self, step: Any, lib: Any) -> Any:
        return self.start * self.factor ** (step / self.every)


@dataclass(frozen=True, repr=False)
class step(Schedule):  # noqa: N801
    """A staircase: `start * factor^floor(t / every)`.

    Args:
        start: The value of the first `every` steps.
        every: The number of steps between two changes.
        factor: What the value is multiplied by at each change; 0 or more.
    """

    start: float
    every: int
    factor: float = 0.1

    def __post_init__(self) -> None:
        _check_decay(self.start, self.factor, self.every)

    def _at(self, step: Any, lib: Any) -> Any:
        return self.start * self.factor ** lib.floor(step / self.every)


@dataclass(frozen=True, repr=False)
class multi_step(Schedule):  # noqa: N801
    """A staircase with steps of any length: `start * factor^(number of milestones that are reached)`.

    Args:
        start: The value before the first milestone.
        milestones: The steps at which the value changes, in increasing order.
        factor: What the value is multiplied by at each of them; 0 or more.
    """

    start: float
    milestones: Sequence[int]
    factor: float = 0.1

    def __post_init__(self) -> None:
        object.__setattr__(self, "milestones", tuple(self.milestones))
        _check_decay(self.start, self.factor, 1)
        if not self.milestones:
            raise ValueError("There are no milestones, so it would never change. Give some, or `constant(...)`.")
        checks.increasing("The milestones", self.milestones)

    @property
    def length(self) -> int:
        """The last milestone."""
        return self.milestones[-1]

    def _at(self, step: Any, lib: Any) -> Any:
        reached = bisect_right(self.milestones, step) if lib is Python else count_reached(step, self.milestones, lib)
        return self.start * self.factor**reached


@dataclass(frozen=True, repr=False)
class cosine(Schedule):  # noqa: N801
    """Half a cosine from peak to end: `end + (peak - end) (1 + cos(pi t / steps)) / 2`.  Loshchilov and Hutter, 2017.

    With a warmup, t and the steps of the formula count from its end.

    Args:
        peak: The largest value.
        steps: The length, the warmup included.
        end: The value from step `steps` on.
        warmup_steps: The length of a straight line from 0 to the peak, at the beginning.
    """

    peak: float
    steps: int
    end: float = 0.0
    warmup_steps: int = 0

    def __post_init__(self) -> None:
        checks.number("The peak", self.peak)
        checks.number("end", self.end)
        checks.steps("steps", self.steps)
        checks.steps("warmup_steps", self.warmup_steps, least=0)
        checks.within("The warmup", self.warmup_steps + 1, self.steps)

    @property
    def length(self) -> int:
        """The number of its steps."""
        return self.steps

    def _at(self, step: Any, lib: Any) -> Any:
        warmup = self.warmup_steps
        if lib is Python and step < warmup:
            return self.peak * step / warmup
        done = part_done(step - warmup, self.steps - warmup, lib)
        falling = self.end + (self.peak - self.end) * (1 + lib.cos(math.pi * done)) / 2
        return lib.where(step < warmup, self.peak * step / warmup, falling) if warmup else falling


@dataclass(frozen=True, repr=False)
class inverse_sqrt(Schedule):  # noqa: N801
    """A straight line to the peak, then `peak * sqrt(warmup_steps / t)`.  Vaswani et al., 2017.

    Args:
        peak: The largest value.
        warmup_steps: The length of the line.
    """

    peak: float
    warmup_steps: int

    def __post_init__(self) -> None:
        checks.number("The peak", self.peak)
        checks.steps("warmup_steps", self.warmup_steps)

    def _at(self, step: Any, lib: Any) -> Any:
        falling = lib.sqrt(self.warmup_steps / lib.at_least(step, self.warmup_steps))
        return self.peak * lib.where(step < self.warmup_steps, step / self.warmup_steps, falling)


@dataclass(frozen=True, repr=False)
class wsd(Schedule):  # noqa: N801
    """Warmup, stable, decay: a line to the peak, the peak, and down to the end in the last steps.  Hu et al., 2024.

    Args:
        peak: The largest value.
        steps: The length, the warmup and the decay included.
        warmup_steps: The length of the line from 0 to the peak.
        decay_steps: The length of the decay.
        end: The value from step `steps` on.
        shape: Of the decay: "linear", "cosine", or "sqrt" for `1 - sqrt(t)` (Haegele et al., 2024).
    """

    peak: float
    steps: int
    warmup_steps: int
    decay_steps: int
    end: float = 0.0
    shape: str = "linear"

    def __post_init__(self) -> None:
        checks.number("The peak", self.peak)
        checks.number("end", self.end)
        checks.steps("steps", self.steps)
        checks.steps("warmup_steps", self.warmup_steps, least=0)
        checks.steps("decay_steps", self.decay_steps, least=0)
        checks.within("The warmup with the decay", self.warmup_steps + self.decay_steps, self.steps)
        checks.one_of("shape", self.shape, _SHAPES)

    @property
    def length(self) -> int:
        """The number of its steps."""
        return self.steps

    def _at(self, step: Any, lib: Any) -> Any:
        decay = self.steps - self.decay_steps
        if lib is Python and step <= decay:
            return self.peak * step / self.warmup_steps if step < self.warmup_steps else self.peak
        done = lib.at_most(lib.at_least(step - decay, 0) / max(self.decay_steps, 1), 1.0)
        falling = self.end + (self.peak - self.end) * self._left(done, lib)
        rising = lib.at_most(step / max(self.warmup_steps, 1), 1.0) if self.warmup_steps else 1.0
        return lib.where(step <= decay, self.peak * rising, falling)

    def _left(self, done: Any, lib: Any) -> Any:
        if self.shape == "cosine":
            return (1 + lib.cos(math.pi * done)) / 2
        return 1 - (lib.sqrt(done) if self.shape == "sqrt" else done)


def _check_decay(start: Any, factor: Any, every: Any) -> None:
    checks.number("start", start)
    checks.number("factor", factor)
    checks.steps("every", every)
    if factor < 0:
        raise ValueError(f"factor is {factor}, so the sign would change each time. Give one from 0 on, such as 0.1.")
