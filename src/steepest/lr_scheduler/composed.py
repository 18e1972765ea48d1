"""Schedulers that are made from schedulers: one after the other, or all at the same time."""

import math
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch.optim import Optimizer
from torch.optim import lr_scheduler as torchs

from steepest.lr_scheduler.base import PureScheduler, current
from steepest.lr_scheduler.rates import Part, rates_of, restore
from steepest.torch import fallbacks
from steepest.torch.internals import SCHEDULER_FLAGS, milestones_of, move_to, never_traced, schedulers_in


class _Composed(PureScheduler):
    """Base of a scheduler that sets the rates for the schedulers it is made from.

    Where one of them is not ours it cannot say its rate at an epoch: then each sets the rates itself, as in torch.
    """

    torchs: type[Any]
    """torch's class of the same name."""

    @property
    def _its_schedulers(self) -> Sequence[Any]:
        return schedulers_in(self, self._kept.given[0])

    @property
    def base_lrs(self) -> list[Any]:  # type: ignore[override] # pyright: ignore
        """The initial rates of the first of them."""
        return self._its_schedulers[0].base_lrs

    @never_traced
    def step(self, epoch: Any = None) -> None:
        """Go to the next epoch, unless GradScaler skipped the step of the optimizer."""
        if not self._kept.is_as_torchs:
            super().step(epoch)
        elif self._kept.steps is None or not self._kept.steps.was_skipped(self.optimizer):
            self.torchs.step(self)

    def says_its_rates(self) -> bool:
        return not self._kept.is_as_torchs  # its parts say them

    def step_as_torch(self, epoch: Any = None) -> None:
        fallbacks.step(self, epoch)

    def set_flags(self) -> None:
        """Leave them to its parts, as torch's does."""

    def count(self) -> None:
        self._its_schedulers[0].count()

    def is_stepped_too_early(self) -> bool:
        return self._its_schedulers[0].is_stepped_too_early()

    def state_dict(self) -> dict[str, Any]:
        """As torch's class of the same name writes it."""
        return {name: value for name, value in super().state_dict().items() if name not in SCHEDULER_FLAGS}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state of this class or of torch's, and set the optimizer's rates to those of that time."""
        if not self._kept.is_as_torchs:
            super().load_state_dict(state_dict)
            return
        with _silent(self._its_schedulers):
            self.torchs.load_state_dict(self, state_dict)
        rates_of(self.optimizer).take_over(self.optimizer)

    def _begin_as_torchs(self, *arguments: Any) -> None:
        self._kept.is_as_torchs = True
        self.torchs.__init__(self, *arguments)
        self.watch()

    def _own(self) -> None:
        """Set the rates of all of them from now on."""
        for scheduler in self._its_schedulers:
            scheduler._kept.is_owned = True
            rates_of(self.optimizer).remove(scheduler)
        self.watch()

    def _part_goes_to(self, scheduler: Any, epoch: float) -> None:
        """Make this the present epoch of a part; one that sets the rates itself does so, from its first epoch on."""
        if not self._kept.is_as_torchs:
            scheduler.go_to(epoch)
        elif epoch >= 0:
            move_to(scheduler, epoch)

    def knows(self, place: int) -> bool:
        return self._its_schedulers[0].knows(place)

    def forget_phase(self) -> None:
        for scheduler in self._its_schedulers:
            scheduler.forget_phase()

    def undo(self) -> None:
        if self._kept.is_as_torchs:
            undo(self._its_schedulers)
        rates_of(self.optimizer).remove(self)
        self.go_to(-1)

    def begin(self) -> None:
        if self._kept.is_as_torchs:
            self.watch()
            self.torchs.step(self)
        else:
            super().begin()

    def move(self, epoch: Any = None) -> None:
        if not self._kept.is_as_torchs:
            super().move(epoch)
        elif epoch is None:
            self.torchs.step(self)
        else:
            self.go_to(epoch)


def undo(schedulers: Sequence[Any]) -> None:
    """Take back the first step of schedulers that set the rates themselves."""
    for scheduler in schedulers:
        if isinstance(scheduler, PureScheduler):
            scheduler.undo()
        elif parts := schedulers_in(scheduler, ()):
            undo(parts)
        elif hasattr(scheduler, "last_epoch"):
            scheduler.last_epoch -= 1


def _say_their_rates(schedulers: Sequence[Any]) -> bool:
    return all(isinstance(one, PureScheduler) and one.says_its_rates() for one in schedulers)


class SequentialLR(_Composed, torchs.SequentialLR):  # pyright: ignore[reportIncompatibleVariableOverride]
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
        with _silent(schedulers):
            super().__init__(optimizer, schedulers, milestones, last_epoch)
        self._own()
        self.go_to(last_epoch + 1)
        if last_epoch >= 0:
            restore(optimizer, before)  # torch has set the rates to the initial ones
            self.forget_phase()
            self.go_on()
        else:
            self._begin_with_initial_rates()

    def _begin_with_initial_rates(self) -> None:
        """As torch does, whatever the present ones are."""
        self.forget_phase()
        rates = rates_of(self.optimizer)
        if rates.others_were_stepped(self):
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
        self._part_goes_to(scheduler, epoch - since)
        super().go_to(epoch)

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


class ChainedScheduler(_Composed, torchs.ChainedScheduler):  # pyright: ignore[reportIncompatibleVariableOverride]
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
        factor, _ = _multiplied([(1.0, 1.0), *(one.parts(one.present())[place] for one in others)])
        first.follow(place, rate / factor if factor else rate)

    def admit(self, place: int, rate: float) -> None:
        for scheduler in self._its_schedulers:
            scheduler.admit(place, rate)

    def base(self, place: int) -> float:
        return self._its_schedulers[0].base(place)

    def _epoch_of(self, scheduler: Any, epoch: float) -> float:
        return epoch + scheduler.last_epoch - self.last_epoch


def _multiplied(parts: Sequence[Part]) -> Part:
    (first, start), *others = parts
    return first * math.prod(value / base if base else 1.0 for value, base in others), start


@contextmanager
def _silent(schedulers: Sequence[Any]) -> Iterator[None]:
    """Within it, these schedulers do not set the rates."""
    pure = [s for s in schedulers if isinstance(s, PureScheduler)]
    for scheduler in pure:
        scheduler._kept.is_owned = True
    try:
        yield
    finally:
        for scheduler in pure:
            scheduler._kept.is_owned = False
