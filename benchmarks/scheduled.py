"""What schedules cost: one that is asked, a step that asks one, a step of a scheduler."""

import statistics
from collections.abc import Iterator
from typing import Any

import torch
from torch.optim import lr_scheduler as torchs

import steepest
from benchmarks.timing import in_turn
from steepest import lr_scheduler, schedules

ROUNDS, REPEATS = 15, 2000
SCHEDULES = (
    "linear(0.1, 0.0, 10_000)",
    "cosine(0.1, 10_000)",
    "warmup(500) then cosine(0.1, 10_000)",
    "wsd(0.1, 10_000, 500, 2_000)",
    "warm_restarts(0.1, 100, 2)",
    "one_cycle(0.1, 10_000)",
    "cosine(0.1, 10_000) * step(1.0, 1_000)",
)


def asked() -> Iterator[dict[str, Any]]:
    """Nanoseconds for the value at one step, and what it adds to an optimizer's step."""
    for text in SCHEDULES:
        schedule = schedules.parse(text)
        plain, scheduled = _optimizer(0.1), _optimizer(schedule)
        times = in_turn(
            {"call": lambda s=schedule: s(700), "plain": plain.step, "scheduled": scheduled.step}, ROUNDS, REPEATS
        )
        more = [with_it - without for with_it, without in zip(times["scheduled"], times["plain"], strict=True)]
        yield {
            "schedule": text,
            "ns a call": 1e9 * statistics.median(times["call"]),
            "ns more a step": 1e9 * statistics.median(more),
        }


def stepped() -> Iterator[dict[str, Any]]:
    """Microseconds of `scheduler.step()`, ours and torch's."""
    made = {
        "StepLR": lambda s, o: s.StepLR(o, 1000),
        "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 10**6),
        "OneCycleLR": lambda s, o: s.OneCycleLR(o, 0.1, 10**6),
        "SequentialLR": lambda s, o: s.SequentialLR(o, [s.LinearLR(o), s.CosineAnnealingLR(o, 10**6)], [5]),
    }
    for name, make in made.items():
        ours, theirs = (make(library, _stepped_once(0.1)) for library in (lr_scheduler, torchs))
        times = in_turn({"ours": _step_of(ours), "theirs": _step_of(theirs)}, ROUNDS, 200)
        ratios = [mine / yours for mine, yours in zip(times["ours"], times["theirs"], strict=True)]
        us = {which: 1e6 * statistics.median(times[which]) for which in times}
        yield {"scheduler": name, "ours us": us["ours"], "torch us": us["theirs"], "/ torch": statistics.median(ratios)}


def _optimizer(lr: Any) -> Any:
    p = torch.nn.Parameter(torch.zeros(8))
    p.grad = torch.zeros(8)
    return steepest.SGD([p], lr=lr, momentum=0.9)


def _stepped_once(lr: float) -> Any:
    optimizer = _optimizer(lr)
    optimizer.step()
    return optimizer


def _step_of(scheduler: Any) -> Any:
    def step() -> None:
        scheduler.optimizer.step()
        scheduler.step()

    return step
