"""Whether an optimizer's state holds the very tensors, under the very names, that it held before."""

from collections.abc import Mapping
from itertools import chain
from operator import is_
from typing import Any


class States:
    """All state at one moment."""

    def __init__(self, state: Mapping[Any, Any]) -> None:
        self._values = list(_values(state)) if _are_dictionaries(state) else [object()]  # which nobody else has
        self._names = _names(state) if _are_dictionaries(state) else []

    def are(self, state: Mapping[Any, Any]) -> bool:
        """Whether nothing was added, removed, replaced or renamed since then: 0.2 us a parameter.

        Names are compared by value, as lists are; tensors are not, since their `==` is one of elements.
        """
        try:
            return _names(state) == self._names and all(map(is_, _values(state), self._values))
        except TypeError:
            return False

    def ids(self) -> set[int]:
        """Which objects they are."""
        return set(map(id, self._values))


def _are_dictionaries(state: Mapping[Any, Any]) -> bool:
    """What is kept in `optimizer.state` for something else than a parameter may be anything."""
    return all(isinstance(one, dict) for one in state.values())


def _names(state: Mapping[Any, Any]) -> list[Any]:
    return [len(state), *map(len, state.values()), *chain.from_iterable(state.values())]


def _values(state: Mapping[Any, Any]) -> Any:
    return chain(state, chain.from_iterable(map(dict.values, state.values())))
