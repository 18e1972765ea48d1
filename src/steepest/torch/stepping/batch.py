"""Tensors that one prepared step takes together, and what must still be true of them at the next step.

A kernel is handed addresses, so all that makes them right is looked at before each step, in the tensors that the group
and the state hold then: less than a microsecond a parameter.  No tensor and no storage is kept alive from step to step.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.program import Program
from steepest.kernels.backend import NO_MEMORY, OVERLAP, Backend
from steepest.torch import gpu
from steepest.torch.internals import gradient_of, increment_version, is_itself
from steepest.torch.layout import STORED, laid_out_as, parts, same_layout
from steepest.torch.sharded import shard
from steepest.torch.state.arrays import check_memory, no_memory
from steepest.torch.stepping.changed import ChangedError
from steepest.torch.stepping.host_numbers import HostNumbers
from steepest.torch.stepping.same_tensors import CHANGED, GRADIENTS_DIFFER, GRADIENTS_MOVED, SAME, SameTensors
from steepest.torch.stepping.scaling import Scaling
from steepest.torch.stepping.shards import Shards
from steepest.torch.stepping.stepped_parameter import SteppedParameter

Group = dict[str, Any]
Places = Mapping[int, Mapping[str, int]]

# Called through map(): a loop in C over methods costs half of the same loop in Python, and this runs at every step.
_address, _offset = Tensor.data_ptr, Tensor.storage_offset


Gradients = tuple[Sequence[Tensor], list[int], Sequence[Tensor], Sequence[Any]]
"""What one batch is stepped with: gradients, which must live through the step, and their addresses, of the shards where
they are DTensors; the parameters; the values of the optimizer's state."""


