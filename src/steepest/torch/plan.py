"""How one parameter group is stepped: which tensors go into which kernel, checked once and watched from then on.

A kernel is handed addresses.  Everything that must hold for them to be right (device, dtype, shape, layout, no memory
shared) is checked when the plan is made; each step then only looks whether anything has changed, about a microsecond a
parameter, and makes a new plan if so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any

import torch
from torch import Tensor
from torch.autograd.graph import increment_version

from steepest.kernels.launch import Launch, Row
from steepest.program import Program
from steepest.torch.layout import KERNEL_DTYPES, has_kernel, laid_out_as, memory, same_layout
from steepest.torch.state import State

Group = dict[str, Any]


@dataclass(slots=True)
class Watched:
    """A parameter in a kernel's table, and what must still be true of it at the next step."""

    p: Tensor
    state: State | None
    kept: tuple[tuple[str, Tensor, int], ...]  # name, tensor and address of each state and of step
    address: int
    shape: torch.Size
    stride: tuple[int, ...]
    dtype: torch.dtype
    gradient_stride: tuple[int, ...]
    gradient_dtype: torch.dtype
    row: Row


@dataclass(slots=True)
class Kernel:
    """One launch, and the parameters of its rows."""

    launch: Launch
    watched: Sequence[Watched]
    parameters: list[Tensor]


@dataclass(slots=True)
class Plan:
    """The kernels of a group, the parameters that no kernel may walk, and those without a gradient."""

    program: Program
    parameters: list[Tensor]
    kernels: list[Kernel] = field(default_factory=list)
    unfused: list[Tensor] = field(default_factory=list)
    idle: list[Tensor] = field(default_factory=list)

    def gradients(self, program: Program, group: Group, states: dict[Tensor, State]) -> list[list[Tensor]] | None:
        """The gradients of each kernel, laid out as it wants them; None if this plan does not fit any more."""
        parameters = group["params"]
        if program is not self.program or len(parameters) != len(self.parameters):
            return None
        if not all(map(is_, parameters, self.parameters)) or any(p.grad is not None for p in self.idle):
            return None
        try:
            found = [list(_gradients(kernel.watched, states)) for kernel in self.kernels]
        except (RuntimeError, _ChangedError):  # tensors without addresses or strides say so by RuntimeError
            return None
        return found

    def run(self, gradients: list[list[Tensor]], group: Group) -> None:
        """Take one step with every kernel."""
        threads, maximize = torch.get_num_threads(), bool(group["maximize"])
        for kernel, tensors in zip(self.kernels, gradients, strict=True):
            addresses = [g.data_ptr() for g in tensors]
            if not kernel.launch.run(addresses, group, maximize=maximize, threads=threads):
                tensors = [laid_out_as(g, p) for g, p in zip(tensors, kernel.parameters, strict=True)]
                kernel.launch.run([g.data_ptr() for g in tensors], group, maximize=maximize, threads=threads)
            increment_version(kernel.parameters)  # autograd notices a parameter changed behind a saved graph


class _ChangedError(Exception):
    """Something that the plan relies on is not so any more."""


def _gradients(watched: Sequence[Watched], states: dict[Tensor, State]) -> Iterator[Tensor]:
    for w in watched:
        p, shape = w.p, w.shape
        if p.data_ptr() != w.address or p.stride() != w.stride or p.shape != shape or p.dtype is not w.dtype:
            raise _ChangedError
        if w.kept:
            state = w.state
            if state is None or states.get(p) is not state:
                raise _ChangedError
            for name, tensor, address in w.kept:
                if state.get(name) is not tensor or tensor.data_ptr() != address:
                    raise _ChangedError
                if name != "step" and (tensor.shape != shape or not same_stride(tensor, w)):
                    raise _ChangedError
        g = p.grad
        if g is None or g.dtype is not w.gradient_dtype or g.shape != shape:
            raise _ChangedError
        if g.stride() != w.gradient_stride or g.is_neg():
            g = _conform(g, p)
        yield g


