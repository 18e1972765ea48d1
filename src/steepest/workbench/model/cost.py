"""What a study will cost, as far as a few timed steps can say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What is left to do of a study, and about how long it takes.

    Args:
        runs: That are left, the range test among them.
        steps: Of a whole run.
        all_steps: That are left, of all runs together.
        seconds: About how long they take with these workers.
        workers: Processes that train at the same time.
        cheaper: A smaller budget of the search, as it is typed, and about how many seconds a new study with it takes;
            None where there is none.
        search: Seconds of a search whose runs cannot be counted before, and are not in `runs`.
        at_once: How many runs are trained at once at most; 0 where each is alone.
    """

    runs: int
    steps: int
    all_steps: int
    seconds: float
    workers: int
    cheaper: tuple[str, float] | None = None
    search: float = 0.0
    at_once: int = 0


@dataclass(frozen=True)
class Pace:
    """How fast a task trains, by a few timed steps.

    Args:
        step: Seconds a step.
        around: Seconds a run beside its steps: making the task, evaluating.
    """

    step: float
    around: float
