"""Written by `python -m steepest.torch.stubs`; do not edit."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim.optimizer import ParamsT

from steepest.schedules import Schedule
from steepest.torch.optimizers.base import RuleOptimizer as RuleOptimizer
from steepest.torch.functional import functional as functional
from steepest.torch.populations import population as population
from steepest.torch.optimizers.scheduled import ScheduledOptimizer

__all__ = ["LBFGS", "ASGD", "Adadelta", "Adafactor", "Adagrad", "Adam", "AdamW", "Adamax", "Adan", "Lion", "Muon", "NAdam", "RAdam", "RMSprop", "Rprop", "SGD", "SparseAdam", "RuleOptimizer", "functional", "optimizer", "population"]

class LBFGS(ScheduledOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-07,
        tolerance_change: float = 1e-09,
        history_size: int = 100,
        line_search_fn: str | None = None,
        *,
        maximize: bool = False,
    ) -> None: ...
    def step(self, closure: Callable[[], Any] | None = None) -> Any: ...  # type: ignore[override]

class ASGD(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.01,
        lambd: float | Schedule = 0.0001,
        alpha: float | Schedule = 0.75,
        t0: float | Schedule = 1000000.0,
        weight_decay: float | Schedule = 0.0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Adadelta(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 1.0,
        rho: float | Schedule = 0.9,
        eps: float | Schedule = 1e-06,
        weight_decay: float | Schedule = 0.0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None: ...

class Adafactor(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.01,
        beta2_decay: float | Schedule = -0.8,
        eps: tuple[float | Schedule | None, float | Schedule] = (None, 0.001),
        d: float | Schedule = 1.0,
        weight_decay: float | Schedule = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None: ...

class Adagrad(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.01,
        lr_decay: float | Schedule = 0.0,
        weight_decay: float | Schedule = 0.0,
        initial_accumulator_value: float | Schedule = 0.0,
        eps: float | Schedule = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None: ...
    def share_memory(self) -> None: ...

class Adam(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.001,
        betas: tuple[float | Schedule | torch.Tensor, float | Schedule | torch.Tensor] = (0.9, 0.999),
        eps: float | Schedule = 1e-08,
        weight_decay: float | Schedule = 0.0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None: ...

class AdamW(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.001,
        betas: tuple[float | Schedule | torch.Tensor, float | Schedule | torch.Tensor] = (0.9, 0.999),
        eps: float | Schedule = 1e-08,
        weight_decay: float | Schedule = 0.01,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None: ...

class Adamax(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.002,
        betas: tuple[float | Schedule, float | Schedule] = (0.9, 0.999),
        eps: float | Schedule = 1e-08,
        weight_decay: float | Schedule = 0.0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None: ...

class Adan(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule = 0.001,
        betas: tuple = (0.98, 0.92, 0.99),
        eps: float | Schedule = 1e-08,
        weight_decay: float | Schedule = 0.0,
        *,
        foreach: Any = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: Any = None,
    ) -> None: ...

class Lion(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule = 0.0001,
        betas: tuple = (0.9, 0.99),
        weight_decay: float | Schedule = 0.0,
        *,
        foreach: Any = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: Any = None,
    ) -> None: ...

class Muon(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule = 0.001,
        weight_decay: float | Schedule = 0.1,
        momentum: float | Schedule = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float | Schedule, float | Schedule, float | Schedule] = (3.4445, -4.775, 2.0315),
        eps: float | Schedule = 1e-07,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
        *,
        beyond_matrices: Any = None,
    ) -> None: ...

class NAdam(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.002,
        betas: tuple[float | Schedule, float | Schedule] = (0.9, 0.999),
        eps: float | Schedule = 1e-08,
        weight_decay: float | Schedule = 0.0,
        momentum_decay: float | Schedule = 0.004,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None: ...

class RAdam(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.001,
        betas: tuple[float | Schedule, float | Schedule] = (0.9, 0.999),
        eps: float | Schedule = 1e-08,
        weight_decay: float | Schedule = 0.0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
    ) -> None: ...

class RMSprop(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.01,
        alpha: float | Schedule = 0.99,
        eps: float | Schedule = 1e-08,
        weight_decay: float | Schedule = 0.0,
        momentum: float | Schedule = 0.0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None: ...

class Rprop(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.01,
        etas: tuple[float | Schedule, float | Schedule] = (0.5, 1.2),
        step_sizes: tuple[float | Schedule, float | Schedule] = (1e-06, 50.0),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None: ...

class SGD(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.001,
        momentum: float | Schedule = 0.0,
        dampening: float | Schedule = 0.0,
        weight_decay: float | Schedule | torch.Tensor = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None: ...

class SparseAdam(RuleOptimizer):
    def __init__(
        self,
        params: ParamsT,
        lr: float | Schedule | torch.Tensor = 0.001,
        betas: tuple[float | Schedule, float | Schedule] = (0.9, 0.999),
        eps: float | Schedule = 1e-08,
        maximize: bool = False,
    ) -> None: ...

def optimizer(rule: Callable[..., Any]) -> type[RuleOptimizer]: ...
