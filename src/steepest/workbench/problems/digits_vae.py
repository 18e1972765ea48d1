"""Handwritten digits (8 x 8 pixels), a variational autoencoder; a second or two a run.

Judged by a bound on the negative log-likelihood of held-out images, in nats (Burda, Grosse, Salakhutdinov, "Importance
weighted autoencoders", 2016).  A decoder that ignores its code gives every pixel its mean, whose value is the baseline:
such a run has failed to train.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from steepest.workbench.problems import _digits
from steepest.workbench.task import Shuffled, Task

CODE, HIDDEN = 8, 128
SAMPLES = 16
"""Codes for each held-out image."""


class Autoencoder(nn.Module):
    """An image gives a normal distribution of codes; a code gives the logits of the pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(nn.Flatten(), nn.Linear(64, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 2 * CODE))
        self.decode = nn.Sequential(nn.Linear(CODE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 64))

    def forward(self, images: Tensor, noise: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Mean and log of the standard deviation of the codes, codes, logits."""
        mean, log_std = self.encode(images).chunk(2, dim=-1)
        codes = mean + log_std.exp() * noise
        return mean, log_std, codes, self.decode(codes)


def _pixels(logits: Tensor, images: Tensor) -> Tensor:
    """Minus the log-likelihood of the pixels, summed; a grey pixel counts as its share of black and white."""
    target = images.flatten(-3).expand_as(logits)
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").sum(-1)


def loss(model: Any, batch: tuple[Tensor]) -> Tensor:
    """Minus the evidence lower bound, in nats an image."""
    (images,) = batch
    mean, log_std, _, logits = model(images, torch.randn(len(images), CODE))
    divergence = 0.5 * (mean**2 + (2 * log_std).exp() - 1 - 2 * log_std).sum(-1)
    return (_pixels(logits, images) + divergence).mean()


def evaluate(model: Any) -> dict[str, float]:
    """The importance-weighted bound on held-out images, with the same noise each time."""
    _, _, images, _ = _digits.split()
    noise = torch.randn(SAMPLES, len(images), CODE, generator=torch.Generator().manual_seed(0))
    _, log_std, codes, logits = model(images, noise)
    log_prior = -0.5 * (codes**2).sum(-1)
    log_posterior = -0.5 * (noise**2).sum(-1) - log_std.sum(-1)
    weights = -_pixels(logits, images) + log_prior - log_posterior
    bound = torch.logsumexp(weights, 0) - torch.tensor(float(SAMPLES)).log()
    return {"nll": -bound.mean().item()}


@cache
def constant_nll() -> float:
    """The value for held-out images of a decoder that gives every pixel its mean."""
    images, _, held_out, _ = _digits.split()
    logits = torch.logit(images.flatten(1).mean(0).clamp(1e-3, 1 - 1e-3))
    return _pixels(logits.expand(len(held_out), 64), held_out).mean().item()


def task(seed: int) -> Task:
    """64 -> 128 -> 8 -> 128 -> 64, batches of 64, 600 steps."""
    torch.manual_seed(seed)
    images, _, _, _ = _digits.split()
    return Task(
        model=Autoencoder(),
        loss=loss,
        train=Shuffled(images, size=64, seed=seed),
        evaluate=evaluate,
        metric="nll",
        steps=600,
        baseline=constant_nll(),
    )
