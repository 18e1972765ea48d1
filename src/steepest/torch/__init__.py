"""Drop-in for torch.optim: the same names, signatures, defaults, errors and checkpoints, on kernels of our own."""

import steepest.torch_needed  # noqa: F401 # isort: skip - says what to type where torch is missing
from collections.abc import Callable
from typing import Any

from steepest.torch.functional import functional
from steepest.torch.optimizers import make
from steepest.torch.optimizers.base import RuleOptimizer
from steepest.torch.optimizers.family import family
from steepest.torch.optimizers.lbfgs import LBFGS
from steepest.torch.populations import population

_family = family()
_by_rule = {cls.rule.function: cls for cls in _family.values()}
globals().update(_family)

__all__ = ["LBFGS", *sorted(_family), "RuleOptimizer", "functional", "optimizer", "population"]  # noqa: PLE0604 - found, not listed


def optimizer(rule: Callable[..., Any]) -> type[Any]:
    """Make the torch optimizer class of a rule: a fused kernel on CPUs, the rule itself on tensors elsewhere.

    Args:
        rule: `f(p, g, *state, step, *, hyperparameters)`, your own or one of `steepest.rules`; see
            docs/writing-a-rule.md.

    Returns:
        A subclass of `torch.optim.Optimizer`, named after the rule, with its hyperparameters as arguments.

    Raises:
        RuleError: The function cannot be read as a rule.
    """
    return _by_rule.get(rule) or make.optimizer(rule)
