"""A training problem for the workbench: a model, a loss, batches, and the evaluation of the result.

A user's file imports from here, so this module stays where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn


@dataclass(frozen=True)
class Task:
    """One training problem, fresh and the same for the same seed.

    A function `task(seed)` returns it.  The seed decides the initialisation of `model` and the order of
    `train`.

    The first four are all that an ordinary training loop needs.

    Args:
        model: The network, on the device where it is to train; several networks as one `nn.ModuleDict`.
        loss: `loss(model, batch)` gives a scalar tensor.  A batch is what `train` yields: a tensor, a tuple, a dict.
            Or a loss for each part of the model, by name: each part then has an optimizer of its own, and in each step
            they are updated in this order.
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
        clip_norm: The norm of all gradients of an optimizer is made at most this, before each update.
        clip_value: Each element of a gradient is made at most this in magnitude, before each update.
        accumulate: Batches for one step: their mean loss is minimised.
        autocast: `torch.bfloat16` or `torch.float16`: the loss is computed under `torch.autocast`.  For float16,
            `torch.amp.GradScaler` scales it.
        groups: `groups(model)` gives parameter groups as torch's optimizers take them; `lr_factor` in one is what its
            rate is multiplied by.  `without_decay_of_vectors` is one.  Where parts have a loss each, it is called with
            each part.
        best: Whether the metric of a run is the best that `evaluate` gave after the first step, in place of the last.
        patience: A run ends when so many evaluations in a row were no better than the best before; it has its best
            metric then, as with `best`.
        step: `step(model, batch, optimizer)` makes a whole step, calls `optimizer.step()` itself, and gives the loss.
            `loss` is None then.
        optimizers: With `step`: names of parts of the model that have an optimizer each; `optimizer` is a dictionary of
            them.
    """

    model: nn.Module
    loss: Callable[[Any, Any], Tensor] | Mapping[str, Callable[[Any, Any], Tensor]] | None
    train: Iterable[Any]
    evaluate: Callable[[Any], Mapping[str, float]]
    metric: str = "val_loss"
    higher_is_better: bool = False
    steps: int = 1000
    baseline: float | None = None
    target: float | None = None
    evaluations: int = 20
    clip_norm: float | None = None
    clip_value: float | None = None
    accumulate: int = 1
    autocast: torch.dtype | None = None
    groups: Callable[[Any], Iterable[Mapping[str, Any]]] | None = None
    best: bool = False
    patience: int | None = None
    step: Callable[[Any, Any, Any], Tensor | float] | None = None
    optimizers: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The parts of the model that have an optimizer each; none where one optimizer has all parameters."""
        return tuple(self.loss) if isinstance(self.loss, Mapping) else tuple(self.optimizers)

    def better(self, a: float, b: float) -> bool:
        """Whether `a` is the better value of the metric.  A NaN never is."""
        return a > b if self.higher_is_better else a < b


TaskFunction = Callable[..., Task]
"""`task(seed)`, perhaps with numbers of its own: `task(seed, width=64, dropout=0.1)`."""


def without_decay_of_vectors(model: nn.Module) -> list[dict[str, Any]]:
    """Parameter groups in which biases and the factors of normalisations have no weight decay.

    Those are the parameters of fewer than two dimensions.  For the argument `groups` of `Task`.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    matrices, vectors = [p for p in parameters if p.ndim > 1], [p for p in parameters if p.ndim < 2]
    return [group for group in ({"params": matrices}, {"params": vectors, "weight_decay": 0.0}) if group["params"]]


class Shuffled:
    """Batches of the rows of several tensors, in a new order every epoch; an incomplete last batch is dropped.

    The order comes from a generator of its own, so it depends on the seed alone and not on what the model draws.

    Args:
        tensors: Tensors of equal length.
        size: Rows in a batch.
        seed: Decides the order.

    Raises:
        ValueError: There are not enough rows for one batch.
    """

    def __init__(self, *tensors: Tensor, size: int, seed: int) -> None:
        if not 1 <= size <= len(tensors[0]):
            raise ValueError(f"Batches of size={size} cannot be made of {len(tensors[0])} rows; give 1 to that many.")
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
