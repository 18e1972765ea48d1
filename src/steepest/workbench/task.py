"""A training problem for the workbench: a model, a loss, batches, and the evaluation of the result.

A user's file imports from here, so this module stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor, nn


@dataclass(frozen=True)
class Task:
    """One training problem, fresh and the same for the same seed.

    A function `task(seed)` returns it.  The seed decides the initialisation of `model` and the order of
    `train`.

    Args:
        model: The network, on the device where it is to train.
        loss: `loss(model, batch)` gives a scalar tensor.  A batch is what `train` yields: a tensor, a tuple, a dict.
        train: Batches, as any iterable.  When it ends, it is iterated again.  Its order may depend on nothing but
            the seed, because an interrupted run continues by skipping the batches that it has had.
        evaluate: `evaluate(model)` gives named numbers on held-out data.  It is called in evaluation mode and
            without gradients.
        metric: The name of the number that decides.
        higher_is_better: The direction of `metric`.
        steps: The length of a run, if the caller gives no other.
        baseline: `metric` of the best constant prediction.  A run that does not end better has failed to train.
        target: A value of `metric` worth reaching.  The report then says how long each optimizer took.
        evaluations: How often `evaluate` is called in a run, besides once before the first step.
    """

    model: nn.Module
    loss: Callable[[Any, Any], Tensor]
    train: Iterable[Any]
    evaluate: Callable[[Any], Mapping[str, float]]
    metric: str = "val_loss"
    higher_is_better: bool = False
    steps: int = 1000
    baseline: float | None = None
    target: float | None = None
    evaluations: int = 20

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is the better value of the metric.  A NaN never is."""
        return a > b if self.higher_is_better else a < b


TaskFunction = Callable[[int], Task]


class Shuffled:
    """Batches of the rows of several tensors, in a new order every epoch; an incomplete last batch is dropped.

    The order comes from a generator of its own, so it depends on the seed alone and not on what the model draws.

    Args:
        tensors: Tensors of equal length.
        size: Rows in a batch.
        seed: Decides the order.
    """

    def __init__(self, *tensors: Tensor, size: int, seed: int) -> None:
        self.tensors, self.size, self.seed = tensors, size, seed

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        rows = len(self.tensors[0])
        while True:
            order = torch.randperm(rows, generator=generator)
            for start in range(0, rows - self.size + 1, self.size):
                chosen = order[start : start + self.size]
                yield tuple(tensor[chosen] for tensor in self.tensors)
