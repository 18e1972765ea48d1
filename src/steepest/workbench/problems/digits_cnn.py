"""Handwritten digits (8 x 8 pixels), a small convolutional network; a second or two a run."""

import torch
from torch import nn

from steepest.workbench.problems import _digits
from steepest.workbench.task import Shuffled, Task


def task(seed: int) -> Task:
    """Two 3 x 3 convolutions with 16 and 32 channels, pooling, a linear layer; batches of 64, 18 epochs."""
    torch.manual_seed(seed)
    images, labels, _, _ = _digits.split()
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 2 * 2, 10),
    )
    return Task(
        model=model,
        loss=_digits.loss,
        train=Shuffled(images, labels, size=64, seed=seed),
        evaluate=_digits.evaluate,
        steps=400,
        baseline=_digits.constant_loss(),
        target=0.10,
    )
