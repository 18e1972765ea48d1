"""What a step does to a model: the gradient norm, updates relative to weights, gradients that are not finite."""

import math
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any

import torch

from steepest.workbench.model.diagnostics import GRADIENT_NORM, GRADIENTS_NOT_FINITE, UPDATE_RATIO


class StepDiagnostics:
    """Measures what happens within `with StepDiagnostics(...)`, and does not change it.

    The measurement begins and ends where an optimizer does, so it sees gradients that are clipped and no longer scaled.

    Args:
        model: Whose parameters are looked at.
        optimizers: Whose steps are measured.
    """

    def __init__(self, model: torch.nn.Module, optimizers: Iterable[Any]) -> None:
        self.model, self.optimizers = model, list(optimizers)
        self.before: dict[str, torch.Tensor] = {}
        self.gradients: dict[str, float] = {}
        self.ratios: dict[str, float] = {}

    def __enter__(self) -> "StepDiagnostics":
        self.hooks = ExitStack()
        for optimizer in self.optimizers:
            self.hooks.callback(optimizer.register_step_pre_hook(self._look_before).remove)
            self.hooks.callback(optimizer.register_step_post_hook(self._look_after).remove)
        return self

    def __exit__(self, *error: object) -> None:
        self.hooks.close()

    def measured(self) -> dict[str, float]:
        """What was measured, by name; nothing where no optimizer took a step, as where a scaler skipped it.

        The ratio of a parameter is the norm of its change over its norm before.  A parameter of norm zero has none.
        """
        if not self.gradients:
            return {}
        norms = self.gradients.values()
        found = {GRADIENT_NORM: math.hypot(*norms)}
        found[GRADIENTS_NOT_FINITE] = float(sum(not math.isfinite(norm) for norm in norms))
        return found | {UPDATE_RATIO + name: ratio for name, ratio in self.ratios.items()}

    def _look_before(self, optimizer: Any, *arguments: Any) -> None:
        named = self._parameters_of(optimizer)
        self.before = {name: p.detach().clone() for name, p in named}
        self.gradients |= {name: _norm(p.grad) for name, p in named if p.grad is not None}

    def _look_after(self, optimizer: Any, *arguments: Any) -> None:
        for name, p in self._parameters_of(optimizer):
            if name in self.before and (weight := _norm(self.before[name])):
                self.ratios[name] = _norm(p.detach() - self.before[name]) / weight

    def _parameters_of(self, optimizer: Any) -> list[tuple[str, torch.nn.Parameter]]:
        own = {id(p) for group in optimizer.param_groups for p in group["params"]}
        return [(name, p) for name, p in self.model.named_parameters() if id(p) in own and p.grad is not None]


def _norm(tensor: torch.Tensor) -> float:
    whole = tensor.to_dense() if tensor.is_sparse else tensor
    return float(torch.linalg.vector_norm(whole.float() if whole.dtype in (torch.float16, torch.bfloat16) else whole))
