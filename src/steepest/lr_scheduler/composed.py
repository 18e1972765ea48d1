"""Schedulers that are made from schedulers: one after the other, or all at the same time."""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torchs

from steepest.lr_scheduler.base import PureScheduler, current
from steepest.lr_scheduler.composition import Composed, silent, undo
from steepest.lr_scheduler.rates import Part, rates_of, restore
from steepest.torch.internals import milestones_of


def _say_their_rates(schedulers: Sequence[Any]) -> bool:
    return all(isinstance(one, PureScheduler) and one.says_its_rates() for one in schedulers)


class SequentialLR(Composed, torchs.SequentialLR):  # pyright: ignore[reportIncompatibleVariableOverride]
    """One scheduler after the other, each counting from its own 0.

    Args:
        optimizer: Whose rates are set.
        schedulers: They may be sequences and chains themselves, torch's own, and your subclasses of LRScheduler.
        milestones: The epochs at which the second, third, ... begin.
        last_epoch: The epoch before the first one; -1 for a new run.
    """

    torchs = torchs.SequentialLR

    def __init__(
        self, optimizer: Optimizer, schedulers: list[Any], milestones: list[int], last_epoch: int = -1
    ) -> None:
        self._kept.given = schedulers, milestones
        if schedulers and not _say_their_rates(schedulers):
            self._begin_as_torchs(optimizer, schedulers, milestones, last_epoch)
            return
        rates_of(optimizer).begin(optimizer)
        before = current(optimizer)
        with silent(schedulers):
            super().__init__(optimizer, schedulers, milestones, last_epoch)
        self._own()
        self.go_to(last_epoch + 1)
        if last_epoch >= 0:
            restore(optimizer, before)  # torch has set the rates to the initial ones
            self.forget_phase()
            self.go_on(is_new=True)
        else:
            self._begin_with_initial_rates()

    def _begin_with_initial_rates(self) -> None:
        """As torch does, whatever the present ones are."""
        self.forget_phase()
        rates = rates_of(self.optimizer)
        if rates.were_stepped():
            rates.take_over(self.optimizer, self)
        rates.start_over()
        self.write()

    def recursive_undo(self, sched: Any = None) -> None:
        """Take back the first step of schedulers that set the rates themselves; else none has made one."""
        if self._kept.is_as_torchs:
            undo(self._its_schedulers)
            rates_of(self.optimizer).take_over(self.optimizer)

    def parts(self, epoch: float) -> list[Part]:
        scheduler, since = self._active(epoch)
        return scheduler.parts(epoch - since)

    def go_to(self, epoch: float) -> None:
        scheduler, since = self._active(epoch)
        if epoch == since and self._enters(epoch):
            scheduler.enter(self.parts(self.last_epoch))
        self._part_goes_to(scheduler, epoch - since)
        super().go_to(epoch)

    def _enters(self, epoch: float) -> bool:
        """Whether the next epoch is this one, with another scheduler."""
        return (
            not self._kept.is_as_torchs
            and epoch == self.last_epoch + 1
            and self._active(epoch)[0] is not self._present_one()
        )

    def begins_anew(self, epoch: float) -> bool:
        scheduler, since = self._active(epoch)
        if self._enters(epoch):
            return not scheduler.goes_on
        return scheduler.begins_anew(epoch - since)

    @property
    def takes_hands(self) -> bool:  # type: ignore[override]
        """Whether the present one goes on from a rate by hand in another way than in proportion."""
        return self._present_one().takes_hands

    def write(self) -> None:
        super().write()
        scheduler, _ = self._active(self.last_epoch)
        scheduler.write()  # of the rates nothing, since they are ours; a momentum it cycles

    def follow(self, place: int, rate: float) -> None:
        self._present_one().follow(place, rate)

    def admit(self, place: int, rate: float) -> None:
        one = self._present_one()
        one.admit(place, rate)
        for other in self._its_schedulers:
            if other is not one:
                other.admit(place, one.base(place))
                other._kept.norms[place] = rate

    def base(self, place: int) -> float:
        return self._present_one().base(place)

    def norm(self, place: int) -> float:
        return self._present_one().norm(place)

    @property
    def is_alone(self) -> bool:  # type: ignore[override]
        """Whether the rates of the present one come from the epoch alone."""
        return self._present_one().is_alone

    def _present_one(self) -> Any:
        return self._active(self.last_epoch)[0]

    def _active(self, epoch: float) -> tuple[Any, int]:
        milestones = milestones_of(self, self._kept.given[1])
        place = bisect_right(milestones, epoch)
        return self._its_schedulers[place], milestones[place - 1] if place else 0


