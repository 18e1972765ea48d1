"""Schedules: plain functions of the number of the step, for any hyperparameter.

    AdamW(params, lr=cosine(3e-4, 10_000).warmup(500), weight_decay=linear(0.1, 0.0, 10_000))

In the formulas t is the number of the step, from 0.  Arguments that cannot work raise TypeError (of the wrong type) or
ValueError (out of range) when the schedule is made.
"""

from steepest.schedules.cycles import cyclic, one_cycle, warm_restarts
from steepest.schedules.expression import parse
from steepest.schedules.schedule import Schedule, linear, product, sequence, warmup
from steepest.schedules.shapes import (
    constant,
    cosine,
    exponential,
    inverse_sqrt,
    multi_step,
    polynomial,
    step,
    wsd,
)

__all__ = [
    "Schedule", "constant", "cosine", "cyclic", "exponential", "inverse_sqrt", "linear", "multi_step", "one_cycle",
    "parse", "polynomial", "product", "sequence", "step", "warm_restarts", "warmup", "wsd",
]  # fmt: skip
