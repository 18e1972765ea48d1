"""Whether a run trained, failed to train, or diverged."""

import math

import torch

from steepest.workbench.model.outcome import DIVERGED, FAILED, TRAINED, Trace
from steepest.workbench.task import Task


def verdict(task: Task, trace: Trace, model: torch.nn.Module) -> tuple[str, str]:
    """The status of a run that has ended, and the reason if the status is not `trained`."""
    if trace.curve and not math.isfinite(trace.curve[-1][2]):
        return DIVERGED, f"the training loss was not finite at step {trace.step}"
    if not all(bool(p.isfinite().all()) for p in model.parameters()):
        return DIVERGED, f"a parameter was not finite at step {trace.step}"
    first, last = trace.first(task.metric), trace.last(task.metric)
    if not math.isfinite(last):
        return DIVERGED, f"{task.metric} was not finite at step {trace.step}"
    if not task.better(last, first):
        return FAILED, f"{task.metric} ended at {last:.4g}, no better than {first:.4g} before the first step"
    if task.baseline is not None and not task.better(last, task.baseline):
        return (
            FAILED,
            f"{task.metric} ended at {last:.4g}, no better than a constant prediction's {task.baseline:.4g}",
        )
    return TRAINED, ""
