"""How one parameter group is stepped: which tensors go into which kernel, checked once and watched from then on.

A kernel is handed addresses.  Everything that must hold for them to be right (device, dtype, shape, layout, no memory
shared) is checked when the plan is made; each step then only looks whether anything has changed, about a microsecond a
parameter, and makes a new plan if so.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from operator import is_
from typing import Any

import numpy as np
import torch
from torch import Tensor

from steepest.compiler.program import Program, choices, switches
from steepest.kernels.backend import NO_MEMORY, OVERLAP, Backend, PreparedStep, backend_of
from steepest.torch.internals import gradient_of, increment_version, is_itself, unchanged
from steepest.torch.layout import (
    PLAIN,
    STORAGE_OF_DTYPE,
    STORED,
    has_kernel,
    is_walked_like,
    laid_out_as,
    same_layout,
    surely_unchanged,
)
from steepest.torch.state.arrays import State, check_memory, no_memory
from steepest.torch.stepping.changed import ChangedError
from steepest.torch.stepping.host_numbers import HostNumbers
from steepest.torch.stepping.overlap import Written, writing_together
from steepest.torch.stepping.shards import Shards
from steepest.torch.stepping.stepped_parameter import SteppedParameter, is_sparse

Group = dict[str, Any]
Dense = tuple[SteppedParameter, Tensor]
Gradients = tuple[list[Tensor], list[int]]  # tensors, which must live through the step, and their addresses

# Called through map(): a loop in C over methods costs half of the same loop in Python, and this runs at every step.
_address, _offset = Tensor.data_ptr, Tensor.storage_offset
_storage, _bytes = Tensor.untyped_storage, torch.UntypedStorage.nbytes


class Batch:
    """Tensors that one prepared step takes together, and what must still be true of them at the next step."""

    def __init__(self, backend: Backend, program: Program, rows: Sequence[SteppedParameter]) -> None:
        self.parameters = [row.owner for row in rows]
        self._stepped = [row.p for row in rows]
        self._shards = Shards(rows, program) if rows[0].by_shard else None
        self._arrays = list(chain.from_iterable(row.arrays(program) for row in rows))
        self._numbers = list(chain.from_iterable(row.scalars(program) for row in rows))
        self._on_host = HostNumbers(self._numbers)
        self._addressed = [*self._arrays, *self._numbers]
        self._addresses = list(map(_address, self._addressed))
        gradients = [_conform(row.g, row.p) for row in rows]
        self._gradients = list(map(_kind, gradients))
        self._places: list[int] = []
        self._where_in_storage: list[int] = []
        self._storages = list(map(_storage, self._arrays))  # held, so that no other memory can have their addresses
        self._sizes = list(map(_bytes, self._storages))
        self._arrays_unchanged = surely_unchanged(self._arrays)
        self._all_unchanged = unchanged([*self._arrays, *gradients])
        storages = rows[0].storages(program, rows[0].g)
        each = len(self._numbers) // len(rows)
        of_rows = [self._on_host.read[i * each : (i + 1) * each] for i in range(len(rows))]
        table = [row.row(program, numbers) for row, numbers in zip(rows, of_rows, strict=True)]
        self.step = backend.prepare(program, storages, table)

    def gradients(self) -> Gradients:
        """The gradients, laid out as the kernel wants them, and their addresses.

        Raises ChangedError, or what torch raises for a tensor without address or strides, if the rows are not as they
        were when the step was prepared.
        """
        if list(map(_address, self._addressed)) != self._addresses or list(map(_bytes, self._storages)) != self._sizes:
            raise ChangedError
        gradients = list(map(gradient_of, self.parameters))
        if self._shards is not None:
            gradients = self._shards.of(gradients)
        places = list(map(_address, gradients))
        if places != self._places:
            self._check_memory(gradients)
            self._places = places
        if self._all_unchanged(*self._arrays, *gradients):
            return gradients, places
        if not self._arrays_unchanged(*self._arrays) or list(map(_kind, gradients)) != self._gradients:
            raise ChangedError
        gradients = [_conform(g, p) for g, p in zip(gradients, self._stepped, strict=True)]
        return gradients, list(map(_address, gradients))

    def _check_memory(self, gradients: list[Tensor]) -> None:
        """Look whether each gradient lies in its storage, unless it is where it was in one of the same size."""
        where = [*map(_bytes, map(_storage, gradients)), *map(_offset, gradients)]
        if where != self._where_in_storage:
            for g in gradients:
                check_memory(g, "a gradient")
            self._where_in_storage = where

    def run(self, gradients: Gradients, group: Group) -> None:
        """Take one step."""
        tensors, places = gradients
        maximize, threads = group["maximize"], torch.get_num_threads()
        if self._on_host.copied:
            self._on_host.fetch(self._numbers)
        try:
            refused = self.step.run(places, group, maximize, threads)
            if refused == NO_MEMORY:
                raise no_memory("a gradient")
            if refused == OVERLAP:
                tensors = [laid_out_as(g, p) for g, p in zip(tensors, self._stepped, strict=True)]
                self.step.run(list(map(_address, tensors)), group, maximize, threads)
        finally:
            if self._on_host.copied:
                self._on_host.put_back(self._numbers)
        increment_version(self.parameters)  # so that autograd notices a parameter changed behind a saved graph
        if self._shards is not None:
            increment_version(self._stepped)


class Plan:
    """The batches of a group, the parameters that no kernel may walk, those of sparse gradients and of none."""

    def __init__(self, program: Program, group: Group, chooses_rule: str) -> None:
        self.program = program
        self.batches: list[Batch] = []
        self.rows: list[SteppedParameter] = []
        self.unfused: list[SteppedParameter] = []
        self.sparse: list[SteppedParameter] = []
        self.idle: list[Tensor] = []
        self.was_run = False  # until then it knows better than the state itself what its first step makes
        self._parameters = list(group["params"])
        self._chooses_rule = chooses_rule
        self._choices = self._chosen(group)
        self._switches = switches(program.rule, chooses_rule)
        self._switched = self._switches(group)
        self._are_numbers = not any(isinstance(group[name], Tensor) for name in program.rule.hyperparameters)
        self._differentiable = group.get("differentiable", False)

    def gradients(self, group: Group) -> list[Gradients] | None:
        """The gradients of each kernel; None if this plan does not fit the group any more."""
        if not self._fits(group):
            return None
        try:
            return [batch.gradients() for batch in self.batches]
        except (ChangedError, RuntimeError, TypeError):  # a tensor without address or strides, or no gradient
            return None

    @property
    def is_one_batch(self) -> bool:
        """Whether nothing else is stepped: one kernel looks at its own gradients."""
        return len(self.batches) == 1 and not self.unfused and not self.sparse

    def apart(
        self, gradients: list[Gradients], dense: list[Dense], slices: list[Dense]
    ) -> tuple[list[Gradients], list[Dense], list[Dense]]:
        """The gradients, copied where another part of this step would write to them before they are read."""
        if not dense and not slices and not self._batches_refuse(gradients):
            return gradients, dense, slices
        written = Written(self.program, [*self.rows, *(stepped for stepped, _ in (*dense, *slices))])
        kernels = [list(map(written.copied_from, tensors)) for tensors, _ in gradients]
        dense = [(stepped, written.copied_from(g)) for stepped, g in dense]
        slices = [(stepped, written.values_copied_from(g)) for stepped, g in slices]
        return [(tensors, list(map(_address, tensors))) for tensors in kernels], dense, slices

    def _same_choices(self, group: Group) -> bool:
        same_numbers = self._are_numbers and self._switches(group) == self._switched  # a tensor may change in place
        return same_numbers or self._chosen(group) == self._choices

    def _chosen(self, group: Group) -> tuple[Any, ...]:
        chosen = choices(self.program.rule, group)
        return (*chosen, bool(group[self._chooses_rule])) if self._chooses_rule else chosen

    def _batches_refuse(self, gradients: list[Gradients]) -> bool:
        found = zip(self.batches, gradients, strict=True)
        return any(batch.step.refuses(places) for batch, (_, places) in found)

    def _fits(self, group: Group) -> bool:
        parameters = group["params"]
        if len(parameters) != len(self._parameters) or not all(map(is_, parameters, self._parameters)):
            return False
        if not self._same_choices(group):
            return False
        if group.get("differentiable", False) != self._differentiable:
            return False
        if self.idle and any(p.grad is not None for p in self.idle):
            return False
        if not self.unfused and not self.sparse:
            return True
        return all(stepped.is_as_it_was() for stepped in (*self.unfused, *self.sparse))


def make(
    program: Program, group: Group, stateful: Callable[[Tensor], tuple[State, frozenset[str]]], chooses_rule: str = ""
) -> Plan:
    """A plan for this group as it stands.

    stateful: checks a parameter's state, makes what is missing; gives the state and the names of what is new in it.
    chooses_rule: an option of the group that says of which rule the program is.
    """
    plan = Plan(program, group, chooses_rule)
    parameters: list[SteppedParameter] = []
    for p in group["params"]:
        if p.grad is None:
            plan.idle.append(p)
        else:
            parameters.append(SteppedParameter(p, *stateful(p), by_shard=not group.get("differentiable", False)))
    plan.sparse += [stepped for stepped in parameters if is_sparse(stepped.g)]
    walkable = [
        stepped
        for stepped in parameters
        if not is_sparse(stepped.g) and not group.get("differentiable", False) and _is_walkable(stepped, program)
    ]
    for stepped in walkable:
        for name in program.state:
            if not is_walked_like(stepped.state[name], stepped.p):
                stepped.lay_out(name)
    together = writing_together(program, parameters)
    fused = {id(stepped): stepped for stepped in walkable if id(stepped) not in together}
    plan.unfused += [stepped for stepped in parameters if id(stepped) not in fused and not is_sparse(stepped.g)]
    plan.rows += fused.values()
    for device, rows in _by_storage(program, list(fused.values())):
        backend = backend_of(device)
        assert backend is not None, "has_kernel asks for it"
        most = backend.most_rows
        plan.batches += [Batch(backend, program, rows[i : i + most]) for i in range(0, len(rows), most)]
    _beside_each_other([batch.step for batch in plan.batches])
    return plan


def _beside_each_other(steps: Sequence[PreparedStep]) -> None:
    """Have each step refuse gradients in memory that another writes, before any of them runs."""
    if len(steps) < 2:
        return
    written = np.concatenate([step.written for step in steps])
    written = written[np.argsort(written[:, 0])]
    for step in steps:
        step.write_beside(written)


def _is_walkable(stepped: SteppedParameter, program: Program) -> bool:
    """Whether parameter, gradient and state are plain tensors, though state may still have to be laid out anew."""
    return (
        has_kernel(stepped.p)
        and stepped.is_divided_alike
        and stepped.g.dtype in STORAGE_OF_DTYPE
        and type(stepped.g) is Tensor
        and all(type(t) in PLAIN or type(t) in STORED for t in map(stepped.state.__getitem__, program.state))
        and all(type(t) in PLAIN for t in stepped.scalars(program))
    )


def _kind(g: Tensor) -> tuple[Any, ...]:
    return type(g), g.shape, g.dtype, g.device


def _conform(g: Tensor, p: Tensor) -> Tensor:
    if g.layout is not torch.strided:
        raise ChangedError
    if same_layout(g, p) and is_itself(g):
        return g
    check_memory(g, "a gradient")
    return laid_out_as(g, p)


def _by_storage(program: Program, rows: Sequence[SteppedParameter]) -> list[tuple[str, list[SteppedParameter]]]:
    """The rows that one kernel can take: of one device, each array kept in the same way."""
    kinds: dict[tuple[str, ...], list[SteppedParameter]] = {}
    for row in rows:
        kind = (row.p.device.type, str(row.by_shard), *row.storages(program, row.g))
        kinds.setdefault(kind, []).append(row)
    return [(device, rows) for (device, *_), rows in kinds.items()]
