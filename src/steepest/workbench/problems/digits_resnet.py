"""Handwritten digits (8 x 8 pixels), a residual network with BatchNorm on shifted images; two seconds a run."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from steepest.workbench.problems import _digits
from steepest.workbench.task import Shuffled, Task, without_decay_of_vectors

WIDTH = 16


class Shifted:
    """Batches whose images are each shifted by up to one pixel in each direction; the seed decides by how much."""

    def __init__(self, images: Tensor, labels: Tensor, size: int, seed: int) -> None:
        self.batches, self.seed = Shuffled(images, labels, size=size, seed=seed), seed

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(self.seed + 1)
        for images, labels in self.batches:
            padded = functional.pad(images, (1, 1, 1, 1))
            down, right = torch.randint(3, (2, len(images), 1), generator=generator)
            rows, columns = down + torch.arange(8), right + torch.arange(8)
            yield (
                padded[torch.arange(len(images))[:, None, None], 0, rows[:, :, None], columns[:, None, :]][:, None],
                labels,
            )


class Block(nn.Module):
    """Two convolutions with BatchNorm, and their input added to what they give."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.second = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        """He, Zhang, Ren, Sun, "Deep residual learning for image recognition", 2016."""
        inner = functional.relu(self.norms[0](self.first(x)))
        return functional.relu(x + self.norms[1](self.second(inner)))


def task(seed: int) -> Task:
    """Two residual blocks of 16 channels with a pooling between them, batches of 64, 200 steps; no decay of vectors."""
    torch.manual_seed(seed)
    images, labels, _, _ = _digits.split()
    model = nn.Sequential(
        nn.Conv2d(1, WIDTH, 3, padding=1, bias=False),
        nn.BatchNorm2d(WIDTH),
        nn.ReLU(),
        Block(WIDTH),
        nn.MaxPool2d(2),
        Block(WIDTH),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(WIDTH, 10),
    )
    return Task(
        model=model,
        loss=_digits.loss,
        train=Shifted(images, labels, 64, seed),
        evaluate=_digits.evaluate,
        steps=200,
        baseline=_digits.constant_loss(),
        target=0.15,
        groups=without_decay_of_vectors,
    )
