"""Hyperparameters that are schedules.

A parameter group holds what is true now: `group["lr"]` is a number, that of the last step (of the first, before it).
Beside it stand the schedules themselves, which belong to the program and are not saved, and the number of the next
step, which is: a resumed run needs nothing else to go on where it was.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from steepest.schedules import Schedule
from steepest.schedules.libraries import Python

Group = dict[str, Any]

SCHEDULES, STEP = "schedules", "schedule_step"


def is_scheduled(group: Mapping[str, Any], name: str) -> bool:
    """Whether a hyperparameter of a group is a schedule."""
    return name in group.get(SCHEDULES, {})


def given(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Those that are schedules, or several numbers with a schedule among them."""
    found = {name: value for name, value in arguments.items() if name != SCHEDULES and _has_schedule(value)}
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
    """The arguments, schedules at one step."""
    return {name: _at(value, step) if _has_schedule(value) else value for name, value in arguments.items()}


def beside(found: Mapping[str, Any]) -> dict[str, Any]:
    """What a group has beside its numbers: the schedules, and the number of the next step."""
    return {SCHEDULES: dict(found), STEP: 0} if found else {}


def unsaved(state_dict: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint without the schedules, which belong to the program."""
    for group in state_dict["param_groups"]:
        group.pop(SCHEDULES, None)
    return state_dict


def ends(found: Mapping[str, Any]) -> Iterable[int]:
    """The steps at which a value is looked at before a run begins: the first, and where a schedule ends."""
    schedules = [one for value in found.values() for one in _several(value) if isinstance(one, Schedule)]
    return sorted({0, *(schedule.length or 0 for schedule in schedules)})


def set_values(groups: Iterable[Group]) -> None:
    """What each schedule says of the step that comes."""
    for group in groups:
        if SCHEDULES not in group:
            continue
        step = group[STEP]
        for name, value in group[SCHEDULES].items():
            now = _at(value, step) if type(value) is tuple else value._at(step, Python)  # as value(step), sooner
            if type(group[name]) is not float and isinstance(group[name], Tensor):
                group[name].fill_(now)
            else:
                group[name] = now


def count(groups: Iterable[Group]) -> None:
    """That step was taken."""
    for group in groups:
        if SCHEDULES in group:
            group[STEP] += 1


def resumed(group: Group, saved_states: Iterable[Mapping[str, Any]]) -> None:
    """Find the next step of a group from a checkpoint: the saved number, or how often its parameters were stepped."""
    if SCHEDULES not in group:
        group.pop(STEP, None)
    elif STEP not in group:
        group[STEP] = max((int(state.get("step") or 0) for state in saved_states), default=0)


def _several(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _has_schedule(value: Any) -> bool:
    return any(isinstance(one, Schedule) for one in _several(value))


def _at(value: Any, step: int) -> Any:
    if isinstance(value, Schedule):
        return value(step)
    return tuple(one(step) if isinstance(one, Schedule) else one for one in value)
