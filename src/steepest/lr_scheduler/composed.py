"""Schedulers that are made from schedulers: one after the other, or all at the same time."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torchs

from steepest.lr_scheduler.base import PureScheduler, current
from steepest.lr_scheduler.rates import Part, rates_of, restore
from steepest.torch.internals import SCHEDULER_FLAGS, milestones_of, schedulers_in


class _Composed(PureScheduler):
    """Base of a scheduler that sets the rates for the schedulers it is made from."""

    _given: tuple[Sequence[Any], Sequence[int]]
    """The schedulers and milestones that it was made of."""

    @property
    def _its_schedulers(self) -> Sequence[Any]:
        return schedulers_in(self, self._given[0])

    @property
    def base_lrs(self) -> list[Any]:  # type: ignore[override] # pyright: ignore
        """The initial rates of the first of them."""
        return self._its_schedulers[0].base_lrs

    def state_dict(self) -> dict[str, Any]:
        """As torch's class of the same name writes it."""
        return {name: value for name, value in super().state_dict().items() if name not in SCHEDULER_FLAGS}

    def _take_over(self, epoch: float, *, goes_on: bool) -> None:
        """Set the rates for all of them from now on, beginning with this epoch.  goes_on: whether a run is resumed."""
        for scheduler in self._its_schedulers:
            scheduler._owned = True
            rates_of(self.optimizer).remove(scheduler)
        self._watch()
        self.go_to(epoch)
        if goes_on:
            self._go_on()
        self.write()


def _refuse_others(name: str, schedulers: Sequence[Any]) -> None:
    """Raise TypeError for torch's own schedulers: they change the rate in place, and have no value at a given epoch."""
    for scheduler in schedulers:
        is_torchs = isinstance(scheduler, torchs.LRScheduler) and not isinstance(scheduler, PureScheduler)
        if is_torchs and not isinstance(scheduler, torchs.ReduceLROnPlateau):  # which torch refuses itself
            raise TypeError(
                f"{name} was given a {type(scheduler).__module__}.{type(scheduler).__name__}, which makes each rate "
                "from the last, so it cannot say what the rate is at an epoch. Take it from steepest.lr_scheduler, or "
                "give LambdaLR(optimizer, lambda epoch: ...)."
            )


class SequentialLR(_Composed, torchs.SequentialLR):  # pyright: ignore[reportIncompatibleVariableOverride]
    """One scheduler after the other, each counting from its own 0.

    Args:
        optimizer: Whose rates are set.
        schedulers: Schedulers of `steepest.lr_scheduler`; they may be sequences and chains themselves.
        milestones: The epochs at which the second, third, ... begin.
        last_epoch: The epoch before the first one; -1 for a new run.

    Raises:
        TypeError: A scheduler is torch's own, which has no value at a given epoch.
    """

    def __init__(
        self, optimizer: Optimizer, schedulers: list[Any], milestones: list[int], last_epoch: int = -1
    ) -> None:
        _refuse_others("SequentialLR", schedulers)
        rates_of(optimizer).begin(optimizer)
        before = current(optimizer)
        self._given = schedulers, milestones
        with _silent(schedulers):
            super().__init__(optimizer, schedulers, milestones, last_epoch)
        restore(optimizer, before)  # torch has set the rates to the initial ones
        self._take_over(last_epoch + 1, goes_on=last_epoch >= 0)

    def recursive_undo(self, sched: Any = None) -> None:
        """Do nothing: torch's method takes back a first step, which our schedulers have not made."""

    def parts(self, epoch: float) -> list[Part]:
        scheduler, since = self._active(epoch)
        return scheduler.parts(epoch - since)

    def go_to(self, epoch: float) -> None:
        scheduler, since = self._active(epoch)
        scheduler.go_to(epoch - since)
        super().go_to(epoch)

    def write(self) -> None:
        super().write()
        scheduler, _ = self._active(self.last_epoch)
        scheduler.write()  # of the rates nothing, since they are ours; a momentum it cycles

    def _active(self, epoch: float) -> tuple[Any, int]:
        milestones = milestones_of(self, self._given[1])
        place = bisect_right(milestones, epoch)
        return self._its_schedulers[place], milestones[place - 1] if place else 0


class ChainedScheduler(_Composed, torchs.ChainedScheduler):  # pyright: ignore[reportIncompatibleVariableOverride]
    """All schedulers at the same time: the product of their factors; their order does not matter.

    Args:
        schedulers: Schedulers of `steepest.lr_scheduler`, all for the same optimizer.
        optimizer: That optimizer; taken from the first scheduler if None.

    Raises:
        TypeError: A scheduler is torch's own, which has no value at a given epoch.
    """

    def __init__(self, schedulers: Sequence[Any], optimizer: Optimizer | None = None) -> None:
        _refuse_others("ChainedScheduler", schedulers)
        self._given = schedulers, ()
        super().__init__(schedulers, optimizer)
        rates_of(self.optimizer).begin(self.optimizer)
        self._take_over(self.last_epoch, goes_on=False)

    @property
    def last_epoch(self) -> int:  # type: ignore[override]
        """The epoch of the first of them."""
        return self._its_schedulers[0].last_epoch

    def parts(self, epoch: float) -> list[Part]:
        rows = [scheduler.parts(self._epoch_of(scheduler, epoch)) for scheduler in self._its_schedulers]
        return [_multiplied(column) for column in zip(*rows, strict=True)]

    def go_to(self, epoch: float) -> None:
        for scheduler, its_epoch in [(s, self._epoch_of(s, epoch)) for s in self._its_schedulers]:
            scheduler.go_to(its_epoch)

    def write(self) -> None:
        super().write()
        for scheduler in self._its_schedulers:
            scheduler.write()

    def _epoch_of(self, scheduler: Any, epoch: float) -> float:
        return epoch + scheduler.last_epoch - self.last_epoch


def _multiplied(parts: Sequence[Part]) -> Part:
    (first, start), *others = parts
    return first * math.prod(value / base if base else 1.0 for value, base in others), start


class _silent:  # noqa: N801 - used like a function
    """A context in which these schedulers do not set the rates."""

    def __init__(self, schedulers: Sequence[Any]) -> None:
        self._pure = [s for s in schedulers if isinstance(s, PureScheduler)]

    def __enter__(self) -> None:
        for scheduler in self._pure:
            scheduler._owned = True

    def __exit__(self, *_: object) -> None:
        for scheduler in self._pure:
            scheduler._owned = False
