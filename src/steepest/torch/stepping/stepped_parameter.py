"""One parameter that is stepped: its gradient, its state, and how a kernel's table has it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.program import Program
from steepest.kernels.backend import Row
from steepest.torch.layout import PLAIN, cells, parts, stored
from steepest.torch.state.arrays import State


@dataclass(slots=True)
class SteppedParameter:
    """A parameter with a gradient, its state, the states that its next step makes, and its place in its group."""

    p: Tensor
    state: State
    uninitialized: frozenset[str]
    place: int = 0

    @property
    def g(self) -> Tensor:
        """The gradient of the moment, which nobody keeps for longer than a step."""
        assert self.p.grad is not None
        return self.p.grad

    def arrays(self, program: Program) -> list[Tensor]:
        """What a step writes, the parameter first, each part of memory by itself."""
        return [self.p, *(part for name in program.state for part in parts(self.state[name]))]

    def scalars(self, program: Program) -> list[Tensor]:
        """The states of one number, which a step writes too; the step count first."""
        counted = ["step"] if program.rule.counts else []
        return [self.state[name] for name in (*counted, *program.scalar_states)]

    def written(self, program: Program) -> list[Tensor]:
        """All that a step writes."""
        return [*self.arrays(program), *self.scalars(program)]

    def storages(self, program: Program, g: Tensor) -> tuple[str, ...]:
        """How the parameter, a gradient and each array of state are kept."""
        return tuple(stored(one).storage for one in (self.p, g, *(self.state[name] for name in program.state)))

    def row(self, program: Program, numbers: Sequence[Tensor]) -> Row:
        """The parameter as a kernel's table has it.

        numbers: its `scalars` as a kernel reads them.
        """
        counted, single = (numbers[0], numbers[1:]) if program.rule.counts else (None, numbers)
        return Row(
            elements=cells(self.p),
            parameter=self.p.data_ptr(),
            states=tuple(part.data_ptr() for part in self.arrays(program)[1:]),
            step=0 if counted is None else counted.data_ptr(),
            step_is_double=counted is not None and counted.dtype is torch.float64,
            uninitialized=self.uninitialized,
            scalar_states=tuple((one.data_ptr(), one.dtype is torch.float64) for one in single),
        )


def seen(p: Tensor) -> tuple[Any, ...]:
    """Whether a parameter's gradient is sparse, and where the parameter lies, as far as it says."""
    assert p.grad is not None
    lies = (p.data_ptr(), p.stride()) if p.layout is torch.strided and type(p) in PLAIN else ()
    return is_sparse(p.grad), lies


def is_sparse(g: Tensor) -> bool:
    """Whether a gradient has some slices of its parameter only."""
    return g.layout is torch.sparse_coo
