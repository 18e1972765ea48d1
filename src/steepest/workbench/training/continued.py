"""A run that was interrupted: its state, and whether it goes on as it would have gone on.

The numbers that would have come next are stored with the state.  A task that keeps something where no state can reach
it (a generator in a C extension, a counter, a file that is read on) gives others when the run is continued.
"""

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch

from steepest.workbench.model.outcome import DIFFERS, INTERRUPTED, Outcome

STEPS_AHEAD = 2
LOSSES, EVALUATED = "the loss of the next step", "what `evaluate` gave"
QUICK = 1.0
"""Seconds that an evaluation may take to be repeated when a run is interrupted: a scheduler kills after 30 or so."""
SAME, SAME_IN_HALF = 1e-5, 1e-2
"""Relative differences that come from another number of threads."""


def stored(state: dict[str, Any]) -> bytes:
    """The state as bytes."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    return buffer.getvalue()


def loaded(saved: bytes) -> dict[str, Any]:
    """The inverse of `stored`; it executes no code."""
    return torch.load(io.BytesIO(saved), weights_only=True)


def difference(before: Mapping[str, Sequence[float]], now: Mapping[str, Sequence[float]], exact: bool = True) -> str:
    """What is not as it would have been, as a sentence; empty where nothing is."""
    for name, values in before.items():
        for was, found in zip(values, now[name], strict=False):
            if not _same(was, found, SAME if exact else SAME_IN_HALF):
                return (
                    f"{DIFFERS}: {name} was {was:.6g} before and is {found:.6g}. The task draws from something "
                    "that is not saved; draw from a generator, or keep it in a buffer of the model"
                )
    return ""


def noted(outcome: Outcome, note: str) -> Outcome:
    """The outcome with the note in its reason; an interrupted run says it when it ends."""
    if not note or outcome.status == INTERRUPTED:
        return outcome
    return replace(outcome, reason=f"{outcome.reason}; {note}" if outcome.reason else note)


def _same(one: float, other: float, tolerance: float) -> bool:
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))
