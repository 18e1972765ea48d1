"""Steps that were not taken: GradScaler leaves out those along gradients that are infinite or no numbers.

It does so without a word to the optimizer, so what it leaves behind is looked for: gradients that are not finite, and
no step since they came.
"""

from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest.torch.internals import values_of

_TAKEN: "WeakKeyDictionary[Optimizer, int]" = WeakKeyDictionary()
"""Steps of torch's own optimizers since the first scheduler of ours watches them."""

_LEFT_OUT: "WeakSet[Optimizer]" = WeakSet()
"""Those of them that were told to leave their last step out."""


def has_infinite_gradients(optimizer: Optimizer) -> bool:
    """Whether any gradient is not finite."""
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    return not all(map(_is_finite, gradients))


def _is_finite(g: Tensor) -> bool:
    """Also where there are no values to look at, or none that torch can compare (float8)."""
    if g.is_meta:
        return True
    try:
        return bool((values_of(g) if g.layout is torch.sparse_coo else g).isfinite().all())
    except NotImplementedError:
        return True


def watch(optimizer: Optimizer) -> None:
    """Count the steps of an optimizer; ours do so themselves."""
    if not hasattr(optimizer, "_steps_taken") and optimizer not in _TAKEN:
        _TAKEN[optimizer] = 0
        optimizer.register_step_post_hook(_count)


def _count(optimizer: Optimizer, *_: object) -> None:
    """torch's fused optimizers are called for a skipped step too, and told to do nothing."""
    if bool(getattr(optimizer, "found_inf", None)):
        _LEFT_OUT.add(optimizer)
    else:
        _LEFT_OUT.discard(optimizer)
        _TAKEN[optimizer] += 1


def steps_taken(optimizer: Optimizer) -> int:
    """How many steps were taken since it is watched."""
    return getattr(optimizer, "_steps_taken", None) or _TAKEN.get(optimizer, 0)


def was_skipped(optimizer: Optimizer) -> bool:
    """Whether the last gradients were not stepped along because they were not finite."""
    left_out = optimizer in _LEFT_OUT or bool(getattr(optimizer, "last_step_skipped", False))
    return left_out or has_infinite_gradients(optimizer)


class Steps:
    """What a scheduler knows of its optimizer's steps."""

    def __init__(self, optimizer: Optimizer) -> None:
        watch(optimizer)
        self._seen = steps_taken(optimizer)

    def was_skipped(self, optimizer: Optimizer) -> bool:
        """Whether the step since the last question was left out."""
        before, self._seen = self._seen, steps_taken(optimizer)
        return before == self._seen and was_skipped(optimizer)
