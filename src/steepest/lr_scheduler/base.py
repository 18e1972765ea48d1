"""What the schedulers share: rates are functions of the epoch, and all schedulers of an optimizer set them together."""

import warnings
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from steepest.lr_scheduler.rates import Part, rates_of
from steepest.torch.internals import Scheduler, never_traced
from steepest.torch.state import skipped_steps as skips

_OWN = ("_owned", "_steps", "_products", "_given")
"""Attributes that torch's schedulers do not have; they are not saved."""


class PureScheduler(Scheduler):
    """Base of a scheduler whose rate is a function of the epoch, mixed into torch's class of the same name.

    torch's class checks and stores the arguments.  Its `get_lr` computes each rate from the previous one; here `value`
    computes it from the epoch.
    """

    sets_rates = False
    """Whether its rates come from its arguments alone, not from the optimizer's initial rates."""

    _owned = False
    """Whether it is a part of another scheduler, which steps it and sets the rates."""

    def value(self, epoch: float, place: int) -> float:
        """The rate of the group at this place, if this were the only scheduler."""
        raise NotImplementedError

    def parts(self, epoch: float) -> list[Part]:
        """The value for each group, with the initial rate of the group."""
        if len(self.base_lrs) != len(self.optimizer.param_groups):
            raise ValueError(
                f"{type(self).__name__} was made for {len(self.base_lrs)} parameter groups, but the optimizer has "
                f"{len(self.optimizer.param_groups)} now. Make the scheduler after add_param_group()."
            )
        return [(self.value(epoch, place), float(base)) for place, base in enumerate(self.base_lrs)]

    def go_to(self, epoch: float) -> None:
        """Make this the present epoch."""
        self.last_epoch = epoch  # type: ignore[assignment]

    def get_lr(self) -> list[Any]:
        """The rates of the present epoch, if this were the only scheduler."""
        if not self.is_asked_by_step():
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.", stacklevel=2
            )
        return self.rates_at_present()

    def rates_at_present(self) -> list[Any]:
        return [value for value, _ in self.parts(self.last_epoch)]

    def begin(self) -> None:
        self._watch()
        if type(self).get_lr is not PureScheduler.get_lr:
            self.move_as_torch()
            return
        goes_on = self.last_epoch >= 0
        self.go_to(self.last_epoch + 1)
        if goes_on:
            self._go_on()
            return
        if self.sets_rates:
            rates_of(self.optimizer).forget_hand()
        elif not self._owned:
            rates_of(self.optimizer).begin(self.optimizer)
        self.write()

    def _go_on(self) -> None:
        """Continue a run that was stopped."""
        if self.sets_rates:
            rates_of(self.optimizer).forget_hand()
        elif not self._owned:
            rates_of(self.optimizer).go_on(self.optimizer, self, self.parts(self._present()))
        self.write()

    def _watch(self) -> None:
        if any("lr" in group.get("schedules", {}) for group in self.optimizer.param_groups):
            raise ValueError(
                "The rate of this optimizer is a schedule already, which says it anew at each step. Give the optimizer "
                "a number, or compose the schedules: `lr=cosine(...) * step(...)`."
            )
        self._steps = skips.Steps(self.optimizer)
        self.set_flags()

    @never_traced
    def step(self, epoch: Any = None) -> None:
        """Go to the next epoch, unless GradScaler skipped the step of the optimizer.

        Args:
            epoch: The epoch to go to instead; torch takes it too, and calls it deprecated.
        """
        if not hasattr(self, "_steps"):  # torch's constructor
            self.begin()
        elif self._owned or not self._steps.was_skipped(self.optimizer):
            self.step_as_torch(epoch)

    def move(self, epoch: Any = None) -> None:
        if type(self).get_lr is not PureScheduler.get_lr:  # a subclass says its rates as torch's do
            self.move_as_torch(epoch)
            return
        if not self._owned:
            rates = rates_of(self.optimizer)
            if self not in rates:  # a copy: the optimizer's rates are what both made before
                rates.adopt(self.optimizer, self, self.parts(self._present()))
            rates.step(self.optimizer)
        self.go_to(self.last_epoch + 1 if epoch is None else epoch)
        self.write()

    def write(self) -> None:
        """Set the optimizer's rates."""
        if not self._owned:
            rates_of(self.optimizer).write(self.optimizer, self, self.parts(self.last_epoch))
        self.set_last_lr(current(self.optimizer))

    def state_dict(self) -> dict[str, Any]:
        """The state as torch's class of the same name writes it."""
        return {name: value for name, value in super().state_dict().items() if name not in _OWN}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state of this class or of torch's, and set the optimizer's rates to those of that time."""
        super().load_state_dict(state_dict)
        self.go_to(self._present())
        if not self._owned:
            self._go_on()

    def _present(self) -> float:
        """The present epoch, fractions included."""
        return self.last_epoch


def current(optimizer: Optimizer) -> list[Any]:
    """The present rates of the groups; tensors are copied."""
    rates = [group["lr"] for group in optimizer.param_groups]
    return [rate.clone() if isinstance(rate, Tensor) else rate for rate in rates]
