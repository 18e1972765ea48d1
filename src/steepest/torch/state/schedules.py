"""Hyperparameters that are schedules.

A parameter group holds what is true now: `group["lr"]` is a number, that of the last step (of the first, before it).
The number knows its schedule, so it is still there where a program builds another optimizer from the groups.  The
schedules belong to the program and are not saved; the number of the next step is, where the state does not tell it.

What somebody else writes in its place takes effect: the step that comes is taken with that value, and the schedule goes
on in proportion to it.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from torch import Tensor

from steepest.schedules import Schedule
from steepest.schedules.libraries import Python

Group = dict[str, Any]

STEP, FACTORS = "schedule_step", "schedule_factors"
"""What a saved group has beside torch's: the next step, where the state of its parameters does not count steps, and how
far somebody has moved each value off its schedule.  The step stands in the group itself too: torch's flat checkpoints
have the keys that a group has."""

_OLD = "schedules"  # in groups of optimizers that were pickled before


class Clock:
    """Which step comes next in a group."""

    def __init__(self, step: int = 0) -> None:
        self.step = step


class Source:
    """Where a number comes from: value = factor * schedule(clock.step)."""

    def __init__(self, schedule: Schedule, clock: Clock | None = None, factor: float = 1.0) -> None:
        self.schedule, self.clock, self.factor = schedule, clock, factor

    def at(self, step: int) -> float:
        value = self.schedule._at(step, Python)  # as schedule(step), sooner
        return value if self.factor == 1.0 else self.factor * value


class Scheduled(float):
    """A number that a schedule says."""

    __slots__ = ("source",)
    source: Source

    def __reduce__(self) -> Any:
        return _scheduled, (float(self), self.source)


def _scheduled(value: float, source: Source) -> Scheduled:
    number = Scheduled(value)
    number.source = source
    return number


# --- arguments --------------------------------------------------------------------------------------------------------


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are schedules, or several numbers with a schedule among them."""
    found = {name: value for name, value in arguments.items() if name != _OLD and _has(value, Schedule)}
    return {name: value if isinstance(value, Schedule) else tuple(value) for name, value in found.items()}


def check(called: str, found: Mapping[str, Any], hyperparameters: Mapping[str, Any]) -> None:
    """Refuse a schedule of what is no number (TypeError)."""
    for name in found:
        default = hyperparameters.get(name, False)
        if isinstance(default, (bool, str)) or default is None:
            raise TypeError(
                f"{called}() was given a schedule for {name!r}, which is not a number but a choice that a whole run is "
                f"made with. Give {name}={default!r} or another choice; for two, make two optimizers."
            )


def with_numbers(arguments: Mapping[str, Any], step: int = 0) -> dict[str, Any]:
    """The arguments with plain numbers, those that schedules say at one step."""
    return {name: _each(value, lambda one: _number(one, step)) for name, value in arguments.items()}


