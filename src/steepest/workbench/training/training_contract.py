"""The contract of what a task says about its training: each field checked, and checked with the others."""

from collections.abc import Mapping
from typing import Any

import torch

from steepest.workbench.errors import TaskError, nearest
from steepest.workbench.task import Task


def check_training(task: Task) -> None:
    """Check that a run can be made as the task says.

    Raises:
        TaskError: It cannot; the message says what to change.
    """
    _check_functions(task)
    _check_counts(task)
    _check_gradients(task)
    _check_own_step(task)
    _check_parts(task)
    if task.groups is not None:
        for part in task.parts or ("",):
            _check_groups(task, part)


def described(value: Any) -> str:
    """A value as a sentence names it: its type, and its shape if it has one."""
    shape = getattr(value, "shape", None)
    name = type(value).__name__
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}" + (
        f" of shape {tuple(shape)}" if shape is not None else ""
    )


def _check_functions(task: Task) -> None:
    losses = list(task.loss.values()) if isinstance(task.loss, Mapping) else [task.loss]
    if not callable(task.evaluate) or (task.step is None and not all(callable(loss) for loss in losses)):
        raise TaskError(
            f"The task's loss is {described(task.loss)} and its evaluate {described(task.evaluate)}; both are "
            "functions: loss(model, batch) gives a scalar, evaluate(model) a dictionary of numbers."
        )
    for name, given in (("groups", task.groups), ("step", task.step)):
        if given is not None and not callable(given):
            raise TaskError(f"The task's {name} is {described(given)}; give a function, or leave it out.")


def _check_counts(task: Task) -> None:
    if task.steps < 1 or task.evaluations < 1:
        raise TaskError(
            f"The task asks for steps={task.steps} and evaluations={task.evaluations}; both are at least 1."
        )
    for name, count in (("accumulate", task.accumulate), ("patience", task.patience)):
        if count is not None and (not isinstance(count, int) or isinstance(count, bool) or count < 1):
            what = "batches for each step" if name == "accumulate" else "evaluations without a better one"
            raise TaskError(f"The task has {name}={count!r}; give a whole number of {what}, at least 1.")


def _check_gradients(task: Task) -> None:
    for name, bound in (("clip_norm", task.clip_norm), ("clip_value", task.clip_value)):
        if bound is not None and not (isinstance(bound, int | float) and bound > 0):
            raise TaskError(
                f"The task has {name}={bound!r}, and gradients cannot be clipped to that; give a positive number, or "
                "leave it out."
            )
    if task.autocast not in (None, torch.float16, torch.bfloat16):
        raise TaskError(
            f"The task has autocast={task.autocast!r}; give torch.bfloat16 or torch.float16 (with which gradients are "
            "scaled), or leave it out."
        )


def _check_own_step(task: Task) -> None:
    if task.step is None:
        return
    does_itself = {
        "loss": task.loss is not None,
        "clip_norm": task.clip_norm is not None,
        "clip_value": task.clip_value is not None,
        "accumulate": task.accumulate != 1,
        "autocast": task.autocast is not None,
    }
    if twice := [name for name, given in does_itself.items() if given]:
        none = " (loss=None)" if "loss" in twice else ""
        raise TaskError(
            f"The task makes its own step and has {' and '.join(twice)} too, which nothing would use; leave "
            f"{'it' if len(twice) == 1 else 'them'} out{none}, or leave out `step`."
        )


def _check_parts(task: Task) -> None:
    if isinstance(task.loss, Mapping) and not task.loss:
        raise TaskError("The task's loss is an empty dictionary; give each part of the model its loss.")
    names = [name for name, _ in task.model.named_children()]
    for part in task.parts:
        if part not in names:
            raise TaskError(
                f"The task has an optimizer for {part!r}, which the model does not have{nearest(part, names)}; "
                f"its parts are {', '.join(names) or 'none'}. Give several models as one nn.ModuleDict."
            )
    trained = {id(p) for part in task.parts for p in getattr(task.model, part).parameters()}
    if task.parts and (
        left := [n for n, p in task.model.named_parameters() if p.requires_grad and id(p) not in trained]
    ):
        raise TaskError(
            f"No optimizer trains {left[0]}{' and others' if left[1:] else ''}: it is in none of the parts "
            f"{', '.join(task.parts)}; give it to one of them, or set its requires_grad to False."
        )


def _check_groups(task: Task, part: str) -> None:
    module = getattr(task.model, part) if part else task.model
    assert task.groups is not None
    groups = list(task.groups(module))
    for group in groups:
        if not isinstance(group, Mapping) or "params" not in group:
            raise TaskError(
                f"`groups(model)` gave {described(group)}; give dictionaries: "
                "[{'params': [...]}, {'params': [...], 'weight_decay': 0.0, 'lr_factor': 0.1}]."
            )
        if "lr" in group:
            raise TaskError(
                f"`groups(model)` gave a group lr={group['lr']!r}, but the rate is what is searched; give lr_factor, "
                "by which the rate of the group is multiplied."
            )
        factor = group.get("lr_factor", 1.0)
        if not (isinstance(factor, int | float) and factor > 0):
            raise TaskError(f"`groups(model)` gave a group lr_factor={factor!r}; give a positive number.")
    found = {id(p) for group in groups for p in group["params"]}
    if left := [name for name, p in module.named_parameters() if p.requires_grad and id(p) not in found]:
        raise TaskError(
            f"`groups(model)` leaves out {left[0]}{' and others' if left[1:] else ''}, which would not be trained; add "
            "it to a group (lists, not generators), or set its requires_grad to False."
        )
