"""What a step does to a model: gradient norms, updates relative to weights, gradients that are not finite."""

import math
from collections.abc import Callable
from typing import Any

import torch

from steepest.workbench.model.diagnostics import GRADIENT, NOT_FINITE, RATIO
from steepest.workbench.model.outcome import Trace


class Gauge:
    """Measures steps without changing them."""

    def watched(
        self, model: torch.nn.Module, step: Callable[[], Any], trace: Trace
    ) -> list[tuple[int, float, str, float]]:
        """Take a step; answer with what it did, as (step, seconds, name, value).

        The ratio of a parameter is the norm of its change over its norm before; none for one that was zero.
        """
        named = [(name, p) for name, p in model.named_parameters() if p.grad is not None]
        before = {name: p.detach().clone() for name, p in named}
        gradients = [_norm(p.grad) for _, p in named if p.grad is not None]
        step()
        found = {GRADIENT: math.hypot(*gradients), NOT_FINITE: float(sum(not math.isfinite(n) for n in gradients))}
        for name, p in named:
            weight = _norm(before[name])
            if weight:
                found[RATIO + name] = _norm(p.detach() - before[name]) / weight
        return [(trace.step + 1, trace.seconds, name, value) for name, value in found.items()]


def _norm(tensor: torch.Tensor) -> float:
    whole = tensor.to_dense() if tensor.is_sparse else tensor
    return float(torch.linalg.vector_norm(whole.float() if whole.dtype in (torch.float16, torch.bfloat16) else whole))
