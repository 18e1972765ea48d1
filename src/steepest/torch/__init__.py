"""Drop-in for torch.optim: the same names, signatures, defaults, errors and checkpoints, on kernels of our own."""

from steepest.torch.base import RuleOptimizer
from steepest.torch.family import family
from steepest.torch.functional import functional
from steepest.torch.lbfgs import LBFGS
from steepest.torch.make import optimizer

_family = family()
globals().update(_family)

__all__ = ["LBFGS", *sorted(_family), "RuleOptimizer", "functional", "optimizer"]  # noqa: PLE0604 - found, not listed
