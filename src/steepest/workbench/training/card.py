"""What is trained, for a colleague who gets the report: the model, its batches, its data, the device."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from steepest.workbench.task import Task

LAYERS = 8
"""Of a sequence that are named."""


def card_of(task: Task) -> dict[str, str]:
    """The problem in a few words, each line by its title."""
    parameters = list(task.model.parameters())
    first = parameters[0]
    found = {
        "model": _model(task.model),
        "parameters": f"{sum(p.numel() for p in parameters):,}".replace(",", "\u202f"),
        "a batch": _described(next(iter(task.train), None)),
        "training data": _size(task.train),
        "device": f"{first.device.type}, {str(first.dtype).removeprefix('torch.')}",
    }
    return {title: said for title, said in found.items() if said}


def _model(model: torch.nn.Module) -> str:
    """The class; of a plain sequence its layers."""
    if not isinstance(model, torch.nn.Sequential):
        return type(model).__name__
    names = [type(layer).__name__ for layer in model]
    more = f", and {len(names) - LAYERS} more" if len(names) > LAYERS else ""
    return ", ".join(names[:LAYERS]) + more


def _described(batch: Any) -> str:
    """The shapes of the tensors in a batch: `64 x 64 float32, 64 int64`."""
    if isinstance(batch, torch.Tensor):
        shape = " x ".join(map(str, batch.shape)) or "one number"
        return f"{shape} {str(batch.dtype).removeprefix('torch.')}"
    if isinstance(batch, Mapping):
        return ", ".join(f"{name}: {said}" for name, each in batch.items() if (said := _described(each)))
    if isinstance(batch, tuple | list):
        return ", ".join(filter(None, map(_described, batch)))
    return ""


def _size(train: Any) -> str:
    """How many rows or batches there are, where the task's own object says so."""
    rows = getattr(train, "tensors", None) or getattr(train, "dataset", None)
    if rows is not None:
        rows = rows[0] if isinstance(rows, tuple) else rows
        return f"{len(rows)} rows" if hasattr(rows, "__len__") else ""
    return f"{len(train)} batches" if hasattr(train, "__len__") else ""
