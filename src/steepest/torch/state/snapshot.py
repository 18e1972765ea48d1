"""Where the tensors of an optimizer's state stand in it: which come after which, under which names.

A step looks its tensors up by their places, since a lookup by parameter and name costs a microsecond each.  Nothing is
kept alive by it: what a program throws away is gone.
"""

from collections.abc import Mapping
from itertools import chain
from typing import Any


class Snapshot:
    """The parameters that have state at one moment, and the names of their states, in order."""

    def __init__(self, state: Mapping[Any, Any]) -> None:
        self._has_more = not all(isinstance(one, dict) for one in state.values())
        found = _of_parameters(state)
        self._owners, self._names = list(map(id, found)), list(map(tuple, found.values()))
        self._counts, self._all_names = list(map(len, self._names)), list(chain.from_iterable(self._names))

    def values(self, state: Mapping[Any, Any]) -> list[Any] | None:
        """Every value of the state as it is now, in order; None if owners or names are others: 0.2 us a parameter.

        That an owner lives as long as it is in the state makes its identity one.  Which tensors the values are is not
        looked at.
        """
        if self._has_more:
            state = _of_parameters(state)
        every = state.values()
        try:
            if list(map(id, state)) != self._owners or list(map(len, every)) != self._counts:
                return None
            if list(chain.from_iterable(every)) != self._all_names:
                return None
            return list(chain.from_iterable(map(dict.values, every)))
        except TypeError:  # something that is no dictionary has come
            return None

    def places(self) -> dict[int, dict[str, int]]:
        """The place of each state among all values, by its name, by the identity of its owner."""
        found: dict[int, dict[str, int]] = {}
        begin = 0
        for owner, names in zip(self._owners, self._names, strict=True):
            found[owner] = {name: begin + place for place, name in enumerate(names)}
            begin += len(names)
        return found

    def begins(self, later: "Snapshot") -> bool:
        """Whether all that is here is at the same places in another one."""
        count = len(self._owners)
        same_owners = later._owners[:count] == self._owners
        return same_owners and later._names[:count] == self._names and later._has_more == self._has_more


def _of_parameters(state: Mapping[Any, Any]) -> dict[Any, dict[str, Any]]:
    """Without what a program keeps in `optimizer.state` under a key that is no parameter, unless it is a dictionary."""
    return {key: one for key, one in state.items() if isinstance(one, dict)}
