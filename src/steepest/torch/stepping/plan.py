"""How one parameter group is stepped: which tensors go into which kernel, checked once and watched from then on.

A kernel is handed addresses.  Everything that must hold for them to be right (device, dtype, shape, layout, no memory
shared) is checked when the plan is made; each step then only looks whether anything has changed, about a microsecond a
parameter, and makes a new plan if so.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import is_
from typing import Any

import numpy as np
from torch import Tensor

from steepest.compiler.program import Program, choices, switches
from steepest.kernels.backend import NoKernelError, PreparedStep
from steepest.torch import gpu
from steepest.torch.gpu import kernels_of
from steepest.torch.layout import PLAIN, STORAGE_OF_DTYPE, STORED, has_kernel, is_walked_like
from steepest.torch.sharded import shard
from steepest.torch.state.arrays import State
from steepest.torch.stepping.batch import Batch, Gradients, Group, Places
from steepest.torch.stepping.changed import ChangedError
from steepest.torch.stepping.overlap import Written, writing_together
from steepest.torch.stepping.stepped_parameter import SteppedParameter, is_sparse, seen

Dense = tuple[SteppedParameter, Tensor]


@dataclass(slots=True)
class Watched:
    """A parameter that no kernel walks: its place in the group, how it was found, the states that its step makes."""

    place: int
    before: tuple[Any, ...]
    uninitialized: frozenset[str]

    def is_as_it_was(self, parameters: Sequence[Tensor]) -> bool:
        """Whether it lies where it lay, and its gradient is as sparse or dense as it was."""
        p = parameters[self.place]
        return p.grad is not None and self.before == seen(p)


class Plan:
    """The batches of a group, the parameters that no kernel may walk, those of sparse gradients and of none."""

    def __init__(self, program: Program, group: Group, chooses_rule: str) -> None:
        self.program = program
        self.batches: list[Batch] = []
        self.fused: list[int] = []
        self.unfused: list[Watched] = []
        self.sparse: list[Watched] = []
        self.idle: list[int] = []
        self.is_one_batch = False
        """Whether nothing else is stepped: one kernel looks at its own gradients."""
        self.is_on_device = False
        """Whether a kernel is launched on a device, where steps may be left out or go into a graph."""
        self.new: dict[int, frozenset[str]] = {}
        """The states that its first step makes, by the places of parameters."""
        self.was_run = False  # until then it knows better than the state itself what its first step makes
        self._parameters = list(map(id, group["params"]))
        self._chooses_rule = chooses_rule
        self._choices = self._chosen(group)
        self.switches = switches(program.rule, chooses_rule)
        self._switched = self.switches(group)
        self._are_numbers = not any(isinstance(value, Tensor) for value in self._switched)
        self._differentiable = group.get("differentiable", False)

    def gradients(self, group: Group, values: Sequence[Any]) -> list[Gradients] | None:
        """The gradients of each kernel; None if this plan does not fit the group any more.

        values: of the optimizer's state, in order.
        """
        if not self._fits(group):
            return None
        try:
            return [batch.gradients(group, values) for batch in self.batches]
        except (ChangedError, RuntimeError, TypeError):  # a tensor without address or strides, or no gradient
            return None

    @property
    def takes_scaling(self) -> bool:
        """Whether its kernels look at what a GradScaler says, and nothing else is stepped."""
        return all(batch.takes_scaling for batch in self.batches) and not self.unfused and not self.sparse

    def keep(self, rows: Sequence[SteppedParameter], batches: Sequence[Batch]) -> None:
        """Step these rows with these kernels; with none, as tensors."""
        self.batches += batches
        if batches:
            self.fused += [row.place for row in rows]
        else:
            self.unfused += map(_watched, rows)

    def close(self) -> None:
        """Look at all that is kept."""
        self.is_on_device = any(batch.is_on_device for batch in self.batches)
        self.is_one_batch = len(self.batches) == 1 and not self.unfused and not self.sparse and not self.is_on_device
        _beside_each_other([batch.step for batch in self.batches])

    def apart(
        self, group: Group, state: Mapping[Any, State], gradients: list[Gradients], dense: list[Dense],
        slices: list[Dense],
    ) -> tuple[list[Gradients], list[Dense], list[Dense]]:  # fmt: skip
        """The gradients, copied where another part of this step would write to them before they are read."""
        if not dense and not slices and not self._batches_refuse(gradients):
            return gradients, dense, slices
        in_kernels = [(group["params"][place], place) for place in self.fused]
        rows = [SteppedParameter(p, state.get(p, {}), frozenset(), place) for p, place in in_kernels]
        written = Written(self.program, [*rows, *(stepped for stepped, _ in (*dense, *slices))])
        dense = [(stepped, written.copied_from(g)) for stepped, g in dense]
        slices = [(stepped, written.values_copied_from(g)) for stepped, g in slices]
        return [_copied(written, one) for one in gradients], dense, slices

    def _same_choices(self, group: Group) -> bool:
        same_numbers = self._are_numbers and all(map(is_, self.switches(group), self._switched))
        return same_numbers or self._chosen(group) == self._choices  # which reads no tensor that lost its memory

    def _chosen(self, group: Group) -> tuple[Any, ...]:
        chosen = choices(self.program.rule, group)
        return (*chosen, bool(group[self._chooses_rule])) if self._chooses_rule else chosen

    def _batches_refuse(self, gradients: list[Gradients]) -> bool:
        found = zip(self.batches, gradients, strict=True)
        return any(batch.step.refuses(addresses) for batch, (_, addresses, *_) in found)

    def _fits(self, group: Group) -> bool:
        parameters = group["params"]
        if list(map(id, parameters)) != self._parameters:  # those with state live; others are looked at anew anyway
            return False
        if not self._same_choices(group):
            return False
        if group.get("differentiable", False) != self._differentiable:
            return False
        if self.idle and any(parameters[place].grad is not None for place in self.idle):
            return False
        if not self.unfused and not self.sparse:
            return True
        return all(watched.is_as_it_was(parameters) for watched in (*self.unfused, *self.sparse))


def make(
    program: Program,
    group: Group,
    stateful: Callable[[Tensor], tuple[State, frozenset[str]]],
    places: Callable[[], Places],
    chooses_rule: str = "",
) -> Plan:
    """A plan for this group as it stands.

    stateful: checks a parameter's state, makes what is missing; gives the state and the names of what is new in it.
    places: where each state is then among all values of the optimizer's state.
    chooses_rule: an option of the group that says of which rule the program is.
    """
    plan = Plan(program, group, chooses_rule)
    parameters: list[SteppedParameter] = []
    for place, p in enumerate(group["params"]):
        if p.grad is None:
            plan.idle.append(place)
        else:
            by_shard = not group.get("differentiable", False)
            parameters.append(SteppedParameter(p, *stateful(p), place, by_shard))
            if parameters[-1].uninitialized:
                plan.new[place] = parameters[-1].uninitialized
    plan.sparse += [_watched(stepped) for stepped in parameters if is_sparse(stepped.g)]
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
    left = [stepped for stepped in parameters if id(stepped) not in fused and not is_sparse(stepped.g)]
    plan.unfused += map(_watched, left)
    at, count = places(), len(group["params"])
    for rows in _by_storage(program, list(fused.values())):
        plan.keep(rows, _batches(program, rows, at, count))
    plan.close()
    return plan


def _batches(program: Program, rows: Sequence[SteppedParameter], at: Places, count: int) -> list[Batch]:
    """The kernels over rows of one storage; none where a device's kernel cannot be made."""
    backend, device = kernels_of(rows[0].p.device), rows[0].p.device
    assert backend is not None, "has_kernel asks for it"
    kernel, most = (program, rows[0].storages(program, rows[0].g), device), backend.most_rows
    if gpu.has_failed(kernel):
        return []
    try:
        return [Batch(backend, program, rows[i : i + most], at, count) for i in range(0, len(rows), most)]
    except NoKernelError as error:
        gpu.gave_up(kernel, program.rule.name, error)
        return []


def _copied(written: Written, gradients: Gradients) -> Gradients:
    """The gradients of a kernel, copied where something is written."""
    tensors = list(map(written.copied_from, map(shard, gradients[0])))
    return (tensors, list(map(Tensor.data_ptr, tensors)), *gradients[2:])


def _watched(stepped: SteppedParameter) -> Watched:
    return Watched(stepped.place, seen(stepped.owner), stepped.uninitialized)


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


def _by_storage(program: Program, rows: Sequence[SteppedParameter]) -> list[list[SteppedParameter]]:
    """The rows that one kernel can take: of one device, each array kept in the same way."""
    kinds: dict[tuple[Any, ...], list[SteppedParameter]] = {}
    for row in rows:
        on_host = row.keeps_numbers_on_host(program)
        kind = (row.p.device, row.by_shard, on_host, *row.storages(program, row.g))
        kinds.setdefault(kind, []).append(row)
    return [*kinds.values()]
