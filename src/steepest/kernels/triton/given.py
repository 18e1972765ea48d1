"""How a kernel of numbers is told the hyperparameters: each is a word, which is a number or where one lies.

A front end's values may be numbers, tensors of one element, and numbers that know their schedule (`.source`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from steepest.compiler.host import used
from steepest.compiler.program import Program

BY_ADDRESS = ("float32", "float64")
"""Dtypes of tensors that the kernel reads itself."""

_NUMBERS = (float, int, bool)

Kind = Any
"""What a word is: None for the number itself; one of BY_ADDRESS for an address; a schedule, then it is a factor."""


@dataclass(frozen=True)
class Given:
    """The words of one step.

    kinds: what each word is, in the order of `places`.  sources: what must live as long as the words are read.
    clock: how many steps its schedules have seen.  are_scheduled: whether some number knows its schedule.
    """

    words: tuple[float | int, ...]
    kinds: tuple[Kind, ...]
    sources: tuple[Any, ...] = ()
    clock: int = 0
    are_scheduled: bool = False

    def bytes(self, direction: float) -> bytes:
        """The words as they lie in memory, with the direction behind them."""
        found = np.array([*self.words, direction])
        for place, kind in enumerate(self.kinds):
            if kind in BY_ADDRESS:
                found.view(np.int64)[place] = self.words[place]
        return found.tobytes()


def several(program: Program, hyperparameters: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Name and value of each number that host lines use, one after the other."""
    for name, default in used(program).items():
        value = hyperparameters[name]
        yield from ((name, one) for one in (value if isinstance(default, tuple) else (value,)))


def given(
    program: Program, hyperparameters: Mapping[str, Any], memory: str, device: int, *, is_captured: bool
) -> Given:
    """The words of these hyperparameters.

    memory, device: tensors there are read where they lie; others now.
    is_captured: whether the words go into a graph, in which schedules go on by themselves.
    Raises TypeError for what is no number, and for what a graph could not follow.
    """
    words: list[float | int] = []
    kinds: list[Kind] = []
    sources: list[Any] = []
    clock, are_scheduled = 0, False
    for name, value in several(program, hyperparameters):
        if type(value) in _NUMBERS:
            words.append(float(value))
            kinds.append(None)
            continue
        known = getattr(value, "source", None)
        are_scheduled |= known is not None
        source = known if is_captured else None
        dtype = _read_there(value, memory, device)
        if dtype:
            words.append(value.data_ptr())
        elif source is not None:
            words.append(float(source.factor))
            clock = source.clock.step
        elif is_captured and hasattr(value, "data_ptr"):
            raise TypeError(_not_there(name, value, memory))
        else:
            words.append(float(value))
        kinds.append(dtype or (None if source is None else source.schedule))
        sources += [value] if dtype else []
    return Given(tuple(words), tuple(kinds), tuple(sources), clock, are_scheduled)


def _read_there(value: Any, memory: str, device: int) -> str:
    """The dtype of a tensor that a kernel on this device can read; "" for anything else."""
    place: Any = getattr(value, "device", None)
    if getattr(place, "type", None) != memory or (place.index or 0) != device:
        return ""
    dtype = str(value.dtype).rpartition(".")[2]
    return dtype if dtype in BY_ADDRESS and hasattr(value, "data_ptr") else ""


def _not_there(name: str, value: Any, memory: str) -> str:
    return (
        f"{name} is a tensor of {value.dtype} on {value.device}, which a graph could not read when it is replayed. "
        f"Make it a tensor of float32 on {memory}, where the parameters are, or a number."
    )
