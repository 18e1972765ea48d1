"""One program over rows of memory, step by step, in the backend that is asked: what each has made of the same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.program import Program
from steepest.kernels.backend import TAKEN, Backend, Row
from support.configurations import Configuration

SIZES = (0, 1, 7, 1023, 1024, 1025, 4097)
"""None, one, fewer than 16 bytes of them, and those around a chunk's 1024."""
DTYPES = {"float64": torch.float64, "float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass
class Launch:
    """The memory of some rows.

    kinds: dtype of p, g and each state.  sizes: elements of each row.
    offset: elements between an address of 64 bytes and the first of an array, so that 1 is a misaligned view.
    steps: how many each row has taken.  numbers_on_host: whether step counts are said to lie elsewhere than the rest.
    """

    program: Program
    kinds: Sequence[str]
    sizes: Sequence[int]
    offset: int = 0
    seed: int = 0
    steps: Sequence[int] = ()
    numbers_on_host: bool = False
    buffers: list[list[Tensor]] = field(init=False)
    counts: Tensor = field(init=False)
    numbers: Tensor = field(init=False)

    def __post_init__(self) -> None:
        random = torch.Generator().manual_seed(self.seed)
        self.buffers = [
            [_made(n + self.offset + 3, kind, random, positive=place > 1) for place, kind in enumerate(self.kinds)]
            for n in self.sizes
        ]
        self.counts = torch.tensor([*self.steps] or [0] * len(self.sizes), dtype=torch.float32)
        self.numbers = torch.ones(len(self.sizes), max(1, len(self.program.scalar_states)))

    def address(self, row: int, array: int) -> int:
        buffer = self.buffers[row][array]
        return buffer.data_ptr() + self.offset * buffer.element_size()

    def row(self, place: int) -> Row:
        program, is_new = self.program, not self.counts[place]
        return Row(
            elements=self.sizes[place],
            parameter=self.address(place, 0),
            states=tuple(self.address(place, array) for array in range(2, len(self.kinds))),
            step=self.counts[place].data_ptr() if program.rule.counts else 0,
            step_is_double=False,
            uninitialized=frozenset(program.uninitialized if is_new else ()),
            scalar_states=tuple((self.numbers[place, i].data_ptr(), False) for i in range(len(program.scalar_states))),
            numbers_on_host=self.numbers_on_host,
        )

    def run(self, backend: Backend, hyperparameters: Mapping[str, Any], steps: int, *, maximize: bool = False) -> None:
        """Take so many steps, each along other gradients."""
        rows = [self.row(place) for place in range(len(self.sizes))]
        prepared = backend.prepare(self.program, tuple(self.kinds), rows)
        gradients = [self.address(place, 1) for place in range(len(self.sizes))]
        for _ in range(steps):
            assert prepared.run(gradients, hyperparameters, maximize, 1) == TAKEN
            for place, size in enumerate(self.sizes):
                g = self.buffers[place][1][self.offset : self.offset + size]
                g.copy_(g.flip(0) * -0.75)

    def bits(self) -> list[Tensor]:
        """All that lies there: arrays and what is beside them, step counts and numbers."""
        return [*(_bits(one) for row in self.buffers for one in row), _bits(self.counts), _bits(self.numbers)]


def _made(elements: int, kind: str, random: torch.Generator, *, positive: bool) -> Tensor:
    values = torch.randn(elements, generator=random)
    return (values.abs() if positive else values).to(DTYPES[kind])  # an average of squares has no negative ones


def _bits(tensor: Tensor) -> Tensor:
    return tensor.view({8: torch.int64, 4: torch.int32, 2: torch.int16}[tensor.element_size()])


def assert_same_bits(configuration: Configuration, program: Program, backends: Sequence[Backend], **made: Any) -> None:
    """Two steps in each backend, from the same memory: every bit is the same, and something has changed."""
    launches = [Launch(program, **made) for _ in backends]
    start = launches[0].bits()[0].clone() if launches[0].sizes else None
    for launch, backend in zip(launches, backends, strict=True):
        launch.run(backend, configuration.hyperparameters, 2, maximize=configuration.maximize)
    first, *others = launches
    for other in others:
        assert all(map(torch.equal, first.bits(), other.bits()))
    assert start is None or not first.sizes[0] or not torch.equal(start, first.bits()[0])
