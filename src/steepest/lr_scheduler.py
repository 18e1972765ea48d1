"""Learning-rate schedules under torch's names: StepLR of ours, the others torch's own."""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    LRScheduler,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
)

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]


class StepLR(LRScheduler):
    """Multiply the rate by gamma every `step_size` epochs: lr = initial_lr * gamma ** (epoch // step_size).

    The power is taken anew each time, where torch multiplies the last rate again and drifts by a rounding a drop.  A
    rate that somebody else changed in between is multiplied, as torch does, so schedules still chain.

    optimizer: any torch optimizer.  step_size: epochs between two drops.  gamma: factor of a drop.
    last_epoch: the epoch before the first, -1 for a new run.
    """

    def __init__(self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list:
        """The rate of each group in this epoch."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return rates
        before, now = self._closed_form(self.last_epoch - 1), self._closed_form(self.last_epoch)
        return [
            new if float(rate) == float(old) else rate * self.gamma
            for rate, old, new in zip(rates, before, now, strict=True)
        ]

    def _closed_form(self, epoch: int) -> list:
        return [base * self.gamma ** (epoch // self.step_size) for base in self.base_lrs]

    def _get_closed_form_lr(self) -> list:
        return self._closed_form(self.last_epoch)
