"""Whether an exception of the task is the end of a run that diverged, or a fault of the task."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch

from steepest.workbench.model.user_code import in_one_line
from steepest.workbench.task import Task


def what_is_not_finite(task: Task, losses: torch.Tensor, again: Callable[[], Any]) -> str:
    """What was not finite when the task raised, as a sentence begins: "a gradient was"; empty where all is finite.

    Args:
        task: Has the model.
        losses: The last loss, or the sum of the last losses.
        again: Does once more what raised.  The model's values may be finite and so large that its outputs are not.
    """
    parts = {
        "the training loss was": [losses],
        "a parameter was": task.model.parameters(),
        "a gradient was": (p.grad for p in task.model.parameters() if p.grad is not None),
        "a buffer of the model was": task.model.buffers(),
    }
    try:
        found = next((name for name, tensors in parts.items() if not _all_finite(tensors)), "")
        return found or ("an output of the model was" if _outputs_overflow(task.model, again) else "")
    except Exception:  # a device that has failed answers nothing more: that is no divergence
        return ""


def reason(error: Exception, what: str, step: int) -> str:
    """Why the run counts as diverged."""
    return f"{what} not finite after step {step}, and the task raised {in_one_line(error)}"


def is_the_machines(error: Exception) -> bool:
    """Whether memory was short, which says nothing about the numbers."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError)


def _all_finite(tensors: Iterable[torch.Tensor]) -> bool:
    return all(bool((t.coalesce().values() if t.is_sparse else t).isfinite().all()) for t in tensors)


def _outputs_overflow(model: torch.nn.Module, again: Callable[[], Any]) -> bool:
    """Whether a module gives numbers that are not finite when the task does the same once more."""
    seen: list[bool] = []

    def look(module: torch.nn.Module, inputs: Any, output: Any) -> None:
        seen.extend(not _all_finite([t]) for t in _tensors(output) if t.is_floating_point())

    hooks = [module.register_forward_hook(look) for module in model.modules()]
    try:
        again()
    except Exception:  # as it did before
        pass
    finally:
        for hook in hooks:
            hook.remove()
    return any(seen)


def _tensors(output: Any) -> list[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        return [output]
    parts = output.values() if isinstance(output, dict) else output if isinstance(output, list | tuple) else ()
    return [tensor for part in parts for tensor in _tensors(part)]
