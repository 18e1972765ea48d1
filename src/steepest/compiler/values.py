"""How the value of a hyperparameter is read: as a number, an answer or several numbers.

A library of arrays registers how its own are read; torch's may have lost their memory.
"""

import functools
from collections.abc import Callable
from typing import Any


@functools.singledispatch
def number(value: Any) -> float:
    """A value as a number."""
    return float(value)


@functools.singledispatch
def truth(value: Any) -> bool:
    """A value as an answer."""
    return bool(value)


def several(values: Any) -> tuple[float, ...]:
    """The values of a hyperparameter of several numbers."""
    return tuple(values) if {*map(type, values)} == _ALL_FLOAT else tuple(map(number, values))


_ALL_FLOAT = {float}
_CONVERSION: dict[type, Callable[[Any], Any]] = {float: number, int: number, bool: truth, tuple: several}

CONVERTED: dict[Callable[[Any], Any], type] = {number: float, truth: bool}
"""The type of what is read; a value of it need not be."""


def conversion(default: Any) -> Callable[[Any], Any]:
    """How a hyperparameter with this default is read."""
    return _CONVERSION[type(default)]
