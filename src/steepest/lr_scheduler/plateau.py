"""The scheduler that depends on a metric."""

import functools
from typing import Any

from torch.optim import lr_scheduler as torchs

from steepest.lr_scheduler.rates import rates_of
from steepest.torch.internals import never_traced


class ReduceLROnPlateau(torchs.ReduceLROnPlateau):
    """torch's; what it has taken off a rate stays off where another scheduler sets the rates too."""

    @functools.wraps(torchs.ReduceLROnPlateau.__init__)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rates_of(self.optimizer).has_plateau = True

    @never_traced
    def step(self, metrics: Any, epoch: Any = None) -> None:
        """Lower the rates if the metric has not improved for `patience` epochs; torch documents it."""
        rates_of(self.optimizer).has_plateau = True  # a copy of the optimizer and its schedulers knows nothing yet
        super().step(metrics, epoch)
