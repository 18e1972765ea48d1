"""torch.optim.swa_utils, with a schedule that knows of steps that were left out."""

from typing import Any

from torch.optim import swa_utils as torchs
from torch.optim.swa_utils import (
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)

from steepest.torch import skips
from steepest.torch.internals import is_beginning

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip


class SWALR(torchs.SWALR):
    """From whatever the rate is at its first step to swa_lr, in anneal_epochs epochs.  Izmailov et al., 2018.

    Where it begins is no function of the epoch, so this is torch's; beside other schedules what it does is a factor.
    """

    def step(self, epoch: Any = None) -> None:
        """Go on to the next epoch; not where GradScaler left the optimizer's step out."""
        if "_steps" not in vars(self) or is_beginning(self):
            self._steps = skips.Steps(self.optimizer)
            super().step(epoch)
        elif not self._steps.was_skipped(self.optimizer):
            super().step(epoch)

    def state_dict(self) -> dict[str, Any]:
        """As torch's writes it."""
        return {name: value for name, value in super().state_dict().items() if name != "_steps"}
