"""What a backend is: which arrays it walks, and how a program becomes a step over rows of them.

Addresses in, nothing out: a backend knows no tensors.  Who calls it keeps the memory alive, and has made sure that it
holds what is said of it.
"""

import functools
import importlib
import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from steepest.compiler.program import Program
from steepest.kernels.storage import STORAGES
from steepest.kernels.undisturbed import undisturbed

TAKEN, OVERLAP, NO_MEMORY = 0, 2, 4
"""What became of a step.  OVERLAP: a gradient lies in memory that the step writes; NO_MEMORY: one has none.  In both
cases nothing was changed.
"""


class NoKernelError(RuntimeError):
    """A kernel for a device cannot be made: its compiler or its driver says why."""


@dataclass(frozen=True)
class Row:
    """One tensor of a step: how many elements, and where they and its step count lie in memory.

    parameter: address.  states: addresses of every part of every array of state, in the program's order.
    step: address of the step count, 0 for none; step_is_double: whether it is a float64, else a float32.
    uninitialized: the states that this step makes.
    scalar_states: for each state that is one number, its address and whether it is a float64.
    index: address of the numbers of the slices that a sparse gradient has, 0 for a dense one; elements counts them.
    slice: elements of each.  extent: elements of the parameter.
    numbers_on_host: whether step and scalar_states lie in memory of the processor, where the parameter does not.
    """

    elements: int
    parameter: int
    states: tuple[int, ...]
    step: int
    step_is_double: bool
    uninitialized: frozenset[str]
    scalar_states: tuple[tuple[int, bool], ...] = ()
    index: int = 0
    slice: int = 1
    extent: int = 0
    numbers_on_host: bool = False

    def of_slices(self, index: int, count: int, size: int) -> "Row":
        """The same parameter, stepped in these slices only."""
        return replace(self, index=index, elements=count, slice=size, extent=self.elements)


class PreparedStep(ABC):
    """A program over rows: everything about a step that is the same from step to step.

    written: [begin, end) of every range that it writes, by address, in order.
    scaling: where the device has found_inf and grad_scale of a GradScaler for the next step, 0 for none.  A step whose
    numbers are on the host is given none.
    """

    written: np.ndarray
    scaling: tuple[int, int] = (0, 0)

    @abstractmethod
    def write_beside(self, written: np.ndarray) -> None:
        """Refuse gradients that lie in any of these ranges, which other parts of the same step write.

        written: as `self.written`, those ranges among them.
        """

    @abstractmethod
    def refuses(self, gradients: Sequence[int]) -> bool:
        """Whether `run` would not take a step along the gradients at these addresses."""

    @abstractmethod
    def run(self, gradients: Sequence[int], hyperparameters: Mapping[str, Any], maximize: bool, threads: int) -> int:
        """Take one step: TAKEN, OVERLAP or NO_MEMORY.

        gradients: address of each row's gradient, laid out as its parameter.
        threads: how many of the processor's may work.
        """

    # Of steps that may go into a graph (`Backend.is_device`):

    def renew(self, hyperparameters: Mapping[str, Any], maximize: bool) -> bool:
        """Have graphs that hold this step read these from now on; whether they can."""
        return True

    def clock(self) -> int | None:
        """How many steps the schedules in graphs of this step have seen; None where there are none.  Waits for it."""
        return None

    def set_clock(self, clock: int) -> None:
        """Have the schedules in graphs of this step go on from here."""
        raise NotImplementedError


class Backend(ABC):
    """One kind of memory and what steps over it.

    storages: the ways of keeping an array that it reads and writes.
    most_rows: how many rows one prepared step may have.
    is_device: whether its steps are queued on a device, take the `scaling` of a GradScaler, and may go into a graph.
    """

    storages: Collection[str]
    most_rows: int
    is_device: bool = False

    @abstractmethod
    def prepare(self, program: Program, storages: tuple[str, ...], rows: Sequence[Row]) -> PreparedStep:
        """The step of a program over these rows.

        storages: how p, g and each state of the program are kept.  rows: all dense, or one that is sparse.
        Raises NoKernelError where a device's kernel cannot be made.
        """


Backends = dict[str, "str | Backend"]
"""The device whose memory it walks, as torch calls it -> a backend, or where one is, or None that cannot work here."""

CHOICES: dict[str, Backends] = {
    "": {
        "cpu": "steepest.kernels.cpu.backend:CPU",
        "cuda": "steepest.kernels.triton.cuda:CUDA",
    },
    "triton": {"cpu": "steepest.kernels.triton.interpreted:INTERPRETED"},
    "reference": {},
}
"""What STEEPEST_KERNELS chooses; a new backend is one line in the first.  The others are for tests: memory of the
processor is walked as a GPU would walk it, or rules run on tensors.
"""


def chosen(environment: Mapping[str, str]) -> Backends:
    """The backends that an environment asks for; ValueError where it asks for what there is not."""
    choice = environment.get("STEEPEST_KERNELS", "")
    if choice not in CHOICES:
        known = " or ".join(filter(None, CHOICES))
        raise ValueError(
            f"STEEPEST_KERNELS is {choice!r}, but there are no such kernels. Set it to {known}, or to nothing."
        )
    if choice == "triton" and environment.get("TRITON_INTERPRET") != "1":
        raise ValueError(
            "STEEPEST_KERNELS=triton has the processor run kernels of a GPU, which only Triton's interpreter can do. "
            "Set TRITON_INTERPRET=1 too."
        )
    return CHOICES[choice]


BACKENDS = chosen(os.environ)


def backend_of(device: str) -> Backend | None:
    """The backend for a device, None where there is none."""
    found = BACKENDS.get(device)
    return _imported(found) if isinstance(found, str) else found


@functools.cache
def _imported(place: str) -> Backend | None:
    module, _, name = place.partition(":")
    undisturbed(lambda: importlib.import_module(module))  # at the first step: it is long, and full of callbacks
    return getattr(importlib.import_module(module), name)


def written(storages: Sequence[str], rows: Sequence[Row]) -> np.ndarray:
    """[begin, end) of every range that a step over these rows writes, by address."""
    sizes = [size for name in (storages[0], *storages[2:]) for size in STORAGES[name].sizes]
    ranges = [
        (address, address + (row.extent if row.index else row.elements) * size)
        for row in rows
        for address, size in zip((row.parameter, *row.states), sizes, strict=True)
        if row.elements
    ]
    counts = [place for row in rows for place in ((row.step, row.step_is_double), *row.scalar_states) if place[0]]
    ranges += [(address, address + (8 if is_double else 4)) for address, is_double in counts]
    return np.array(sorted(ranges), dtype=np.int64).reshape(-1, 2)
