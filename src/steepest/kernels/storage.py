"""How an array of numbers lies in memory: in one part, or in several that belong together.

A backend reads and writes a storage by its own means (`cpu/precision.py`); here stands what all of them must agree on.
A number that is read is a float32, or a float64 where the storage is double; one that is written is rounded once.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Storage:
    """One way to keep an array.

    parts: the bytes of an element in each part of memory, by the part's name.  The first is the array itself, under "";
    a further one lies at an address of its own, with its elements in the same order.
    is_double: whether arithmetic on its numbers takes float64.
    """

    parts: Mapping[str, int]
    is_double: bool = False

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of an element in each part."""
        return tuple(self.parts.values())


STORAGES: dict[str, Storage] = {
    "float64": Storage({"": 8}, is_double=True),
    "float32": Storage({"": 4}),
    "bfloat16": Storage({"": 2}),
    "float16": Storage({"": 2}),
}
"""Every storage by its name; a new one is a line here, and one in the table of each backend that can walk it."""
