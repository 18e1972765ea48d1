"""Losses and gradients of several models of one architecture, computed at once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from steepest import population
from steepest.workbench.task import Task


class Gradients:
    """Computes the gradients of all models by one backward pass.

    The values, the gradients and the buffers of each model become parts of those of all.  So everything else that
    looks at a model (its optimizer, its evaluation, what is saved of it) finds what a model alone would have.

    Args:
        task: Has the loss, the same for all models.
        models: Of one architecture.
        draws: Whether the models may draw random numbers, all the same ones.
    """

    def __init__(self, task: Task, models: Sequence[nn.Module], draws: bool) -> None:
        self.task, self.models = task, list(models)
        self.device = next(self.models[0].parameters()).device.type
        nobody = partial(torch.optim.SGD, lr=0.0)  # each model has an optimizer of its own
        self.many = population(self.models, nobody, [{}] * len(self.models), randomness="same" if draws else "error")
        self._hand_out()

    def keep(self, places: Sequence[int]) -> None:
        """Go on with these models alone."""
        self.models = [self.models[place] for place in places]
        self.many.keep(places)
        self._hand_out()

    def take(self, batches: Sequence[Any], own: bool) -> Tensor:
        """The loss of each model, a mean over the batches; the gradients are left in the models.

        Args:
            batches: The loss of each counts alike.
            own: Whether the tensors in a batch have one dimension more, the first, for the models.
        """
        losses, done = [], set[str]()
        for batch in batches:
            losses.append(self.many.call(self._loss, batch, own=own))
            found = torch.autograd.grad(losses[-1].sum() / len(batches), [*self.trained.values()], allow_unused=True)
            self._add(dict(zip(self.trained, found, strict=True)), done)
        if done != self.given:  # a parameter that the loss does not use has no gradient, which is not one of zero
            self._give(done)
        return losses[0].detach() if len(losses) == 1 else torch.stack(losses).detach().mean(0)

    def _loss(self, model: nn.Module, batch: Any) -> Tensor:
        assert callable(self.task.loss)
        dtype = self.task.autocast
        with nullcontext() if dtype is None else torch.autocast(self.device, dtype):
            return self.task.loss(model, batch).reshape(())

    def _add(self, found: dict[str, Tensor | None], done: set[str]) -> None:
        for name, gradient in found.items():
            if gradient is None:
                continue
            if name in done:
                self.gradients[name].add_(gradient)
            else:
                self.gradients[name].copy_(gradient)
                done.add(name)

    def _hand_out(self) -> None:
        """Let each model have its part of what all have."""
        self.trained = {name: p for name, p in self.many.parameters.items() if p.requires_grad}
        self.gradients = {name: torch.zeros_like(p) for name, p in self.trained.items()}
        for place, model in enumerate(self.models):
            for name, p in model.named_parameters():
                p.data = self.many.parameters[name].detach()[place]
            for name, buffer in model.named_buffers():
                buffer.data = self.many.buffers[name].detach()[place]
        self._give(set(self.trained))

    def _give(self, names: set[str]) -> None:
        """Let the parameters of these names have gradients, which stay where they are, and no others."""
        self.given = names
        for place, model in enumerate(self.models):
            for name, p in model.named_parameters():
                p.grad = self.gradients[name][place] if name in names else None
