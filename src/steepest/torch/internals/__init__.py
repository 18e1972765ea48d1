"""Every private name of torch that this library uses, each with a way to do without it.

A private name may be renamed or removed by the next release of torch.  Then a function of `fallbacks` takes its place:
slower, with the same results.  Names are looked up once, at import, since a step of a small model has no
time for it.  `tests/torch/test_internals.py` takes away each name in turn.
"""

from steepest.torch.fallbacks import hooks_behind
from steepest.torch.internals.compiling import COMPILED, never_traced
from steepest.torch.internals.optimizers import QuickOptimizer, hooked
from steepest.torch.internals.recording import are_operations_replaced, function_modes, modes
from steepest.torch.internals.schedulers import (
    SCHEDULER_FLAGS,
    OldLRScheduler,
    Scheduler,
    has_cosines,
    is_beginning,
    milestones_of,
    move_to,
    phases_of,
    schedulers_in,
)
from steepest.torch.internals.sharded import order_of_shards, placement_getter, shard_getter, sharded_type
from steepest.torch.internals.tensors import (
    divide_each,
    gradient_of,
    increment_version,
    indices_of,
    is_itself,
    is_zero_tensor,
    keys_of,
    raw_stream,
    storage_of,
    tensor_of,
    values_of,
    version_of,
)
from steepest.torch.internals.trees import map_tree

__all__ = [
    "COMPILED",
    "SCHEDULER_FLAGS",
    "OldLRScheduler",
    "QuickOptimizer",
    "Scheduler",
    "are_operations_replaced",
    "divide_each",
    "function_modes",
    "gradient_of",
    "has_cosines",
    "hooked",
    "hooks_behind",
    "increment_version",
    "indices_of",
    "is_beginning",
    "is_itself",
    "is_zero_tensor",
    "keys_of",
    "map_tree",
    "milestones_of",
    "modes",
    "move_to",
    "never_traced",
    "order_of_shards",
    "phases_of",
    "placement_getter",
    "raw_stream",
    "schedulers_in",
    "shard_getter",
    "sharded_type",
    "storage_of",
    "tensor_of",
    "values_of",
    "version_of",
]
