"""Rules that torch does not have, against the algorithm of their paper, transcribed to NumPy.

PAPERS is the one table that a new rule adds a line to, where there is something independent to compare it with.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
import torch

import steepest
from steepest import rules

Steps = Iterator[np.ndarray]


def adan(
    p: np.ndarray, gradients: Sequence[np.ndarray], lr: float, betas: Any, eps: float, weight_decay: float
) -> Steps:
    """Xie et al., 2022, algorithm 1, without restarts.  The paper's betas are one minus those of its authors' code."""
    beta1, beta2, beta3 = (1 - beta for beta in betas)
    m, v, n = gradients[0], np.zeros_like(p), gradients[0] ** 2
    for k, g in enumerate(gradients):
        if k > 0:
            difference = g - gradients[k - 1]
            m = (1 - beta1) * m + beta1 * g
            v = (1 - beta2) * v + beta2 * difference
            n = (1 - beta3) * n + beta3 * (g + (1 - beta2) * difference) ** 2
        eta = lr / (np.sqrt(n) + eps)
        p = (p - eta * (m + (1 - beta2) * v)) / (1 + weight_decay * lr)
        yield p


def lion(p: Any, gradients: Sequence[Any], lr: float, betas: Any, weight_decay: float) -> Steps:
    """Chen et al., 2023, program 1."""
    momentum = np.zeros_like(p)
    for g in gradients:
        update = np.sign(momentum * betas[0] + g * (1 - betas[0]))
        momentum = momentum * betas[1] + g * (1 - betas[1])
        p = p - (update + p * weight_decay) * lr
        yield p


PAPERS: list[tuple[Callable[..., Any], Callable[..., Steps], dict[str, Any]]] = [
    (rules.adan, adan, {"lr": 0.1, "betas": (0.98, 0.92, 0.99), "eps": 1e-8, "weight_decay": 0.02}),
    (rules.adan, adan, {"lr": 0.1, "betas": (0.5, 0.6, 0.7), "eps": 1e-3, "weight_decay": 0.0}),
    (rules.lion, lion, {"lr": 0.01, "betas": (0.9, 0.99), "weight_decay": 0.1}),
]


@pytest.mark.parametrize(("rule", "paper", "options"), PAPERS, ids=lambda value: getattr(value, "__name__", ""))
def test_a_rule_is_the_algorithm_of_its_paper(rule, paper, options: dict[str, Any]) -> None:
    start = np.linspace(-2, 2, 33)
    gradients = [np.cos(step + np.arange(33.0)) + 0.5 * start for step in range(12)]
    p = torch.nn.Parameter(torch.tensor(start))
    optimizer = steepest.optimizer(rule)([p], **options)
    for g, expected in zip(gradients, paper(start, gradients, **options), strict=True):
        p.grad = torch.tensor(g)
        optimizer.step()
        np.testing.assert_allclose(p.detach().numpy(), expected, rtol=1e-12, atol=1e-14)


def test_every_rule_is_compared_with_torch_or_a_paper() -> None:
    """A rule of torch's is compared with it in tests/torch; what torch does not have belongs into PAPERS."""
    ours = {cls.rule.function for cls in vars(steepest.torch).values() if hasattr(cls, "rule")}
    of_torch = {cls.rule.function for name, cls in vars(steepest.torch).items() if hasattr(torch.optim, name)
                and hasattr(cls, "rule")}  # fmt: skip
    missing = ours - of_torch - {rule for rule, _, _ in PAPERS}
    assert not missing, "add a transcription of the paper and a line of PAPERS, or say here why there is none"
