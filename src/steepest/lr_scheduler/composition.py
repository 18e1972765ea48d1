"""What schedulers have that are made from schedulers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from steepest.lr_scheduler.base import PureScheduler
from steepest.lr_scheduler.rates import rates_of
from steepest.torch import fallbacks
from steepest.torch.internals import SCHEDULER_FLAGS, move_to, never_traced, schedulers_in


class Composed(PureScheduler):
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
        with silent(self._its_schedulers):
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


@contextmanager
def silent(schedulers: Sequence[Any]) -> Iterator[None]:
    """Within it, these schedulers do not set the rates."""
    pure = [s for s in schedulers if isinstance(s, PureScheduler)]
    for scheduler in pure:
        scheduler._kept.is_owned = True
    try:
        yield
    finally:
        for scheduler in pure:
            scheduler._kept.is_owned = False
