"""Detect whether an optimizer's state holds the same tensors, under the same names, as at an earlier moment."""

from collections.abc import Mapping
from itertools import chain
from operator import is_
from typing import Any


class Snapshot:
    """Which objects an optimizer's state holds at one moment."""

    def __init__(self, state: Mapping[Any, Any]) -> None:
        self._objects = list(_objects(state)) if _are_dictionaries(state) else [object()]  # equal to no other state
        self._names = _names(state) if _are_dictionaries(state) else []

    def is_still(self, state: Mapping[Any, Any]) -> bool:
        """Whether nothing was added, removed, replaced or renamed since then: 0.2 us a parameter.

        Names are compared by value, as lists are; tensors are not, since their `==` is one of elements.
        """
        try:
            return _names(state) == self._names and all(map(is_, _objects(state), self._objects))
        except TypeError:
            return False

    def ids(self) -> set[int]:
        """The identities of the objects."""
        return set(map(id, self._objects))


def _are_dictionaries(state: Mapping[Any, Any]) -> bool:
    """A user may keep anything in `optimizer.state` under a key that is no parameter."""
    return all(isinstance(one, dict) for one in state.values())


def _names(state: Mapping[Any, Any]) -> list[Any]:
    return [len(state), *map(len, state.values()), *chain.from_iterable(state.values())]


def _objects(state: Mapping[Any, Any]) -> Any:
    return chain(state, chain.from_iterable(map(dict.values, state.values())))
