"""Which steps must be refused: what no step can make sense of, by the tensors alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from steepest.compiler import host
from steepest.compiler.program import Program
from support.inside import inside, is_partial, is_sharded

States = Mapping[Tensor, Mapping[str, Any]]


def refusal(optimizer: Any, lines: Program, group: dict[str, Any], stepped: Sequence[Tensor], states: States) -> str:
    """Why a group cannot be stepped, or ""."""
    made: dict[tuple[int, str], Any] = {}  # two parameters may have one dictionary
    for p in stepped:
        state = states.get(p, {})  # copies, and what earlier groups of this step make
        given = {**state, **optimizer.state.get(p, {})}
        why = (
            _of_gradient(optimizer, group, p)
            or next(filter(None, (_of_state(name, given.get(name), p) for name in lines.state)), "")
            or next(filter(None, (_of_number(name, given[name]) for name in _numbers(lines, given))), "")
        )
        if why:
            return why
        for name in lines.state:
            of = p.shape, is_sharded(p)
            if p in states and made.setdefault((id(state), name), of) != of:
                return f"one state {name} for two shapes, or divided and not"
    return _of_options(lines, group) if stepped else ""


def _of_options(lines: Program, group: Mapping[str, Any]) -> str:
    for name, default in host.used(lines).items():
        try:
            given = [*group[name]] if isinstance(default, tuple) else [group[name]]
            if not all(map(in_memory, (group[name], *given))):
                return f"{name} without memory"
            if [*map(float, given)] and isinstance(default, tuple) and len(given) != len(default):
                return f"{name} is not as many numbers"
        except (TypeError, ValueError, RuntimeError):
            return f"{name} is no number"
    return ""


def _of_gradient(optimizer: Any, group: dict[str, Any], p: Tensor) -> str:
    g = p.grad
    assert g is not None
    if not in_memory(p) or not in_memory(g):
        return "a parameter or gradient without memory"
    if overlaps_itself(p):
        return "the elements of a parameter share memory"
    return _of_kind(p, g) or _of_layout(optimizer, group, g)


def _of_kind(p: Any, g: Any) -> str:
    if is_sharded(p) != is_sharded(g) or (is_sharded(p) and p.device_mesh != g.device_mesh) or is_partial(p):
        return "a gradient that is not divided as its parameter, or a parameter that no process has"
    for own, given in ((p, g), (inside(p), inside(g))):
        if (own.shape, own.device, own.is_complex()) != (given.shape, given.device, given.is_complex()):
            return "a gradient unlike its parameter"
    return ""


def _of_layout(optimizer: Any, group: Mapping[str, Any], g: Tensor) -> str:
    if g.is_sparse and (not optimizer.takes_sparse or group.get("weight_decay", 0.0) != 0 or not _in_range(g)):
        return "a sparse gradient"
    if not g.is_sparse and optimizer.rule.name == "sparse_adam":
        return "a dense gradient"
    return ""


def _in_range(g: Tensor) -> bool:
    sizes = torch.tensor(g.shape[: g.sparse_dim()]).unsqueeze(1)
    return bool(((g._indices() >= 0) & (g._indices() < sizes)).all())


def _of_state(name: str, value: Any, p: Tensor) -> str:
    if value is None:
        return ""
    if not isinstance(value, Tensor) or (is_sharded(value) and not is_sharded(p)):
        return f"a state {name} that is no tensor, or divided where its parameter is not"
    for own, given in ((p, value), (inside(p), inside(value))):
        if given.shape != own.shape or given.is_complex() != own.is_complex() or not _is_of_fractions(given):
            return f"a state {name} unlike its parameter"
    return "" if in_memory(value) and inside(value).device.type != "meta" else f"a state {name} without memory"


def _is_of_fractions(tensor: Tensor) -> bool:
    return tensor.is_floating_point() or tensor.is_complex()


def _numbers(lines: Program, state: Mapping[str, Any]) -> list[str]:
    """Those that are there; one that is None is made anew, but a step count is not."""
    counted = ["step"] if lines.rule.counts and "step" in state else []
    return counted + [name for name in lines.scalar_states if state.get(name) is not None]


def _of_number(name: str, value: Any) -> str:
    if not isinstance(value, Tensor):
        return "" if isinstance(value, (int, float)) else f"{name} is no number"
    value = inside(value)
    if value.numel() != 1 or value.device.type == "meta" or value.is_complex():
        return f"{name} is no number"
    return "" if in_memory(value) else f"{name} without memory"


def in_memory(tensor: Any) -> bool:
    """Whether there is memory of the CPU, or no need of it, under every element of a tensor."""
    tensor = inside(tensor)
    if not isinstance(tensor, Tensor):
        return True
    if tensor.is_sparse:
        return in_memory(tensor._indices()) and in_memory(tensor._values())
    if tensor.device.type != "cpu" or not tensor.numel():
        return True
    last = tensor.storage_offset() + sum(s * (n - 1) for s, n in zip(tensor.stride(), tensor.shape, strict=True))
    storage = tensor.untyped_storage()
    return storage.data_ptr() != 0 and (last + 1) * tensor.element_size() <= storage.nbytes()


def overlaps_itself(tensor: Any) -> bool:
    """Whether torch refuses to write to it."""
    tensor = inside(tensor)
    if not isinstance(tensor, Tensor) or tensor.is_sparse or not tensor.numel():
        return False
    return any(n > 1 and s == 0 for n, s in zip(tensor.shape, tensor.stride(), strict=True))
