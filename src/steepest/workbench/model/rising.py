"""A run whose rate rises from far too small to far too large: which rates it has, and what it measured."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = 200
"""Of a run: 25 a decade."""
DECADES_BELOW, DECADES_ABOVE = 5.0, 3.0
"""Of the candidate's usual rate: wide enough for a model whose best rate is 300 times from it."""
SEEDS = (0, 1, 2)


@dataclass(frozen=True)
class RisingCurve:
    """The loss of one run with a rising rate.

    Args:
        seed: Of the task.
        rates: One for each step that was taken.
        losses: The training loss after the step at that rate; the last may be infinite or NaN.
    """

    seed: int
    rates: list[float]
    losses: list[float]


def rising_rates(centre: float, steps: int = STEPS) -> list[float]:
    """The rates of a run, evenly spaced on a logarithmic scale."""
    import numpy as np

    exponents = np.linspace(-DECADES_BELOW, DECADES_ABOVE, steps)
    return [float(centre * 10**exponent) for exponent in exponents]
