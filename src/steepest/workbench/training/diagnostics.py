"""What a step does to a model: the gradient norm, updates relative to weights, gradients that are not finite."""

import math
from collections.abc import Callable
from typing import Any

import torch

from steepest.workbench.model.diagnostics import GRADIENT_NORM, GRADIENTS_NOT_FINITE, UPDATE_RATIO
from steepest.workbench.model.outcome import Trace


class StepDiagnostics:
    """Measures single steps and does not change them."""

    def measured_step(
        self, model: torch.nn.Module, step: Callable[[], Any], trace: Trace
    ) -> list[tuple[int, float, str, float]]:
        """Take a step, and return what it did as (step, seconds, name, value).

        The ratio of a parameter is the norm of its change over its norm before.  A parameter of norm zero has none.
        """
        named = [(name, p) for name, p in model.named_parameters() if p.grad is not None]
        before = {name: p.detach().clone() for name, p in named}
        gradients = [_norm(p.grad) for _, p in named if p.grad is not None]
        step()
        found = {GRADIENT_NORM: math.hypot(*gradients)}
        found[GRADIENTS_NOT_FINITE] = float(sum(not math.isfinite(norm) for norm in gradients))
        for name, p in named:
            weight = _norm(before[name])
            if weight:
                found[UPDATE_RATIO + name] = _norm(p.detach() - before[name]) / weight
        return [(trace.step + 1, trace.seconds, name, value) for name, value in found.items()]


def _norm(tensor: torch.Tensor) -> float:
    whole = tensor.to_dense() if tensor.is_sparse else tensor
    return float(torch.linalg.vector_norm(whole.float() if whole.dtype in (torch.float16, torch.bfloat16) else whole))
