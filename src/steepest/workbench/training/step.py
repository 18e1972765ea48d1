"""One step of training, as a task describes it: batches, losses, gradients, clipping, updates.

Whole runs and range tests take the same steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import nullcontext
from typing import Any

import torch

from steepest.workbench.task import Task
from steepest.workbench.training.batches import Batches
from steepest.workbench.training.contract import loss_of, number_of_step

Build = Callable[[Iterable[Any]], Any]
"""Makes an optimizer of parameters, or of parameter groups."""


class TrainingStep:
    """Takes the steps of a task.

    Args:
        task: Says how.
        build: Makes each optimizer.
    """

    def __init__(self, task: Task, build: Build) -> None:
        self.task, self.batches = task, Batches(task.train)
        modules = {part: getattr(task.model, part) if part else task.model for part in task.parts or ("",)}
        self.optimizers = {part: build(_parameters(task, module)) for part, module in modules.items()}
        self.initial_rates = {part: _rates(one) for part, one in self.optimizers.items()}
        self.trained = {part: list(module.parameters()) for part, module in modules.items()}
        self.device = next(task.model.parameters()).device.type
        scales = task.autocast is torch.float16
        self.scaler = torch.amp.GradScaler(self.device) if scales else None  # type: ignore[attr-defined]
        self.latest: Callable[[], Any] = lambda: None
        """What the step does now, to be done again where it raised."""

    def take(self) -> torch.Tensor:
        """Take a step.  Its loss before the update; the sum over the parts where each has its own loss."""
        if self.task.step is not None:
            return self._users_step(self.task.step)
        batches = [next(self.batches) for _ in range(self.task.accumulate)]
        losses = [self._update(part, batches) for part in self.optimizers]
        if self.scaler is not None:
            self.scaler.update()
        return losses[0] if len(losses) == 1 else torch.stack([loss.to(losses[0].device) for loss in losses]).sum()

    def take_at(self, factor: float) -> torch.Tensor:
        """Take a step at the first rates times the factor."""
        self.set_rates(factor)
        return self.take()

    def _users_step(self, step: Callable[..., Any]) -> torch.Tensor:
        batch = next(self.batches)
        optimizers = self.optimizers if self.task.parts else self.optimizers[""]
        self.latest = lambda: step(self.task.model, batch, optimizers)
        return number_of_step(self.latest())

    def _update(self, part: str, batches: list[Any]) -> torch.Tensor:
        """The update of one optimizer; the mean loss of the batches."""
        optimizer, share = self.optimizers[part], len(batches)
        optimizer.zero_grad()
        losses = []
        for batch in batches:
            self.latest = lambda batch=batch: self._loss(part, batch)
            loss = self.latest()
            part_of_it = loss / share if share > 1 else loss
            (part_of_it if self.scaler is None else self.scaler.scale(part_of_it)).backward()
            losses.append(loss.detach().reshape(()))
        self.follow_gradients(part)
        return losses[0] if share == 1 else torch.stack(losses).mean()

    def follow_gradients(self, part: str = "") -> None:
        """Clip the gradients that are there, and take the optimizer's step along them."""
        self._clip(part)
        if self.scaler is None:
            self.optimizers[part].step()
        else:
            self.scaler.step(self.optimizers[part])

    def _loss(self, part: str, batch: Any) -> torch.Tensor:
        dtype = self.task.autocast
        with nullcontext() if dtype is None else torch.autocast(self.device, dtype):
            return loss_of(self.task, batch, part)

    def _clip(self, part: str) -> None:
        value, norm = self.task.clip_value, self.task.clip_norm
        if value is None and norm is None:
            return
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizers[part])
        if value is not None:
            torch.nn.utils.clip_grad_value_(self.trained[part], value)
        if norm is not None:
            torch.nn.utils.clip_grad_norm_(self.trained[part], norm)

    def set_rates(self, factor: float) -> None:
        """Give each group its first rate times the factor."""
        for part, optimizer in self.optimizers.items():
            for group, initial in zip(optimizer.param_groups, self.initial_rates[part], strict=True):
                group["lr"] = initial * factor

    def follows_schedule(self) -> bool:
        """Whether the optimizers change their rates by themselves."""
        return all(any(getattr(optimizer, "schedules", ())) for optimizer in self.optimizers.values())

    def state(self) -> dict[str, Any]:
        """What a run that is continued needs, beside the model."""
        states = {part: optimizer.state_dict() for part, optimizer in self.optimizers.items()}
        scaler = {} if self.scaler is None else self.scaler.state_dict()
        return {"optimizer": states if self.task.parts else states[""], "scaler": scaler, "batches": self.batches.taken}

    def restore(self, state: dict[str, Any], steps: int) -> None:
        """The inverse of `state`.  A state of the first release names no batches: it had one for each step."""
        self.batches.skip(state.get("batches", steps))
        for part, optimizer in self.optimizers.items():
            optimizer.load_state_dict(state["optimizer"][part] if self.task.parts else state["optimizer"])
        if self.scaler is not None:
            self.scaler.load_state_dict(state["scaler"])


def _parameters(task: Task, module: torch.nn.Module) -> Iterable[Any]:
    return module.parameters() if task.groups is None else list(task.groups(module))


def _rates(optimizer: Any) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]
