"""The shapes that go up and down."""

import math
from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Any

from steepest.schedules import checks
from steepest.schedules.libraries import Python
from steepest.schedules.schedule import Schedule

__all__ = ["cyclic", "one_cycle", "warm_restarts"]

_MODES = ("triangular", "triangular2", "exp_range")
_ANNEALING = ("cosine", "linear")


@dataclass(frozen=True, repr=False)
class warm_restarts(Schedule):  # noqa: N801
    """Half cosines from peak to end, one after the other, without an end.  SGDR: Loshchilov and Hutter, 2017.

    Args:
        peak: The value at the beginning of each cosine.
        steps: The length of the first cosine.
        factor: The length of each cosine over that of the one before; a whole number.
        end: The value that each cosine falls to.
    """

    peak: float
    steps: int
    factor: int = 1
    end: float = 0.0

    def __post_init__(self) -> None:
        checks.number("The peak", self.peak)
        checks.number("end", self.end)
        checks.steps("steps", self.steps)
        checks.steps("factor", self.factor)

    def _at(self, step: Any, lib: Any) -> Any:
        begin, steps = self._cycle(step, lib)
        return self.end + (self.peak - self.end) * (1 + lib.cos(math.pi * (step - begin) / steps)) / 2

    def _cycle(self, step: Any, lib: Any) -> tuple[Any, Any]:
        """Where the cycle of this step begins, and its steps."""
        if lib is Python:
            return self._cycle_of_one(step)
        if self.factor == 1:
            return lib.floor(step / self.steps) * self.steps, self.steps
        nearly = lib.floor(lib.log(1 + step * (self.factor - 1) / self.steps) / math.log(self.factor))
        one = lib.full(step, 1.0)
        late = nearly - lib.where(step < self._begin(nearly), one, 0.0)  # a logarithm may be off at a restart
        number = late + lib.where(step >= self._begin(late + 1), one, 0.0)
        return self._begin(number), self.steps * self.factor**number

    def _cycle_of_one(self, step: float) -> tuple[float, float]:
        if self.factor == 1:
            return step - step % self.steps, self.steps
        number = int(math.log(1 + step * (self.factor - 1) / self.steps) / math.log(self.factor))
        number -= step < self._begin(number)
        number += step >= self._begin(number + 1)
        return self._begin(number), self.steps * self.factor**number

    def _begin(self, number: Any) -> Any:
        return self.steps * (self.factor**number - 1) / (self.factor - 1)


@dataclass(frozen=True, repr=False)
class cyclic(Schedule):  # noqa: N801
    """Straight lines up and down between two values, without an end.  Smith, 2017.

    Args:
        low: The value at the beginning of each cycle.
        high: The largest value of the first cycle.
        up: The number of steps from low to high.
        down: The number of steps from high to low; as `up` if None.
        mode: "triangular"; "triangular2" halves the height at each cycle; "exp_range" multiplies the height by
            `factor` at each step.
        factor: For "exp_range".
    """

    low: float
    high: float
    up: int
    down: int | None = None
    mode: str = "triangular"
    factor: float = 1.0

    def __post_init__(self) -> None:
        checks.number("low", self.low)
        checks.number("high", self.high)
        checks.steps("up", self.up)
        if self.down is not None:
            checks.steps("down", self.down)
        checks.one_of("mode", self.mode, _MODES)
        checks.number("factor", self.factor)

    def _at(self, step: Any, lib: Any) -> Any:
        cycle, height = self.position(step, lib)
        return self.low + (self.high - self.low) * height * self._scale(cycle, step)

    def position(self, step: Any, lib: Any) -> tuple[Any, Any]:
        """The number of the cycle, from 1, and the height in it, from 0 to 1."""
        total = self.up + (self.up if self.down is None else self.down)
        cycle = lib.floor(1 + step / total)
        within, rising = 1.0 + step / total - cycle, self.up / total
        return cycle, lib.where(within <= rising, within / rising, (within - 1) / (rising - 1))

    def _scale(self, cycle: Any, step: Any) -> Any:
        if self.mode == "triangular":
            return 1.0
        return 0.5 ** (cycle - 1) if self.mode == "triangular2" else self.factor**step


@dataclass(frozen=True, repr=False)
class one_cycle(Schedule):  # noqa: N801
    """Up from `peak / div_factor` to the peak, then down, far below the start.  Smith and Topin, 2018.

    Args:
        peak: The largest value.
        steps: The length.
        up: The fraction of the steps that goes up: 0 to 1, with three phases 0 to 0.5.
        shape: Of each phase: "cosine" or "linear".
        div_factor: The peak over the first value.
        final_div_factor: The first value over the last one.
        three_phase: Go down to the first value in as many steps as up, and only then to the last value.
    """

    peak: float
    steps: int
    up: float = 0.3
    shape: str = "cosine"
    div_factor: float = 25.0
    final_div_factor: float = 1e4
    three_phase: bool = False
    _ends: list[float] = field(init=False, repr=False, compare=False)
    _ways: list[tuple[float, float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        checks.number("The peak", self.peak)
        checks.steps("steps", self.steps, least=2)
        checks.one_of("shape", self.shape, _ANNEALING)
        for name in ("up", "div_factor", "final_div_factor"):
            checks.number(name, getattr(self, name))
        if not 0 <= self.up <= (0.5 if self.three_phase else 1):
            raise ValueError(f"up is {self.up}, but it is a part of the steps. Give 0 to 1; to 0.5 with three_phase.")
        object.__setattr__(self, "_ends", self._find_ends())
        object.__setattr__(self, "_ways", self._find_ways())

    @property
    def length(self) -> int:
        """One less than its steps: at the last step it has its last value."""
        return self.steps - 1

    def _at(self, step: Any, lib: Any) -> Any:
        return between(lib.at_most(step, self.steps - 1), self._ends, self._ways, self.shape, lib)

    def _find_ways(self) -> list[tuple[float, float]]:
        start = self.peak / self.div_factor
        end = start / self.final_div_factor
        return [(start, self.peak), *([(self.peak, start), (start, end)] if self.three_phase else [(self.peak, end)])]

    def _find_ends(self) -> list[float]:
        """The steps at which the phases end."""
        first = self.up * self.steps - 1
        return [first, 2 * self.up * self.steps - 2, self.steps - 1] if self.three_phase else [first, self.steps - 1]


def between(step: Any, ends: list[float], ways: list[tuple[float, float]], shape: str, lib: Any) -> Any:
    """The value at a step of several phases, each from one value to another, one after the other."""
    if lib is Python:
        place = min(bisect_left(ends, step), len(ways) - 1)
        return _way(step, place, ends, ways, shape, lib)
    value = _way(step, len(ways) - 1, ends, ways, shape, lib)
    for place in reversed(range(len(ways) - 1)):
        value = lib.where(step <= ends[place], _way(step, place, ends, ways, shape, lib), value)
    return value


def _way(step: Any, place: int, ends: list[float], ways: list[tuple[float, float]], shape: str, lib: Any) -> Any:
    begin, end = ends[place - 1] if place else 0.0, ends[place]
    return _along((step - begin) / ((end - begin) or 1.0), *ways[place], shape, lib)


def _along(done: Any, start: float, stop: float, shape: str, lib: Any) -> Any:
    if shape == "linear":
        return (stop - start) * done + start
    return stop + (start - stop) / 2.0 * (lib.cos(math.pi * done) + 1)
