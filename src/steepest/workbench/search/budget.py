"""What the search of each optimizer may cost: a number of trials, a number of steps, or a time."""

from __future__ import annotations

import re
from dataclasses import dataclass

from steepest.workbench.errors import UsageError

SECONDS = {"h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0}
MAX_TRIALS = 10_000
"""Of one optimizer, however much time there is: a search that needs more has another fault."""


@dataclass(frozen=True)
class Budget:
    """The budget of the search of each optimizer.  The fresh seeds come on top, the same number for all.

    Args:
        kind: `trials`, `steps` or `time`.
        amount: The number of them; seconds of training for `time`.
    """

    kind: str
    amount: float

    def __str__(self) -> str:
        return f"{self.kind}={self.amount:g}" + ("s" if self.kind == "time" else "")

    def trials(self, steps: int, step_seconds: float) -> int:
        """How many runs of so many steps it pays for.  For `time` it is an estimate, which decides what is searched.

        Raises:
            UsageError: It does not pay for one run.
        """
        if self.kind == "trials":
            return int(self.amount)
        if self.kind == "time":
            return max(1, min(MAX_TRIALS, int(self.amount / (steps * step_seconds))))
        if self.amount < steps:
            raise UsageError(
                f"The budget {self} is less than one run of {steps} steps; give more, or shorter runs with --steps."
            )
        return int(self.amount // steps)

    def allows(self, trial: int, trials: int, spent: float) -> bool:
        """Whether another trial may begin, after `trial` trials that took `spent` seconds of training."""
        return (trial == 0 or spent < self.amount) and trial < MAX_TRIALS if self.kind == "time" else trial < trials


def parsed_budget(budget: str | int | Budget) -> Budget:
    """The budget that was typed: `trials=16`, `16`, `steps=1e6`, `time=2h`, `time=1h30min`.

    Raises:
        UsageError: It is none of these.
    """
    if isinstance(budget, Budget):
        return budget
    text = str(budget).strip()
    kind, _, amount = text.rpartition("=")
    try:
        return _budget(kind.strip() or "trials", amount.strip().lower())
    except ValueError:
        raise UsageError(
            f"The budget {text!r} cannot be used; write trials=N (settings to try for each optimizer), steps=N "
            "(training steps for each, such as steps=1e6) or time=T (such as time=2h, 30min, 90s), at least 1."
        ) from None


def _budget(kind: str, amount: str) -> Budget:
    if kind == "time":
        return Budget(kind, _positive(seconds_of(amount)))
    if kind not in ("trials", "steps"):
        raise ValueError
    found = _positive(float(amount))
    if found != int(found):
        raise ValueError
    return Budget(kind, found)


def seconds_of(text: str) -> float:
    """The seconds of a time that was typed: `1h30min`; ValueError where it is none."""
    parts = re.findall(r"([\d.]+)\s*(h|min|m|s)", text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        raise ValueError
    return sum(float(number) * SECONDS[unit] for number, unit in parts)


def _positive(amount: float) -> float:
    if not 0 < amount < float("inf"):
        raise ValueError
    return amount
