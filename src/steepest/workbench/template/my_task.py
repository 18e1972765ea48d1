"""Your own model in the workbench: a task is a function of a seed.

    steepest lr-range my_task.py:task                            seconds: where each optimizer trains
    steepest compare my_task.py:task --budget trials=8 --seeds 3

Replace the model, the data, the loss, and the evaluation.  Batches may be anything.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from steepest.workbench import Task
from steepest.workbench.task import Shuffled


def spirals(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Two noisy spirals, and which one each point is on."""
    generator = torch.Generator().manual_seed(seed)
    label = torch.randint(2, (count,), generator=generator)
    radius = torch.rand(count, generator=generator).sqrt()
    angle = 7 * radius + torch.pi * label
    points = torch.stack([radius * angle.cos(), radius * angle.sin()], 1)
    return points + 0.02 * torch.randn(count, 2, generator=generator), label


def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """Called at every step.  `batch` is whatever `train` yields: a tuple here, a dictionary if you like."""
    points, label = batch
    return functional.cross_entropy(model(points), label)


def evaluate(model: nn.Module) -> dict[str, float]:
    """Called several times in a run, without gradients.  Its points are the same for every seed, and not trained on."""
    points, label = spirals(seed=1_000_000, count=500)
    scores = model(points)
    return {
        "val_loss": functional.cross_entropy(scores, label).item(),
        "val_accuracy": (scores.argmax(1) == label).float().mean().item(),
    }


def task(seed: int) -> Task:
    """The seed decides the start and the order of the data, and nothing else."""
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 2))
    points, label = spirals(seed=0, count=1000)
    return Task(
        model,
        loss,
        train=Shuffled(points, label, size=50, seed=seed),  # or a DataLoader, or any list of batches
        evaluate=evaluate,
        metric="val_loss",  # add higher_is_better=True for an accuracy
        steps=500,
        baseline=0.6931,  # log 2: the loss of saying "one half" for every point
    )