def same_stride(tensor: Tensor, watched: Watched) -> bool:
    """Whether a state is still laid out as its parameter."""
    return tensor.stride() == watched.stride or same_layout(tensor, watched.p)


def _conform(g: Tensor, p: Tensor) -> Tensor:
    if g.device != p.device or g.layout is not torch.strided:
        raise _ChangedError
    return g if same_layout(g, p) and not g.is_neg() else laid_out_as(g, p)


def make(program: Program, group: Group, stateful: Any) -> Plan:
    """A plan for this group as it stands.

    stateful: `stateful(p, g) -> (state, fresh names)` checks gradient and state, and makes what is missing.
    """
    plan = Plan(program, list(group["params"]))
    candidates: list[Watched] = []
    for p in plan.parameters:
        if p.grad is None:
            plan.idle.append(p)
            continue
        state, fresh = stateful(p, p.grad)
        if group["differentiable"] or not has_kernel(p) or p.grad.dtype not in KERNEL_DTYPES:
            plan.unfused.append(p)
        else:
            candidates.append(_watched(program, p, state, fresh))
    apart, shared = _sharing_memory(candidates)
    plan.unfused += [w.p for w in shared]
    for group_of_one_dtype in _by_dtype(apart):
        plan.kernels.append(_kernel(program, group_of_one_dtype))
    return plan


def _watched(program: Program, p: Tensor, state: State | None, fresh: frozenset[str]) -> Watched:
    for name in program.state:
        if not has_kernel(state[name]) or not same_layout(state[name], p):
            state[name] = laid_out_as(state[name], p)
    step = state["step"] if program.rule.counts else None
    names = [*program.state, *(["step"] if program.rule.counts else [])]
    g = p.grad
    assert g is not None
    row = Row(
        elements=p.numel(),
        parameter=p.data_ptr(),
        states=tuple(state[name].data_ptr() for name in program.state),
        step=0 if step is None else step.data_ptr(),
        step_is_double=step is not None and step.dtype is torch.float64,
        fresh=fresh,
    )
    kept = tuple((name, state[name], state[name].data_ptr()) for name in names)
    gradient_stride = g.stride() if same_layout(g, p) else p.stride()
    return Watched(p, state, kept, row.parameter, p.shape, p.stride(), p.dtype, gradient_stride, g.dtype, row)


def _kernel(program: Program, watched: Sequence[Watched]) -> Kernel:
    tensors = [watched[0].p, watched[0].p.grad, *(watched[0].state[name] for name in program.state)]
    dtypes = tuple(KERNEL_DTYPES[t.dtype] for t in tensors)
    launch = Launch(program, dtypes, [t.element_size() for t in tensors], [w.row for w in watched])
    return Kernel(launch, watched, [w.p for w in watched])


def _by_dtype(watched: Sequence[Watched]) -> list[list[Watched]]:
    kinds: dict[tuple[torch.dtype, ...], list[Watched]] = {}
    for w in watched:
        kind = w.dtype, w.gradient_dtype, *(tensor.dtype for name, tensor, _ in w.kept if name != "step")
        kinds.setdefault(kind, []).append(w)
    return list(kinds.values())


def _sharing_memory(watched: Sequence[Watched]) -> tuple[list[Watched], list[Watched]]:
    """Those that write memory of their own alone, and those that write into each other's."""
    ranges = []
    for w in watched:
        written = [w.p, *(tensor for _, tensor, _ in w.kept)]
        ranges += [(*memory(tensor), w) for tensor in written if tensor.numel()]
    ranges.sort(key=lambda entry: entry[:2])
    sharing: set[int] = set()
    reach, owner = 0, None
    for begin, end, w in ranges:
        if begin < reach and owner is not None:
            sharing |= {id(owner), id(w)}
        if end > reach:
            reach, owner = end, w
    return [w for w in watched if id(w) not in sharing], [w for w in watched if id(w) in sharing]
