"""Handwritten digits (8 x 8 pixels), a small generative adversarial network; a few seconds a run.

Judged by the energy distance between generated and held-out images, E|X - Y| - (E|X - X'| + E|Y - Y'|) / 2, which is
zero only where the two distributions are equal (Szekely and Rizzo, 2013).  A generator that gives few kinds of images
has a small E|X - X'| and a large distance; one that gives a single image cannot be better than the baseline.
"""

from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from steepest.workbench.problems import _digits
from steepest.workbench.task import Shuffled, Task

CODE, HIDDEN, GENERATED = 16, 128, 720


def generated(model: Any, codes: Tensor) -> Tensor:
    """Images for codes, one row each."""
    return model.generator(codes).sigmoid()


def of_critic(model: Any, batch: tuple[Tensor]) -> Tensor:
    """Real images are scored high, generated ones low; with a penalty on the gradient at real ones.

    Mescheder, Geiger, Nowozin, "Which training methods for GANs do actually converge?", 2018: without it, none does.
    """
    real = batch[0].flatten(1).requires_grad_()
    fake = generated(model, torch.randn(len(real), CODE)).detach()
    scores = model.critic(real)
    (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
    penalty = 0.5 * (slope**2).sum(1).mean()
    return functional.softplus(-scores).mean() + functional.softplus(model.critic(fake)).mean() + penalty


def of_generator(model: Any, batch: tuple[Tensor]) -> Tensor:
    """Generated images are to be scored high (Goodfellow et al., 2014, the form that does not saturate)."""
    return functional.softplus(-model.critic(generated(model, torch.randn(len(batch[0]), CODE)))).mean()


def evaluate(model: Any) -> dict[str, float]:
    """The energy distance to held-out images, with the same codes each time."""
    codes = torch.randn(GENERATED, CODE, generator=torch.Generator().manual_seed(0))
    return {"energy_distance": energy_distance(generated(model, codes), held_out())}


def held_out() -> Tensor:
    """The held-out images, one row each."""
    return _digits.split()[2].flatten(1)


def energy_distance(some: Tensor, others: Tensor) -> float:
    """The energy distance of two samples, one row each; pairs of a row with itself do not count."""
    between = torch.cdist(some, others).mean()
    return (between - 0.5 * _spread(some) - 0.5 * _spread(others)).item()


def _spread(rows: Tensor) -> Tensor:
    count = len(rows)
    return torch.cdist(rows, rows).sum() / (count * (count - 1))


@cache
def constant_distance() -> float:
    """The distance of a generator that always gives the best single image: the mean, or one of those to train on."""
    images = _digits.split()[0].flatten(1)
    candidates = torch.cat([images.mean(0, keepdim=True), images])
    return (torch.cdist(candidates, held_out()).mean(1).min() - 0.5 * _spread(held_out())).item()


def task(seed: int) -> Task:
    """16 -> 128 -> 128 -> 64 against 64 -> 128 -> 128 -> 1, batches of 64, 600 steps; one setting for both."""
    torch.manual_seed(seed)
    images, _, _, _ = _digits.split()
    generator = nn.Sequential(
        nn.Linear(CODE, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, 64)
    )
    critic = nn.Sequential(
        nn.Linear(64, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, HIDDEN), nn.LeakyReLU(0.2), nn.Linear(HIDDEN, 1)
    )
    return Task(
        model=nn.ModuleDict({"critic": critic, "generator": generator}),
        loss={"critic": of_critic, "generator": of_generator},
        train=Shuffled(images, size=64, seed=seed),
        evaluate=evaluate,
        metric="energy_distance",
        steps=600,
        baseline=constant_distance(),
    )
