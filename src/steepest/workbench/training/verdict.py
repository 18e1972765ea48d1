"""Whether a run trained, failed to train, or diverged."""

import math

import torch

from steepest.workbench.model.outcome import DIVERGED, FAILED, HIGHEST, LAST, LOWEST, TRAINED, Trace
from steepest.workbench.task import Task


def judged_by(task: Task) -> str:
    """Which value of its metric a run of the task is judged by."""
    if not task.best and task.patience is None:
        return LAST
    return HIGHEST if task.higher_is_better else LOWEST


def verdict(task: Task, trace: Trace, model: torch.nn.Module) -> tuple[str, str]:
    """The status of a run that has ended, and the reason if the status is not `trained`."""
    if trace.curve and not math.isfinite(trace.curve[-1][2]):
        return DIVERGED, f"the training loss was not finite at step {trace.step}"
    if not all(bool(p.isfinite().all()) for p in model.parameters()):
        return DIVERGED, f"a parameter was not finite at step {trace.step}"
    first, result = trace.first(task.metric), trace.result(task.metric)
    if not math.isfinite(trace.last(task.metric)) or not math.isfinite(result):
        return DIVERGED, f"{task.metric} was not finite at step {trace.step}"
    ended = f"{task.metric} {'ended at' if trace.judged_by == LAST else 'was at best'} {result:.4g}"
    if not task.better(result, first):
        return FAILED, f"{ended}, no better than {first:.4g} before the first step"
    if task.baseline is not None and not task.better(result, task.baseline):
        return FAILED, f"{ended}, no better than a constant prediction's {task.baseline:.4g}"
    return TRAINED, ""