def with_schedules(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the numbers of the first step, which know their schedules."""
    return {name: _each(value, _of_first_step) for name, value in arguments.items()}


def ends(found: Mapping[str, Any]) -> Iterable[int]:
    """The steps at which a value is looked at before a run begins: the first, and where a schedule ends."""
    schedules = [one for value in found.values() for one in _several(value) if isinstance(one, Schedule)]
    return sorted({0, *(schedule.length or 0 for schedule in schedules)})


def is_scheduled(group: Mapping[str, Any], name: str) -> bool:
    """Whether a hyperparameter of a group is a schedule's."""
    return _has(group.get(name), Scheduled)


def _number(value: Any, step: int) -> Any:
    if isinstance(value, Schedule):
        return value(step)
    return float(value) if isinstance(value, Scheduled) else value


def _of_first_step(value: Any) -> Any:
    return _scheduled(value(0), Source(value)) if isinstance(value, Schedule) else _number(value, 0)


def _each(value: Any, function: Callable[[Any], Any]) -> Any:
    """The function of a value, or of each of several; what has no schedule in it stays the object that it is."""
    if not _has(value, (Schedule, Scheduled)):
        return value
    return tuple(map(function, value)) if isinstance(value, (tuple, list)) else function(value)


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _has(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) or (isinstance(value, (tuple, list)) and any(isinstance(o, kind) for o in value))


# --- groups -----------------------------------------------------------------------------------------------------------


class _Slot:
    """One scheduled number of a group: `group[name]`, or the one at a place of `group[name]`."""

    def __init__(self, name: str, place: int | None, source: Source) -> None:
        self.name, self.place, self.source = name, place, source
        self.written: Any = None
        self.is_zero = False  # since somebody has written that

    def read(self, group: Group) -> Any:
        return group[self.name] if self.place is None else group[self.name][self.place]

    def write(self, group: Group, value: float) -> None:
        number = _scheduled(value, self.source)
        self.written = number
        if self.place is not None:
            values = group[self.name]
            group[self.name] = (*values[: self.place], number, *values[self.place + 1 :])
        elif type(group[self.name]) is not Scheduled and isinstance(group[self.name], Tensor):
            group[self.name].fill_(value)
            self.written = float(group[self.name])
        else:
            group[self.name] = number

    def says(self) -> str:
        return f"{self.name!r}" if self.place is None else f"{self.name!r}[{self.place}]"


class GroupSchedules:
    """The schedules of one parameter group."""

    def __init__(self, group: Group, sources: Mapping[tuple[str, int | None], Source], clock: Clock) -> None:
        self.group, self.clock = group, clock
        self._slots = [_Slot(*key, Source(s.schedule, clock, s.factor)) for key, s in sources.items()]

    @classmethod
    def of(cls, group: Group) -> "GroupSchedules":
        """Those that the numbers of a group know; groups that are made from one another count together."""
        step = group.pop(STEP, 0)
        found = {
            (name, place if isinstance(value, (tuple, list)) else None): one.source
            for name, value in group.items()
            for place, one in enumerate(_several(value))
            if isinstance(one, Scheduled)
        }
        clock = next((source.clock for source in found.values() if source.clock), None) or Clock(int(step))
        made = cls(group, found, clock)
        made.write()
        return made

    def __bool__(self) -> bool:
        return bool(self._slots)

    def for_group(self, group: Group) -> "GroupSchedules":
        """The same schedules for another dictionary, that of a checkpoint."""
        sources = {(slot.name, slot.place): Source(slot.source.schedule) for slot in self._slots}
        return GroupSchedules(group, sources, Clock())

    def sources(self) -> dict[tuple[str, int | None], Source]:
        return {(slot.name, slot.place): slot.source for slot in self._slots}

    def schedules(self) -> dict[str, Any]:
        """The schedules by the names of hyperparameters; several numbers as a tuple."""
        found = {slot.name: slot.source.schedule for slot in self._slots}
        several = {slot.name for slot in self._slots if slot.place is not None}
        return {name: self._tuple(name) if name in several else schedule for name, schedule in found.items()}

    def _tuple(self, name: str) -> tuple[Any, ...]:
        schedules = {slot.place: slot.source.schedule for slot in self._slots if slot.name == name}
        return tuple(schedules.get(place, value) for place, value in enumerate(self.group[name]))

    def write(self) -> None:
        """Write what the schedules say of the step that comes, whatever stands there."""
        for slot in self._slots:
            slot.write(self.group, slot.source.at(self.clock.step))

    def set_values(self, called: str) -> None:
        """What each schedule says of the step that comes, or what somebody has written in its place."""
        group, step = self.group, self.clock.step
        for slot in self._slots:
            now = slot.read(group)
            if now is slot.written or (isinstance(now, Tensor) and float(now) == slot.written):
                slot.is_zero = False
                slot.write(group, slot.source.at(step))
            else:
                self._follow(called, slot, float(now))

    def _follow(self, called: str, slot: _Slot, now: float) -> None:
        scheduled = slot.source.schedule(self.clock.step)
        if now and scheduled:
            slot.source.factor = now / scheduled
            slot.write(self.group, now)
        if now or slot.is_zero:  # checkpoints are read with one step at rate 0, of which nobody needs to hear
            warnings.warn(_taken_over(called, slot, now), stacklevel=6)
        slot.is_zero = not now

    def count(self) -> None:
        """That step was taken."""
        self.go_to(self.clock.step + 1)

    def go_to(self, step: int) -> None:
        """This step comes next."""
        self.clock.step = step
        if STEP in self.group:
            self.group[STEP] = self.clock.step

    def save(self, saved: Group, states: Iterable[Mapping[str, Any]]) -> None:
        """Add to a group of a checkpoint what the state of its parameters does not tell.

        The state may count more steps than were taken: torch reads distributed checkpoints into it, in place.
        """
        if self.clock.step > steps_of(states):
            saved[STEP] = self.clock.step
        factors = [slot.source.factor for slot in self._slots]
        if any(factor != 1.0 for factor in factors):
            saved[FACTORS] = factors

    def keep_step(self) -> None:
        """Keep the number of the next step in the group, since no state counts steps."""
        self.group[STEP] = self.clock.step

    def resume(self, saved: Mapping[str, Any], states: Iterable[Mapping[str, Any]]) -> None:
        """Go on where a checkpoint was written: at the saved step, or where the state of its parameters is."""
        self.clock.step = int(saved.get(STEP, steps_of(states)))
        factors = saved.get(FACTORS, [1.0] * len(self._slots))
        for slot, factor in zip(self._slots, factors, strict=False):
            slot.source.factor = float(factor)
        self.write()


def steps_of(states: Iterable[Mapping[str, Any]]) -> int:
    """How often the parameters were stepped, as far as their state counts it."""
    return max((int(state.get("step") or 0) for state in states), default=0)


def unsaved(group: Group) -> Group:
    """A group of a checkpoint with plain numbers."""
    return {name: _each(value, lambda one: _number(one, 0)) for name, value in group.items() if name != _OLD}


def without_steps(groups: Sequence[Group]) -> None:
    """Remove from groups what only a checkpoint holds."""
    for group in groups:
        for name in (STEP, FACTORS, _OLD):
            group.pop(name, None)


def _taken_over(called: str, slot: _Slot, now: float) -> str:
    schedule = slot.source.schedule
    effect = (
        "This step is taken with it, and the schedule goes on in proportion."
        if now
        else "Steps with it change nothing."
    )
    return (
        f"{slot.says()} of this {called} is a schedule, {schedule!r}, but somebody else wrote {now:g} into its "
        f"parameter group: a scheduler, a framework, or a hand. {effect} If you do not want that, give "
        f"{called} a number instead of the schedule, or take away what else sets {slot.name!r}."
    )