class Batch:
    """The rows of one prepared step.

    places: where each state is among all values of the optimizer's state.
    count: how many parameters the group has.
    """

    def __init__(
        self, backend: Backend, program: Program, rows: Sequence[SteppedParameter], places: Places, count: int
    ) -> None:
        numbered = [*(["step"] if program.rule.counts else []), *program.scalar_states]
        at = [row.place for row in rows]
        self._of_group = None if at == list(range(count)) else _picker(at)  # None: all of it
        arrays = {places[id(row.owner)][name]: row.state[name] for row in rows for name in program.state}
        numbers = {places[id(row.owner)][name]: row.state[name] for row in rows for name in numbered}
        self._shards = Shards(rows, len(arrays), len(numbers)) if rows[0].by_shard else None
        found = arrays | numbers  # in any order that a step can find them in
        at = [*arrays, *numbers] if self._shards else sorted(found)
        self._of_state = _picker(at) if at else None
        self._has_parts = any(type(row.state[name]) in STORED for row in rows for name in program.state)
        there = all(not gpu.is_on_host(row.p) and not row.keeps_numbers_on_host(program) for row in rows)
        self._on_host, self._numbers = HostNumbers([*numbers.values()], there=there), [*numbers]
        self.device, self.is_on_device = rows[0].p.device, backend.is_device
        self.takes_scaling = backend.is_device and not rows[0].keeps_numbers_on_host(program)
        tensors = [*(row.p for row in rows), *(found[place] for place in at)]
        if self._has_parts:
            tensors = list(chain.from_iterable(map(parts, tensors)))
        gradients = [_conform(row.g, row.p) for row in rows]
        self._gradients = list(map(_kind, gradients))
        self._where_in_storage: list[int] = []
        self._same = SameTensors(tensors, gradients)
        each, read = len(numbered), self._on_host.read([*numbers.values()])
        of_rows = [read[i * each : (i + 1) * each] for i in range(len(rows))]
        table = [row.row(program, found) for row, found in zip(rows, of_rows, strict=True)]
        self.step = backend.prepare(program, rows[0].storages(program, rows[0].g), table)

    def gradients(self, group: Group, values: Sequence[Any]) -> Gradients:
        """The gradients, laid out as the kernel wants them, and their addresses.

        values: of the optimizer's state, in order.
        Raises ChangedError, or what torch raises for a tensor without address or strides, if the rows are not as they
        were when the step was prepared.
        """
        parameters = group["params"] if self._of_group is None else self._of_group(group["params"])
        tensors = parameters if self._of_state is None else [*parameters, *self._of_state(values)]
        gradients = list(map(gradient_of, parameters))
        if self._shards is not None:
            return self._of_shards(self._shards, parameters, tensors, gradients, values)
        if self._has_parts:
            tensors = list(chain.from_iterable(map(parts, tensors)))
        found = self._same.look((*tensors, *gradients))
        return self._accepted(found, parameters, gradients, values)

    def _of_shards(
        self, shards: Shards, parameters: Sequence[Any], tensors: Sequence[Any], gradients: Sequence[Any],
        values: Sequence[Any],
    ) -> Gradients:  # fmt: skip
        """The same of DTensors: their shards are fetched one by one only where something is not as it was."""
        owners = (*tensors, *gradients)
        found = self._same.look_into(owners)
        if found == SAME:
            return gradients, self._same.of_gradients(), parameters, values
        gradients = shards.of_gradients(parameters, gradients)
        if found != GRADIENTS_MOVED:
            found_shards = (*shards.of(tensors), *gradients)
            found = self._same.look(found_shards)
            self._same.know(owners, found_shards, shards.placements)
        return self._accepted(found, parameters, gradients, values)

    def _accepted(
        self, found: int, parameters: Sequence[Tensor], gradients: Sequence[Any], values: Sequence[Any]
    ) -> Gradients:
        if found == CHANGED:
            raise ChangedError
        if found == GRADIENTS_DIFFER:
            gradients = self._laid_out(gradients, self._stepped(parameters))
            return gradients, list(map(_address, gradients)), parameters, values
        if found == GRADIENTS_MOVED:
            self._check_memory(gradients)
        return gradients, self._same.of_gradients(), parameters, values

    def _stepped(self, parameters: Sequence[Tensor]) -> Sequence[Tensor]:
        """What is stepped of parameters: the shards that this process has, if they are DTensors."""
        return parameters if self._shards is None else self._shards.of_parameters(parameters)

    def _laid_out(self, gradients: Sequence[Tensor | None], stepped: Sequence[Tensor]) -> list[Tensor]:
        """Gradients as the kernel wants them, where only how they lie in memory is not as it was expected."""
        if [_kind(g) for g in gradients if g is not None] != self._gradients:
            raise ChangedError
        return [_conform(g, p) for g, p in zip(gradients, stepped, strict=True) if g is not None]

    def _check_memory(self, gradients: Sequence[Tensor]) -> None:
        """Look whether each gradient lies in its storage, unless it is where it was in one of the same size."""
        where = [*self._same.sizes_of_gradients(), *map(_offset, gradients)]
        if where != self._where_in_storage:
            for g in gradients:
                check_memory(g, "a gradient")
            self._where_in_storage = where
        self._same.accept()

    def run_scaled(self, gradients: Gradients, group: Group, scaling: Scaling) -> None:
        """Take one step with what a GradScaler says."""
        self.step.scaling = scaling.at(self.device)
        self.run(gradients, group)

    def run(self, gradients: Gradients, group: Group) -> None:
        """Take one step."""
        tensors, places, parameters, values = gradients
        maximize, threads = group["maximize"], torch.get_num_threads()
        numbers = [values[place] for place in self._numbers] if self._on_host.copies else ()
        if numbers:
            self._on_host.fetch(numbers)
        try:
            refused = self.step.run(places, group, maximize, threads)
            if refused == NO_MEMORY:
                raise no_memory("a gradient")
            if refused == OVERLAP:
                stepped = self._stepped(parameters)
                tensors = [laid_out_as(shard(g), p) for g, p in zip(tensors, stepped, strict=True)]
                self.step.run(list(map(_address, tensors)), group, maximize, threads)
        finally:
            if numbers:
                self._on_host.put_back(numbers)
        increment_version(parameters)  # so that autograd notices a parameter changed behind a saved graph
        if self._shards is not None:
            increment_version(self._shards.of_parameters(parameters))


def _picker(places: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Picks the elements at these places of a sequence."""
    return itemgetter(*places) if len(places) > 1 else lambda found, place=places[0]: (found[place],)


def _kind(g: Tensor) -> tuple[Any, ...]:
    return type(g), g.shape, g.dtype, g.device


def _conform(g: Tensor, p: Tensor) -> Tensor:
    if g.layout is not torch.strided:
        raise ChangedError
    check_memory(g, "a gradient")
    return g if same_layout(g, p) and is_itself(g) else laid_out_as(g, p)
