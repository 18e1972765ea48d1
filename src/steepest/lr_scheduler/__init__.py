"""torch.optim.lr_scheduler's classes as functions of the epoch: right in every composition, and after every resume.

Arguments, defaults and errors are torch's.  In the formulas, epoch is the number of calls of `step()`, and base is the
rate that a group had when its first scheduler was made.  `LRScheduler`, the base of your own classes, is torch's own.
"""

import steepest.torch_needed  # noqa: F401 # isort: skip - says what to type where torch is missing
from torch.optim.lr_scheduler import LRScheduler

from steepest.lr_scheduler.composed import ChainedScheduler, SequentialLR
from steepest.lr_scheduler.cycles import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
from steepest.lr_scheduler.plateau import ReduceLROnPlateau
from steepest.lr_scheduler.shapes import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)
from steepest.torch.internals import OldLRScheduler as _LRScheduler  # noqa: F401 - user code imports it from torch

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
