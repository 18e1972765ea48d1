"""What the schedulers have in common: rates are functions of the epoch, written by all of them together."""

import warnings
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from steepest.lr_scheduler.rates import Part, rates_of
from steepest.torch import skips
from steepest.torch.internals import Scheduler

_OWN = ("_owned", "_steps", "_products", "_given")
"""Attributes that torch's schedulers do not have; they are not saved."""


class PureScheduler(Scheduler):
    """Base of a scheduler whose rate is a function of the epoch, mixed into torch's class of the same name.

    torch's class checks and keeps the arguments.  Its `get_lr` makes the next rate from the last; here `value` says
    what the rate is.
    """

    sets_rates = False
    """Whether its rates are what it is given, whatever the optimizer had."""

    _owned = False
    """Whether it speaks through another scheduler, which steps it."""

    def value(self, epoch: float, place: int) -> float:
        """The rate of the group at this place, were there nothing but this scheduler."""
        raise NotImplementedError

    def parts(self, epoch: float) -> list[Part]:
        """The values of all groups, each with the rate that it starts from."""
        if len(self.base_lrs) != len(self.optimizer.param_groups):
            raise ValueError(
                f"{type(self).__name__} was made for {len(self.base_lrs)} parameter groups, but the optimizer has "
                f"{len(self.optimizer.param_groups)} now. Make the scheduler after add_param_group()."
            )
        return [(self.value(epoch, place), float(base)) for place, base in enumerate(self.base_lrs)]

    def go_to(self, epoch: float) -> None:
        """Take this epoch for the present one."""
        self.last_epoch = epoch  # type: ignore[assignment]

    def get_lr(self) -> list[Any]:
        """The rates of the present epoch, were there nothing but this scheduler."""
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
        """Be a part of a run that was stopped."""
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

    def step(self, epoch: Any = None) -> None:
        """Go on to the next epoch; not where GradScaler left the optimizer's step out, which is no step of a schedule.

        epoch: the one to go to, for code of before 2018.
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
        """As torch's class of the same name writes it."""
        return {name: value for name, value in super().state_dict().items() if name not in _OWN}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where this or torch's scheduler was, and set the optimizer's rates as they were there."""
        super().load_state_dict(state_dict)
        self.go_to(self._present())
        if not self._owned:
            self._go_on()

    def _present(self) -> float:
        """The epoch that it is at, fractions included."""
        return self.last_epoch


def current(optimizer: Optimizer) -> list[Any]:
    """The rates of the groups, tensors copied."""
    rates = [group["lr"] for group in optimizer.param_groups]
    return [rate.clone() if isinstance(rate, Tensor) else rate for rate in rates]
