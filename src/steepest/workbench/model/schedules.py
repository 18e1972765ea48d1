"""Each candidate with each schedule of the rate.  A schedule ends where the run ends."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from steepest.workbench.errors import UsageError, nearest
from steepest.workbench.model.candidate import Candidate

CONSTANT = "constant"
_SHAPES: dict[str, Callable[[int], str]] = {
    "linear": lambda steps: f"linear(RATE, 0.0, {steps})",
    "cosine": lambda steps: f"cosine(RATE, {steps})",
    "warmup-cosine": lambda steps: f"cosine(RATE, {steps}, warmup_steps={max(1, steps // 20)})",
    "wsd": lambda steps: f"wsd(RATE, {steps}, {steps // 20}, {steps // 5})",
    "one-cycle": lambda steps: f"one_cycle(RATE, {steps})",
    "inverse-sqrt": lambda steps: f"inverse_sqrt(RATE, {max(1, steps // 20)})",
}
"""Schedules that end at the last step of a run: a schedule that is cut off is another schedule."""
SCHEDULES = (CONSTANT, *_SHAPES)
"""The names of the schedules."""


def with_schedules(candidates: Iterable[Candidate], schedules: str | Iterable[str], steps: int) -> list[Candidate]:
    """Each candidate with each schedule, named after both where the rate is not constant.

    Raises:
        UsageError: There is no such schedule, it is named twice, or it does not fit into the steps.
    """
    names = [name.strip() for name in (schedules.split(",") if isinstance(schedules, str) else schedules)]
    for name in names:
        if name not in SCHEDULES:
            raise UsageError(
                f"There is no schedule called {name!r}{nearest(name, SCHEDULES)}; choose from {', '.join(SCHEDULES)}."
            )
    if not names or len(set(names)) < len(names):
        raise UsageError(
            f"The schedules {', '.join(names) or 'are none'}: name each once, from {', '.join(SCHEDULES)}."
        )
    return [_with_schedule(candidate, name, steps) for candidate in candidates for name in names]


def _with_schedule(candidate: Candidate, name: str, steps: int) -> Candidate:
    if name == CONSTANT:
        return candidate
    made = replace(candidate, name=f"{candidate.name}-{name}", schedule=_SHAPES[name](steps))
    try:
        made.curve(1.0)
    except ValueError as error:
        raise UsageError(f"The schedule {name!r} does not fit into {steps} steps: {error} Give more steps.") from None
    return made


def falls_to_the_end(schedule: str, steps: int) -> bool:
    """Whether the rate of a schedule, with RATE in the place of the rate, more than halves in the second half of a run.

    >>> falls_to_the_end("cosine(RATE, 100)", 100), falls_to_the_end("inverse_sqrt(RATE, 5)", 100)
    (True, False)
    """
    from steepest import schedules

    if not schedule:
        return False
    rate = schedules.parse(schedule.replace("RATE", "1.0"))
    return rate(steps - 1) < rate(steps // 2) / 2
