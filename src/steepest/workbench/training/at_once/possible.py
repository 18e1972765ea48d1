"""Whether runs of a task may be trained at once, as far as the task itself says; and what a trial found."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from steepest.workbench.model.job import LEAST_AT_ONCE
from steepest.workbench.task import Task

MOST = 64
"""Runs at once: beyond that they gain little (3.0 times as fast with 16, 4.5 with 64), and more is lost by a crash."""
MOST_NUMBERS = 10_000_000
"""Parameters of all runs at once.  With larger models the processor does not wait for Python, and memory runs out."""


@dataclass(frozen=True)
class AtOnce:
    """What a trial of training runs at once has found.

    Args:
        most: How many runs may be trained at once; 0 where they cannot.
        one_seed: Whether these must be of one seed, since a step draws random numbers or uses what a seed decides.
        times: How many times as fast as one by one.
        seconds: Of a step of one of them.
        why: Why they cannot, as a sentence goes on after "because"; empty where they can.
    """

    most: int = 0
    one_seed: bool = False
    times: float = 1.0
    seconds: float = 0.0
    why: str = ""


def reason_against(task: Task) -> str:
    """Why runs of the task are not trained at once whatever a trial would find; empty if there is no reason."""
    if task.step is not None:
        return "the task makes its own steps"
    if task.parts:
        return "parts of the model have an optimizer each"
    if task.autocast is torch.float16:
        return "gradients are scaled (GradScaler), for each run by its own factor"
    if _has_hooks(task.model):
        return "the model has hooks, which would be called once for all runs"
    if most_of(task.model) < LEAST_AT_ONCE:
        return "the model is large enough to keep the processor busy alone"
    return ""


def most_of(model: torch.nn.Module) -> int:
    """How many runs at once the size of the model allows."""
    return min(MOST, MOST_NUMBERS // max(1, sum(p.numel() for p in model.parameters())))


def _has_hooks(model: torch.nn.Module) -> bool:
    of_modules = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    of_parameters = ("_backward_hooks", "_post_accumulate_grad_hooks")
    return any(getattr(module, name, None) for module in model.modules() for name in of_modules) or any(
        getattr(p, name, None) for p in model.parameters() for name in of_parameters
    )
