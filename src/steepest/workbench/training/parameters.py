"""The parameters of a task: what a line to paste says of them, their shapes, bytes and precision."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from steepest.workbench.task import Task


def has_half_parameters(task: Task) -> bool:
    """Whether any parameter is of half precision; under autocast they are not."""
    import torch

    return any(p.dtype in (torch.float16, torch.bfloat16) for p in task.model.parameters())


def line_of_parameters(task: Task) -> str:
    """What the line to paste has in the place of `model.parameters()`; empty where that is right."""
    module = f"model.<{'|'.join(task.parts)}>" if task.parts else "model"  # one optimizer for each of them
    if task.groups is not None:
        return f"groups({module})"
    return f"{module}.parameters()" if task.parts else ""


def listed_shapes(shapes: Sequence[tuple[int, ...]], most: int = 4) -> str:
    """As `32x64, 32 and 2 more`."""
    shown = ", ".join("x".join(map(str, shape)) or "()" for shape in shapes[:most])
    return shown + (f" and {len(shapes) - most} more" if len(shapes) > most else "")


def bytes_of(tensors: object) -> int:
    """The bytes of all tensors in nested containers; shared memory counts once."""
    import torch

    storages: dict[int, int] = {}

    def visit(part: object) -> None:
        if isinstance(part, torch.Tensor):
            storages[part.untyped_storage().data_ptr()] = part.untyped_storage().nbytes()
        elif isinstance(part, Mapping):
            for value in part.values():
                visit(value)
        elif isinstance(part, list | tuple):
            for value in part:
                visit(value)

    visit(tensors)
    return sum(storages.values())
