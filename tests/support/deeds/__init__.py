"""What people do to parameters, gradients, state and groups between two steps, mistakes and malice included.

Each deed takes a world, one of its parameters and a number that chooses among its ways.  A new one is a public function
of three arguments in one of these files.
"""

import inspect

from support.deeds import (
    clearing,
    gradients,
    groups,
    memory,
    optimizers,
    replacing,
    sharding,
    sharing,
    state,
    types,
    wrapping,
)
from support.deeds.choosing import Deed

_FILES = (
    memory, types, state, gradients, groups, optimizers, replacing, wrapping, sharing, sharding, clearing,
)  # fmt: skip

NAMED: dict[str, Deed] = {
    name: deed
    for file in _FILES
    for name, deed in vars(file).items()
    if inspect.isfunction(deed)
    and deed.__module__ == file.__name__
    and [*inspect.signature(deed).parameters] == ["w", "p", "how"]
}
"""All of them, by name."""

DEEDS: list[Deed] = [*NAMED.values()]
