"""The contract of a task: what its parts must be, checked where they are first used."""

import math
from collections.abc import Mapping
from typing import Any

import torch

from steepest.workbench.errors import TaskError
from steepest.workbench.model.outcome import Trace
from steepest.workbench.task import Task
from steepest.workbench.training.isolation import random_states, set_random_states
from steepest.workbench.training.training_contract import check_training, described


def checked(task: Any) -> Task:
    """The task itself.

    Raises:
        TaskError: It is not a Task, or there is nothing to train.
    """
    if not isinstance(task, Task):
        raise TaskError(f"The task function returned {described(task)}; return a steepest.workbench.Task.")
    if not any(parameter.requires_grad for parameter in _model(task).parameters()):
        raise TaskError("The task's model has no parameter that requires a gradient, so there is nothing to train.")
    check_training(task)
    return task


def _model(task: Task) -> torch.nn.Module:
    if not isinstance(task.model, torch.nn.Module):
        raise TaskError(
            f"The task's model is {described(task.model)}; give a torch.nn.Module, and several models as one: "
            "nn.ModuleDict({'generator': ..., 'discriminator': ...})."
        )
    return task.model


def loss_of(task: Task, batch: Any, part: str = "") -> torch.Tensor:
    """The loss of a batch; of one part, where each has its own.

    Raises:
        TaskError: It is not a single number, or depends on no parameter.
    """
    given = task.loss[part] if isinstance(task.loss, Mapping) else task.loss
    assert given is not None  # `check_training` has seen it
    loss = given(task.model, batch)
    if not (isinstance(loss, torch.Tensor) and loss.numel() == 1):
        raise TaskError(
            f"`loss(model, batch)` returned {described(loss)}, but a run minimises one number; "
            "return a tensor with a single element, such as a mean over the batch."
        )
    if not loss.requires_grad:
        raise TaskError(
            "`loss(model, batch)` returned a number that depends on no parameter of the model; compute it from "
            "model(...) without .item(), .detach() or torch.no_grad()."
        )
    return loss


def number_of_step(returned: Any) -> torch.Tensor:
    """What a step of the task's own returned, as a tensor.

    Raises:
        TaskError: It is not a single number.
    """
    if isinstance(returned, int | float) and not isinstance(returned, bool):
        return torch.tensor(float(returned))
    if isinstance(returned, torch.Tensor) and returned.numel() == 1:
        return returned.detach().reshape(())
    raise TaskError(
        f"`step(model, batch, optimizer)` returned {described(returned)}; return the loss of the step, one number, "
        "which the report draws."
    )


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
            f"`evaluate(model)` returned {described(metrics)}, but the task's metric is {task.metric!r}; return a "
            "dictionary with that name, or give the task another `metric`."
        )
    return {str(name): _number(name, value) for name, value in metrics.items()}


def _number(name: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, RuntimeError):
        raise TaskError(
            f"`evaluate(model)` returned {described(value)} under {name!r}; return one number, such as a mean."
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
