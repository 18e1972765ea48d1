"""Scikit-learn's 1797 digits of 8 x 8 pixels, split once and for all: the split depends on no seed."""

from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

HELD_OUT = 360


@cache
def split() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Images for training, their labels, held-out images, their labels.  Pixels are scaled to [0, 1]."""
    from sklearn.datasets import load_digits

    pixels, labels = load_digits(return_X_y=True)
    order = np.random.RandomState(0).permutation(len(labels))
    x = torch.tensor(pixels[order] / 16, dtype=torch.float32).reshape(-1, 1, 8, 8)
    y = torch.tensor(labels[order], dtype=torch.long)
    return x[HELD_OUT:], y[HELD_OUT:], x[:HELD_OUT], y[:HELD_OUT]


def loss(model: torch.nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Cross-entropy, in nats."""
    images, labels = batch
    return functional.cross_entropy(model(images), labels)


def evaluate(model: torch.nn.Module) -> dict[str, float]:
    """Loss and accuracy on the held-out images."""
    _, _, images, labels = split()
    scores = model(images)
    return {
        "val_loss": functional.cross_entropy(scores, labels).item(),
        "val_accuracy": (scores.argmax(1) == labels).float().mean().item(),
    }


@cache
def constant_loss() -> float:
    """The held-out loss of predicting the training set's label frequencies for every image."""
    _, labels, _, held_out = split()
    frequencies = torch.bincount(labels, minlength=10) / len(labels)
    return -frequencies.log()[held_out].mean().item()
