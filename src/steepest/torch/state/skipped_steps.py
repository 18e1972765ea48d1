"""Steps that were not taken: GradScaler leaves out those along gradients that are infinite or no numbers.

It does so without a word to the optimizer, so what it leaves behind is looked for: gradients that are not finite, and
no step since they came.
"""

import contextlib
import weakref
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor
from torch.optim import Optimizer

from steepest.torch.internals import values_of, version_of
from steepest.torch.sharded import do_all, is_sharded, placement, shard

_TAKEN: "WeakKeyDictionary[Optimizer, int]" = WeakKeyDictionary()
"""Steps of torch's own optimizers since the first scheduler of ours watches them."""

_LEFT_OUT: "WeakSet[Optimizer]" = WeakSet()
"""Those of them that were told to leave their last step out."""


def has_infinite_gradients(optimizer: Optimizer) -> bool:
    """Whether any gradient is not finite; of DTensors, in any process."""
    gradients = [p.grad for group in optimizer.param_groups for p in group["params"] if p.grad is not None]
    by_mesh: dict[Any, list[Tensor]] = {}
    for g in filter(is_sharded, gradients):
        by_mesh.setdefault(placement(g)[0], []).append(shard(g))
    in_all = [do_all(all(map(_is_finite, shards)), mesh) for mesh, shards in by_mesh.items()]  # before one may return
    return not all(in_all) or not all(_is_finite(g) for g in gradients if not is_sharded(g))


def _is_finite(g: Tensor) -> bool:
    """Also where there are no values to look at, or none that torch can compare (float8)."""
    if g.is_meta:
        return True
    try:
        return bool((values_of(g) if g.layout is torch.sparse_coo else g).isfinite().all())
    except NotImplementedError:
        return True


def watch(optimizer: Optimizer) -> None:
    """Count the steps of an optimizer; ours do so themselves, and look at gradients that they clear."""
    if hasattr(optimizer, "_is_asked_for_skips"):
        setattr(optimizer, "_is_asked_for_skips", True)  # noqa: B010 - torch's have none
    if hasattr(optimizer, "_steps_taken") or optimizer in _TAKEN:
        return
    with contextlib.suppress(AttributeError):  # a wrapper that was not set up as an optimizer has no hooks
        optimizer.register_step_post_hook(_count)
        _TAKEN[optimizer] = 0


def is_watched(optimizer: Optimizer) -> bool:
    """Whether it says when it is stepped."""
    return hasattr(optimizer, "_steps_taken") or optimizer in _TAKEN


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


def was_left_out(optimizer: Optimizer) -> bool:
    """Whether the last step of one of ours was left out on the device that it was queued on; waits for it."""
    found_inf = getattr(optimizer, "_found_inf", None)
    return found_inf is not None and bool(found_inf)


def was_skipped(optimizer: Optimizer) -> bool:
    """Whether the last gradients were not stepped along because they were not finite."""
    left_out = optimizer in _LEFT_OUT or bool(getattr(optimizer, "last_step_skipped", False))
    return left_out or has_infinite_gradients(optimizer)


class Steps:
    """What a scheduler knows of its optimizer's steps."""

    def __init__(self, optimizer: Optimizer) -> None:
        watch(optimizer)
        self._seen = steps_taken(optimizer)
        self._gradient = _mark(optimizer)

    def was_skipped(self, optimizer: Optimizer) -> bool:
        """Whether the step since the last question was left out: there was none, and gradients came that explain it.

        Old gradients explain nothing: a scheduler may be stepped many times at once to reach an epoch.
        """
        if not is_watched(optimizer):
            return False
        before, self._seen = self._seen, steps_taken(optimizer)
        known, self._gradient = self._gradient, _mark(optimizer)
        is_new = known is None or known != self._gradient
        if self._seen == before + 1 and was_left_out(optimizer):
            return True
        return before == self._seen and is_new and was_skipped(optimizer)

    def __eq__(self, other: object) -> bool:
        """Those of a scheduler and of its copy are equal: what they know is no part of what a scheduler is."""
        return isinstance(other, Steps)

    __hash__ = object.__hash__

    def __getstate__(self) -> dict[str, Any]:
        return {"_seen": self._seen, "_gradient": None}


def _mark(optimizer: Optimizer) -> Any:
    """What changes when gradients are computed: the first of them, and how often it was written to."""
    parameters = (p for group in optimizer.param_groups for p in group["params"])
    first = next((p.grad for p in parameters if p.grad is not None), None)
    return None if first is None else (_Same(first), version_of(first))


class _Same(weakref.ref):
    """A reference that equals another one to the same living object; tensors compare their elements."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, weakref.ref) and self() is not None and self() is other()

    __hash__ = weakref.ref.__hash__
