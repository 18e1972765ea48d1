"""torch's base class of schedulers, and what its schedulers keep."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch.optim.lr_scheduler import LRScheduler

from steepest.torch import fallbacks
from steepest.torch.internals.finding import find

SCHEDULER_FLAGS = ("_step_count", "_is_initial", "_get_lr_called_within_step")
"""What torch's schedulers keep beside what they are made of."""


OldLRScheduler: type[LRScheduler] = find("optim.lr_scheduler._LRScheduler", LRScheduler)
"""The name that the base class of schedulers had; programs subclass it."""


class Scheduler(LRScheduler):
    """torch's base class of schedulers, which calls `begin` when one is made and `move` when one is stepped.

    torch's names for these two are private; a release that has others calls `step` at both, as its first ones did.
    """

    def begin(self) -> None:
        """Set the rates of the first epoch."""
        raise NotImplementedError

    def move(self, epoch: Any = None) -> None:
        """Set the rates of the next epoch, or of this one."""
        raise NotImplementedError

    def rates_at_present(self) -> list[Any]:
        """The rates of the epoch that it is at."""
        raise NotImplementedError

    def begin_by_step(self) -> None:
        """Call `begin`, from `step`, as torch's constructor does: a subclass may have a `step` of its own."""
        raise NotImplementedError

    def _initial_step(self) -> None:
        self.begin_by_step()

    def _update_lr(self, epoch: Any = None) -> None:
        self.move(epoch)

    def _get_closed_form_lr(self) -> list[Any]:
        return self.rates_at_present()

    @classmethod
    def sets_rates_as(cls, parent: type["Scheduler"]) -> bool:
        """Whether a subclass has left alone all methods of a parent that set rates in torch."""
        return (
            cls.step is parent.step
            and cls.get_lr is parent.get_lr
            and cls._get_closed_form_lr is parent._get_closed_form_lr
        )

    def torchs_rates_at_present(self) -> list[Any]:
        """What torch's class says of a given epoch."""
        closed_form = getattr(super(), "_get_closed_form_lr", self.get_lr)
        return closed_form()

    def set_flags(self) -> None:
        """Say what torch's constructor says of a scheduler that has begun."""
        self._step_count = 1
        self._is_initial = self._get_lr_called_within_step = False

    @contextlib.contextmanager
    def beginning(self) -> Iterator[None]:
        """Within it, torch's `get_lr` gives the rates of the first epoch."""
        self._is_initial = True
        try:
            yield
        finally:
            self._is_initial = False

    def count(self) -> None:
        """Say that it was stepped."""
        self._step_count += 1

    def is_stepped_too_early(self) -> bool:
        """Whether its first step comes before the optimizer's, as far as torch says."""
        return self._step_count == 1 and not getattr(self.optimizer, "_opt_called", True)

    @contextlib.contextmanager
    def asked_by_step(self) -> Iterator[None]:
        """Within it, `get_lr` is called by a step."""
        self._get_lr_called_within_step = True
        try:
            yield
        finally:
            self._get_lr_called_within_step = False

    def is_asked_by_step(self) -> bool:
        """Whether `get_lr` is called by a step; where torch says nothing of that, yes."""
        return getattr(self, "_get_lr_called_within_step", True)

    def step_as_torch(self, epoch: Any = None) -> None:
        """Count, warn of what is done in the wrong order, and move."""
        _step(self, epoch)

    def move_as_torch(self, epoch: Any = None) -> None:
        """Set the rates that `get_lr` gives, for a class that has one of its own."""
        _move(self, epoch)

    def get_last_lr(self) -> list[Any]:
        """The rates that were set last."""
        return self._last_lr

    def set_last_lr(self, rates: list[Any]) -> None:
        """Keep the rates that were set, under the name that checkpoints have."""
        self._last_lr = rates


_move: Any = getattr(LRScheduler, "_update_lr", fallbacks.move)
_step: Any = fallbacks.step if _move is fallbacks.move else LRScheduler.step


def move_to(scheduler: LRScheduler, epoch: Any) -> None:
    """Set the rates of this epoch, as SequentialLR does where another scheduler begins."""
    move = getattr(scheduler, "_update_lr", None)
    scheduler.step(epoch) if move is None else move(epoch)


def is_beginning(scheduler: LRScheduler) -> bool:
    """Whether torch's constructor, not the user, calls `step`; where it does not say so, never."""
    return getattr(scheduler, "_is_initial", False)


def schedulers_in(scheduler: LRScheduler, given: Sequence[Any]) -> Sequence[Any]:
    """What a ChainedScheduler or SequentialLR is made of.  given: what its constructor was given."""
    return vars(scheduler).get("_schedulers", given)


def milestones_of(scheduler: LRScheduler, given: Sequence[int]) -> Sequence[int]:
    """The epochs at which the schedulers of a SequentialLR begin; a checkpoint may have changed them."""
    return vars(scheduler).get("_milestones", given)


def phases_of(scheduler: Any, given: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The lines or half cosines of a OneCycleLR.  given: the arguments of its constructor."""
    found = vars(scheduler).get("_schedule_phases")
    return found or fallbacks.phases(given["pct_start"], scheduler.total_steps, three=given["three_phase"])


def has_cosines(scheduler: Any, given: Mapping[str, Any]) -> bool:
    """Whether they are half cosines."""
    return (vars(scheduler).get("_anneal_func_type") or given["anneal_strategy"]) == "cos"
