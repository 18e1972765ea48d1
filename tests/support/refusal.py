"""Which steps must be refused: what no step can make sense of, by the tensors alone."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from steepest.compiler.program import Program

States = Mapping[Tensor, Mapping[str, Any]]


def refusal(optimizer: Any, lines: Program, group: dict[str, Any], stepped: Sequence[Tensor], states: States) -> str:
    """Why a group cannot be stepped, or ""."""
    made: dict[tuple[int, str], torch.Size] = {}  # two parameters may have one dictionary that is still empty
    for p in stepped:
        state = states.get(p, {})
        why = (
            _of_gradient(optimizer, group, p)
            or next(filter(None, (_of_state(name, state.get(name), p) for name in lines.state)), "")
            or next(filter(None, (_of_number(name, state[name]) for name in _numbers(lines, state))), "")
        )
        if why:
            return why
        for name in lines.state:
            if state.get(name) is None and p in states and made.setdefault((id(state), name), p.shape) != p.shape:
                return f"one state {name} for two shapes"
    if stepped and isinstance(group["lr"], Tensor) and group["lr"].numel() != 1:
        return "two learning rates"
    return ""


def _of_gradient(optimizer: Any, group: dict[str, Any], p: Tensor) -> str:
    g = p.grad
    assert g is not None
    if not in_memory(p) or not in_memory(g):
        return "a parameter or gradient without memory"
    if overlaps_itself(p):
        return "the elements of a parameter share memory"
    if (p.shape, p.device, p.is_complex()) != (g.shape, g.device, g.is_complex()):
        return "a gradient unlike its parameter"
    if g.is_sparse and (not optimizer.takes_sparse or group.get("weight_decay", 0.0) or not _in_range(g)):
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
    if not isinstance(value, Tensor) or value.shape != p.shape or value.is_complex() != p.is_complex():
        return f"a state {name} unlike its parameter"
    return "" if in_memory(value) and value.device.type != "meta" else f"a state {name} without memory"


def _numbers(lines: Program, state: Mapping[str, Any]) -> list[str]:
    """Those that are there; one that is None is made anew, but a step count is not."""
    counted = ["step"] if lines.rule.counts and "step" in state else []
    return counted + [name for name in lines.scalar_states if state.get(name) is not None]


def _of_number(name: str, value: Any) -> str:
    if not isinstance(value, Tensor):
        return "" if isinstance(value, (int, float)) else f"{name} is no number"
    if value.numel() != 1 or value.device.type == "meta":
        return f"{name} is no number"
    return "" if in_memory(value) else f"{name} without memory"


def in_memory(tensor: Tensor) -> bool:
    """Whether there is memory of the CPU, or no need of it, under every element of a tensor."""
    if tensor.is_sparse:
        return in_memory(tensor._indices()) and in_memory(tensor._values())
    if tensor.device.type != "cpu" or not tensor.numel():
        return True
    last = tensor.storage_offset() + sum(s * (n - 1) for s, n in zip(tensor.stride(), tensor.shape, strict=True))
    storage = tensor.untyped_storage()
    return storage.data_ptr() != 0 and (last + 1) * tensor.element_size() <= storage.nbytes()


def overlaps_itself(tensor: Any) -> bool:
    """Whether torch refuses to write to it."""
    if not isinstance(tensor, Tensor) or tensor.is_sparse or not tensor.numel():
        return False
    return any(n > 1 and s == 0 for n, s in zip(tensor.shape, tensor.stride(), strict=True))
