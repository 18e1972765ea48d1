"""One parameter that is stepped: its gradient, its state, and how a kernel's table has it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.program import Program
from steepest.kernels.backend import Row
from steepest.torch import gpu
from steepest.torch.internals import increment_version
from steepest.torch.layout import PLAIN, cells, laid_out_as, parts, stored
from steepest.torch.sharded import divided, is_sharded, of_shard, placement, shard
from steepest.torch.state.arrays import State
from steepest.torch.stepping.host_numbers import are_there


@dataclass(slots=True)
class SteppedParameter:
    """A parameter with a gradient, its state, and the states that its next step makes.

    owner, kept: the parameter and its state as the optimizer has them.
    place: which parameter of its group it is.
    by_shard: whether a DTensor is stepped as the shard that this process has of it.
    p, state: the tensors that are stepped: those shards, else the same as owner and kept.
    """

    owner: Tensor
    kept: State
    uninitialized: frozenset[str]
    place: int = 0
    by_shard: bool = True
    p: Tensor = field(init=False)
    state: State = field(init=False)

    def __post_init__(self) -> None:
        self.by_shard = self.by_shard and is_sharded(self.owner)
        self.look()

    def look(self) -> None:
        """Find what is stepped in what the optimizer has."""
        self.p = shard(self.owner) if self.by_shard else self.owner
        self.state = {name: shard(value) for name, value in self.kept.items()} if self.by_shard else self.kept

    @property
    def g(self) -> Tensor:
        """The gradient of the moment, which nobody keeps for longer than a step, as far as it is here already."""
        assert self.owner.grad is not None
        return shard(self.owner.grad) if self.by_shard else self.owner.grad

    @property
    def is_divided_alike(self) -> bool:
        """Whether the gradient is divided as the parameter is; all state is."""
        return placement(self.owner.grad) == placement(self.owner)

    def gradient(self) -> Tensor:
        """The gradient, divided as the parameter is: all processes must ask for it."""
        assert self.owner.grad is not None
        return shard(divided(self.owner.grad, self.owner)) if self.by_shard else self.owner.grad

    def lay_out(self, name: str) -> None:
        """Keep a state in memory of its own that is laid out as the parameter."""
        self.state[name] = laid_out_as(self.state[name], self.p)
        if self.by_shard:
            self.kept[name] = of_shard(self.state[name], self.owner)

    def was_written(self) -> None:
        """Tell autograd of a step that was taken on the shard."""
        if self.by_shard:
            increment_version([self.owner])

    def arrays(self, program: Program) -> list[Tensor]:
        """What a step writes, the parameter first, each part of memory by itself."""
        return [self.p, *(part for name in program.state for part in parts(self.state[name]))]

    def scalars(self, program: Program) -> list[Tensor]:
        """The states of one number, which a step writes too; the step count first."""
        counted = ["step"] if program.rule.counts else []
        return [self.state[name] for name in (*counted, *program.scalar_states)]

    def keeps_numbers_on_host(self, program: Program) -> bool:
        """Whether a kernel must be told its numbers, since they are not all where the parameter is."""
        return not gpu.is_on_host(self.p) and not are_there(self.scalars(program), self.p)

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
            numbers_on_host=self.keeps_numbers_on_host(program),
        )


def seen(p: Tensor) -> tuple[Any, ...]:
    """Whether a gradient is sparse, where its parameter lies, as far as it says, and how both are divided."""
    assert p.grad is not None
    own = shard(p)
    lies = (own.data_ptr(), own.stride()) if own.layout is torch.strided and type(own) in PLAIN else ()
    return is_sparse(shard(p.grad)), lies, placement(p), placement(p.grad) == placement(p)


def is_sparse(g: Tensor) -> bool:
    """Whether a gradient has some slices of its parameter only."""
    return g.layout is torch.sparse_coo
