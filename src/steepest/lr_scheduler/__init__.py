"""torch.optim.lr_scheduler's classes as functions of the epoch: right in every composition, and after every resume.

`LRScheduler`, to derive one's own from, and `ReduceLROnPlateau`, which answers to a metric and so has a state, are
torch's.
"""

from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau

from steepest.lr_scheduler.composed import ChainedScheduler, SequentialLR
from steepest.lr_scheduler.cycles import CosineAnnealingWarmRestarts, CyclicLR, OneCycleLR
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

__all__ = [
    "ChainedScheduler", "ConstantLR", "CosineAnnealingLR", "CosineAnnealingWarmRestarts", "CyclicLR", "ExponentialLR",
    "LRScheduler", "LambdaLR", "LinearLR", "MultiStepLR", "MultiplicativeLR", "OneCycleLR", "PolynomialLR",
    "ReduceLROnPlateau", "SequentialLR", "StepLR",
]  # fmt: skip
