"""Drop-in for torch.optim: the same names, signatures, defaults, errors and checkpoints, on kernels of our own."""

from steepest.torch.base import RuleOptimizer
from steepest.torch.family import (
    ASGD,
    SGD,
    Adadelta,
    Adafactor,
    Adagrad,
    Adam,
    Adamax,
    AdamW,
    Lion,
    Muon,
    NAdam,
    RAdam,
    RMSprop,
    Rprop,
    SparseAdam,
)
from steepest.torch.functional import functional
from steepest.torch.make import optimizer

__all__ = [
    "ASGD", "SGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Lion", "Muon", "NAdam", "RAdam",
    "RMSprop", "Rprop", "RuleOptimizer", "SparseAdam", "functional", "optimizer",
]  # fmt: skip
