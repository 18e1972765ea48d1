"""torch.optim.swa_utils, with an SWALR that does not count the steps that GradScaler skips."""

from typing import Any

import steepest.torch_needed  # noqa: F401 # isort: skip - says what to type where torch is missing
from torch.optim import swa_utils as torchs
from torch.optim.swa_utils import (
    AveragedModel,
    get_ema_avg_fn,
    get_ema_multi_avg_fn,
    get_swa_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)

from steepest.torch.internals import is_beginning, never_traced
from steepest.torch.state import skipped_steps as skips

__all__ = [
    "SWALR", "AveragedModel", "get_ema_avg_fn", "get_ema_multi_avg_fn", "get_swa_avg_fn", "get_swa_multi_avg_fn",
    "update_bn",
]  # fmt: skip


class SWALR(torchs.SWALR):
    """From the rate at its first step to swa_lr, in anneal_epochs epochs.  Izmailov et al., 2018.

    The rate at its first step is not a function of the epoch, so this is torch's class.  Together with other schedulers
    its change of the rate is a factor.
    """

    @never_traced
    def step(self, epoch: Any = None) -> None:
        """Go to the next epoch, unless GradScaler skipped the step of the optimizer."""
        if "_steps" not in vars(self) or is_beginning(self):
            self._steps = skips.Steps(self.optimizer)
            super().step(epoch)
        elif not self._steps.was_skipped(self.optimizer):
            super().step(epoch)

    def state_dict(self) -> dict[str, Any]:
        """The state as torch's class writes it."""
        return {name: value for name, value in super().state_dict().items() if name != "_steps"}
