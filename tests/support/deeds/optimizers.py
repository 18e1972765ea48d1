"""Whole optimizers: checkpoints, copies, several for the same parameters."""

import contextlib
import copy

from torch import Tensor

from support.deeds.choosing import choose
from support.misuse import World
from support.refusal import in_memory


def load_a_checkpoint(w: World, p: Tensor, how: int) -> None:
    if _can_be_copied(w):
        with contextlib.suppress(ValueError, RuntimeError, KeyError, TypeError):  # of others, on meta, without a step
            saved = choose(w.optimizers, how // 2).state_dict()
            w.optimizer.load_state_dict(copy.deepcopy(saved) if how % 2 else saved)


def go_on_with_a_copy(w: World, p: Tensor, how: int) -> None:
    if _can_be_copied(w):
        with contextlib.suppress(RuntimeError):  # torch does not copy a DTensor made of a tensor with an offset
            w.parameters, w.optimizers = copy.deepcopy((w.parameters, w.optimizers))


def _can_be_copied(w: World) -> bool:
    """Torch's own clone() crashes where a storage was freed."""
    states = [t for o in w.optimizers for s in o.state.values() for t in s.values() if isinstance(t, Tensor)]
    return all(map(in_memory, [*w.parameters, *(p.grad for p in w.parameters if p.grad is not None), *states]))


def another_optimizer(w: World, p: Tensor, how: int) -> None:
    if len(w.optimizers) < 3:
        w.optimizers.append(w.configuration.ours(w.parameters))
    else:
        w.optimizers.insert(0, w.optimizers.pop())
