"""What cannot be a schedule is refused when it is made, with the value, the reason and what would work."""

import itertools
import math
from collections.abc import Sequence
from typing import Any


def number(what: str, value: Any) -> None:
    """Refuse what is no finite number (TypeError, ValueError)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{what} is {value!r}, not a number. Give one, such as 3e-4.")
    if not math.isfinite(value):
        raise ValueError(f"{what} is {value!r}; a schedule has a value at every step. Give a finite number.")


def steps(what: str, value: Any, least: int = 1) -> None:
    """Refuse what is no number of steps (TypeError, ValueError)."""
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, float) and value.is_integer())):
        raise TypeError(f"{what} is {value!r}, not a whole number of steps. Give one, such as 1000.")
    if value < least:
        raise ValueError(f"{what} is {value}, but it counts steps, {least} at least. Give a larger one.")


def one_of(what: str, value: Any, known: Sequence[str]) -> None:
    """Refuse a word that is not known (ValueError)."""
    if value not in known:
        raise ValueError(f"{what} is {value!r}. Choose {' or '.join(map(repr, known))}.")


def increasing(what: str, values: Sequence[Any], least: int = 0) -> None:
    """Refuse steps that are not one after the other (ValueError)."""
    for value in values:
        steps(f"Each of {what}", value, least)
    if any(later <= earlier for earlier, later in itertools.pairwise(values)):
        raise ValueError(f"{what} are {list(values)}, but each must be later than the one before. Sort them.")


def within(what: str, part: Any, whole: Any) -> None:
    """Refuse a part that is longer than the whole (ValueError)."""
    if part > whole:
        raise ValueError(f"{what} takes {part} of {whole} steps. Make it shorter, or the whole longer.")
