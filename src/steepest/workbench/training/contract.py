"""The contract of a task: what its parts must be, checked where they are first used."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from steepest.workbench.errors import TaskError
from steepest.workbench.model.outcome import Trace
from steepest.workbench.task import Task
from steepest.workbench.training.isolation import random_states, set_random_states


def checked(task: Any) -> Task:
    """The task itself.

    Raises:
        TaskError: It is not a Task, or there is nothing to train.
    """
    if not isinstance(task, Task):
        raise TaskError(f"The task function returned {_described(task)}; return a steepest.workbench.Task.")
    if not callable(task.evaluate) or not callable(task.loss):
        raise TaskError(
            f"The task's loss is {_described(task.loss)} and its evaluate {_described(task.evaluate)}; both are "
            "functions: loss(model, batch) gives a scalar, evaluate(model) a dictionary of numbers."
        )
    if not any(parameter.requires_grad for parameter in task.model.parameters()):
        raise TaskError("The task's model has no parameter that requires a gradient, so there is nothing to train.")
    if task.steps < 1 or task.evaluations < 1:
        raise TaskError(
            f"The task asks for steps={task.steps} and evaluations={task.evaluations}; both are at least 1."
        )
    return task


def loss_of(task: Task, batch: Any) -> torch.Tensor:
    """The loss of a batch.

    Raises:
        TaskError: It is not a single number, or depends on no parameter.
    """
    loss = task.loss(task.model, batch)
    if not (isinstance(loss, torch.Tensor) and loss.numel() == 1):
        raise TaskError(
            f"`loss(model, batch)` returned {_described(loss)}, but a run minimises one number; "
            "return a tensor with a single element, such as a mean over the batch."
        )
    if not loss.requires_grad:
        raise TaskError(
            "`loss(model, batch)` returned a number that depends on no parameter of the model; compute it from "
            "model(...) without .item(), .detach() or torch.no_grad()."
        )
    return loss


def evaluated(task: Task) -> dict[str, float]:
    """The metrics of the model.

    Raises:
        TaskError: The deciding metric is not among them, or a value is not a number.
    """
    metrics = metrics_of(task)
    if task.metric not in metrics:
        raise TaskError(
            f"`evaluate(model)` returned the names {', '.join(map(repr, metrics))}, but the task's metric is "
            f"{task.metric!r}; return a dictionary with that name, or give the task another `metric`."
        )
    return metrics


def metrics_of(task: Task) -> dict[str, float]:
    """All that `evaluate` gives, without gradients and with the random state unchanged."""
    task.model.eval()
    states = random_states()
    with torch.no_grad():
        metrics = task.evaluate(task.model)
    set_random_states(states)
    if not isinstance(metrics, Mapping):
        raise TaskError(
            f"`evaluate(model)` returned {_described(metrics)}, but the task's metric is {task.metric!r}; return a "
            "dictionary with that name, or give the task another `metric`."
        )
    return {str(name): _number(name, value) for name, value in metrics.items()}


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        raise TaskError(
            f"`evaluate(model)` returned {_described(value)} under {name!r}; return one number, such as a mean."
        ) from None


def check_first_values(task: Task, trace: Trace) -> None:
    """Check that the loss and the metric are finite before the first step: no optimizer can repair them.

    Raises:
        TaskError: One of them is not finite.
    """
    if trace.curve and not math.isfinite(trace.curve[0][2]):
        raise TaskError(
            f"The loss is {trace.curve[0][2]} at the first step, before any parameter has changed; look for missing "
            "values in the batches, and for a logarithm or a division in the loss."
        )
    if not math.isfinite(trace.first(task.metric)):
        raise TaskError(
            f"{task.metric} is {trace.first(task.metric)} before the first step; look for missing values in the "
            "held-out data, and at what `evaluate` divides by."
        )


def _described(value: Any) -> str:
    """A value as a sentence names it: its type, and its shape if it has one."""
    shape = getattr(value, "shape", None)
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}" + (
        f" of shape {tuple(shape)}" if shape is not None else ""
    )
