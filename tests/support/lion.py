"""Lion as Chen et al. (2023, program 1) state it, in torch's own operations: what torch itself does not have."""

import torch
from torch.optim.optimizer import (
    Optimizer,
    _use_grad_for_differentiable,  # pyright: ignore[reportPrivateUsage]
)


class Lion(Optimizer):
    """One tensor at a time."""

    def __init__(
        self, params, lr=1e-4, betas=(0.9, 0.99), weight_decay=0.0,
        *, foreach=None, maximize=False, capturable=False, differentiable=False, fused=None,
    ):  # fmt: skip
        options = {"foreach": foreach, "maximize": maximize, "capturable": capturable, "fused": fused}
        options["differentiable"] = differentiable
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, **options})

    @_use_grad_for_differentiable
    def step(self, closure=None):  # type: ignore[override]
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._step_one(p, group)
        return loss

    def _step_one(self, p, group):
        state, (beta1, beta2) = self.state[p], group["betas"]
        if not state:
            state["exp_avg"] = torch.zeros_like(p, memory_format=torch.preserve_format)
        g = -p.grad if group["maximize"] else p.grad
        update = state["exp_avg"].mul(beta1).add(g, alpha=1 - beta1).sign()
        p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update, alpha=-group["lr"])
        if group["differentiable"]:
            state["exp_avg"] = state["exp_avg"].mul(beta2).add(g, alpha=1 - beta2)
        else:
            state["exp_avg"].mul_(beta2).add_(g, alpha=1 - beta2)