class ChainedScheduler(Composed, torchs.ChainedScheduler):  # pyright: ignore[reportIncompatibleVariableOverride]
    """All schedulers at the same time: the product of their factors; their order does not matter.

    Args:
        schedulers: All for the same optimizer; torch's own too, and your subclasses of LRScheduler.
        optimizer: That optimizer; taken from the first scheduler if None.
    """

    torchs = torchs.ChainedScheduler

    def __init__(self, schedulers: Sequence[Any], optimizer: Optimizer | None = None) -> None:
        self._kept.given = schedulers, ()
        if schedulers and not _say_their_rates(schedulers):
            self._begin_as_torchs(schedulers, optimizer)
            return
        super().__init__(schedulers, optimizer)
        rates_of(self.optimizer).begin(self.optimizer)
        self._own()
        self.go_to(self.last_epoch)
        self.write()

    @property
    def last_epoch(self) -> int:  # type: ignore[override]
        """The epoch of the first of them."""
        return self._its_schedulers[0].last_epoch

    @property
    def is_alone(self) -> bool:  # type: ignore[override]
        """Whether the rates of one of them come from the epoch alone."""
        return any(scheduler.is_alone for scheduler in self._its_schedulers)

    @property
    def takes_hands(self) -> bool:  # type: ignore[override]
        """Whether the first of them, which follows a hand, does not do so in proportion."""
        return self._its_schedulers[0].takes_hands

    def begins_anew(self, epoch: float) -> bool:
        return any(one.begins_anew(self._epoch_of(one, epoch)) for one in self._its_schedulers)

    def parts(self, epoch: float) -> list[Part]:
        rows = [scheduler.parts(self._epoch_of(scheduler, epoch)) for scheduler in self._its_schedulers]
        return [_multiplied(column) for column in zip(*rows, strict=True)]

    def go_to(self, epoch: float) -> None:
        for scheduler, its_epoch in [(s, self._epoch_of(s, epoch)) for s in self._its_schedulers]:
            self._part_goes_to(scheduler, its_epoch)

    def write(self) -> None:
        super().write()
        for scheduler in self._its_schedulers:
            scheduler.write()

    def follow(self, place: int, rate: float) -> None:
        first, *others = self._its_schedulers
        for other in others:
            if not other.norm(place):  # nothing is a multiple of 0: it counts from here on
                other.admit(place, 1.0)
        factor, _ = _multiplied([(1.0, 1.0), *(one.parts(one.present())[place] for one in others)])
        first.follow(place, rate / factor if factor else rate)

    def admit(self, place: int, rate: float) -> None:
        for scheduler in self._its_schedulers:
            scheduler.admit(place, rate)

    def base(self, place: int) -> float:
        return self._its_schedulers[0].base(place)

    def norm(self, place: int) -> float:
        return self._its_schedulers[0].norm(place)

    def _epoch_of(self, scheduler: Any, epoch: float) -> float:
        return epoch + scheduler.last_epoch - self.last_epoch


def _multiplied(parts: Sequence[Part]) -> Part:
    (first, start), *others = parts
    return first * math.prod(value / base if base else 1.0 for value, base in others), start
