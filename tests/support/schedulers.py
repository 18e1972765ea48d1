"""Every scheduler on a small optimizer, torch's and ours, and programs whose rates must be the same with both."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch.optim import lr_scheduler as theirs

import steepest
from steepest import lr_scheduler as ours

P = torch.nn.Parameter
Make = Callable[[Any, Any], Any]
LIBRARIES = ((torch.optim, theirs), (steepest, ours))

MAKERS: dict[str, Make] = {
    "LambdaLR": lambda s, o: s.LambdaLR(o, lambda epoch: max(0.0, 1 - epoch / 9)),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda epoch: 0.9),
    "StepLR": lambda s, o: s.StepLR(o, 3, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [2, 5], 0.3),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.25, 4),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.125, total_iters=6),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 20, 2.0),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 7, eta_min=0.01),
    "WarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, 0.001),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.01, 1.0, step_size_up=3, cycle_momentum=False),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, 1.0, total_steps=40, cycle_momentum=False),
    "SequentialLR": lambda s, o: s.SequentialLR(o, [s.LinearLR(o, 0.1, total_iters=3), s.ExponentialLR(o, 0.8)], [3]),
    "ChainedScheduler": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.5, 3), s.ExponentialLR(o, 0.9)]),
}


def optimizer(library: Any, groups: int = 1, **options: Any) -> Any:
    parameters = [P(torch.zeros(2)) for _ in range(groups)]
    for p in parameters:
        p.grad = torch.ones(2)
    return library.SGD([{"params": [p]} for p in parameters], **{"lr": 0.1, "momentum": 0.9, **options})


def rates(scheduler: Any, steps: int, sgd: Any = None) -> list[float]:
    sgd = scheduler.optimizer if sgd is None else sgd
    found = []
    for _ in range(steps):
        found += [float(group["lr"]) for group in sgd.param_groups]
        sgd.step()
        scheduler.step()
    return found


def assert_same_as_torchs(program: Callable[[Any, Any], list[float]]) -> None:
    theirs_found, ours_found = (program(library, schedulers) for library, schedulers in LIBRARIES)
    assert ours_found == pytest.approx(theirs_found, rel=1e-9, abs=1e-15)
