"""Handwritten digits (8 x 8 pixels), a two-layer perceptron; a second a run."""

import torch
from torch import nn

from steepest.workbench.problems import _digits
from steepest.workbench.task import Shuffled, Task


def task(seed: int) -> Task:
    """64 -> 64 -> 10, batches of 64, 45 epochs."""
    torch.manual_seed(seed)
    images, labels, _, _ = _digits.split()
    return Task(
        model=nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)),
        loss=_digits.loss,
        train=Shuffled(images, labels, size=64, seed=seed),
        evaluate=_digits.evaluate,
        steps=1000,
        baseline=_digits.constant_loss(),
        target=0.15,
    )
