"""What the schedulers share: rates are functions of the epoch, and all schedulers of an optimizer set them together."""

import warnings
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from steepest.lr_scheduler.kept import Kept
from steepest.lr_scheduler.rates import Part, number, present_rates, rates_of
from steepest.torch.internals import Scheduler, never_traced
from steepest.torch.state import schedules as scheduled
from steepest.torch.state import skipped_steps as skips
from steepest.torch.state.captured import tell_graphs


class PureScheduler(Scheduler):
    """Base of a scheduler whose rate is a function of the epoch, mixed into torch's class of the same name.

    torch's class checks and stores the arguments.  Its `get_lr` computes each rate from the previous one; here `value`
    computes it from the epoch.
    """

    __slots__ = ("_kept",)
    _kept: Kept

    sets_rates = False
    """Whether its rates come from its arguments alone, not from the optimizer's initial rates."""

    is_alone = False
    """Whether torch computes its rates from the epoch alone; else from the present rate, whoever has set it."""

    changes_at_0 = False
    """Whether torch multiplies a rate at epoch 0 already, where a program has written -1 into `last_epoch`."""

    goes_on = False
    """Whether it goes on from the present rates as a later part of a sequence; the others set their own."""

    takes_hands = False
    """Whether it goes on from a rate that a hand has set in another way than in proportion, as torch's class does."""

    _is_ours = True
    """Whether no subclass from elsewhere sets the rates in a way of its own."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        parent = next(known for known in cls.__mro__ if known.__module__.startswith("steepest."))
        cls._is_ours = cls.sets_rates_as(parent)

    def __new__(cls, *_: Any, **__: Any) -> "PureScheduler":
        self = super().__new__(cls)
        self._kept = Kept()
        return self

    # --- the rates of an epoch ----------------------------------------------------------------------------------------

    def value(self, epoch: float, place: int) -> float:
        """The rate of the group at this place, if this were the only scheduler."""
        raise NotImplementedError

    def base(self, place: int) -> float:
        """The rate that a group begins with."""
        return self._kept.bases[place] if place in self._kept.bases else number(self.base_lrs[place])

    def parts(self, epoch: float) -> list[Part]:
        """The value for each group, with the rate that it is a multiple of."""
        groups = range(len(self.optimizer.param_groups))
        return [(self._value(epoch, place), self.norm(place)) for place in groups]

    def norm(self, place: int) -> float:
        """What the value for a group is a multiple of."""
        return self._kept.norms.get(place, self.base(place))

    def _value(self, epoch: float, place: int) -> float:
        if epoch < 0 and not self.changes_at_0:
            return self.base(place)
        last = len(self.base_lrs) - 1
        if not self.is_alone or place <= last:
            return self.value(epoch, place)
        return self.base(place) * (self.value(epoch, last) / self.base(last) if self.base(last) else 1.0)

    def go_to(self, epoch: float) -> None:
        """Make this the present epoch."""
        self.last_epoch = epoch  # type: ignore[assignment]

    def present(self) -> float:
        """The present epoch, fractions included."""
        return self.last_epoch

    def follow(self, place: int, rate: float) -> None:
        """Go on from this rate of a group, which it has at the present epoch: find what it would have begun with."""
        bases, before = self._kept.bases, self._kept.bases.get(place)
        bases[place] = 0.0
        low = self._value(self.present(), place)
        bases[place] = 1.0
        slope = self._value(self.present(), place) - low
        bases[place] = (rate - low) / slope if slope else rate
        if not slope and place < len(self.base_lrs):
            bases.pop(place) if before is None else bases.update({place: before})

    def admit(self, place: int, rate: float) -> None:
        """Go on from the rate of a group that was added since."""
        self.follow(place, rate)
        self._kept.norms[place] = rate

    def enter(self, before: Sequence[Part]) -> None:
        """Begin after another scheduler of a sequence, which has set these values."""

    def begins_anew(self, epoch: float) -> bool:
        """Whether a next scheduler of a sequence begins at this epoch, which sets the rates anew, as torch's does."""
        return False

    def knows(self, place: int) -> bool:
        """Whether the group was there, or was admitted."""
        return place < len(self.base_lrs) or place in self._kept.bases

    def forget_phase(self) -> None:
        """Begin with the initial rates again."""
        self._kept.bases.clear()
        self._kept.norms.clear()

    def says_its_rates(self) -> bool:
        """Whether `value` says its rates; a subclass may have a `get_lr` or `step` of its own, as torch's have."""
        return self._is_ours and not self._kept.is_as_torchs

    def get_lr(self) -> list[Any]:
        """The rates of the present epoch, if this were the only scheduler; torch's where a subclass makes others."""
        if not self.says_its_rates():  # it goes on from what it has made of them
            return super().get_lr()
        if not self.is_asked_by_step():
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use `get_last_lr()`.", stacklevel=2
            )
        return self.rates_at_present()

    def rates_at_present(self) -> list[Any]:
        if not self.says_its_rates():
            return self.torchs_rates_at_present()
        return [value for value, _ in self.parts(self.last_epoch)]

    # --- the first epoch ----------------------------------------------------------------------------------------------

    def begin_by_step(self) -> None:
        self._kept.steps = None
        self.step()
        if self._kept.steps is None:  # a subclass does without our step
            self.watch()

    def begin(self) -> None:
        self.watch()
        if not self.says_its_rates():
            with self.beginning():
                self.move_as_torch()
            return
        goes_on = self.last_epoch >= 0
        self.go_to(self.last_epoch + 1)
        if self.sets_rates:
            rates_of(self.optimizer).forget_hand()
        if goes_on and not self.sets_rates:
            self.go_on(is_new=True)
            return
        if not goes_on and not self._kept.is_owned:
            self._begin_phase()
        self.write()

    def _begin_phase(self) -> None:
        rates = rates_of(self.optimizer)
        if not self.sets_rates:
            rates.begin(self.optimizer)
        if self.is_alone:
            rates.leave_out_the_dead()
        if rates.were_stepped():
            self.forget_phase()  # of its own, where its constructor is called a second time
            if not self.is_alone:
                self._kept.bases |= enumerate(present_rates(self.optimizer))
            rates.take_over(self.optimizer, self)

    def go_on(self, *, is_new: bool = False) -> None:
        """Continue a run that was stopped.

        is_new: whether the constructor was given the last epoch: then a checkpoint may be of that one, or of the next.
        """
        if self._kept.is_owned:
            self.write()
            return
        rates = rates_of(self.optimizer)
        before = self.parts(self.present() - 1) if is_new and not self.is_alone else None
        beyond = rates.go_on(self.optimizer, self, self.parts(self.present()), before, is_new=is_new)
        if not self.is_alone:
            for place, rate in beyond.items():
                self.follow(place, rate)
        self.write()
        rates.keep(self.optimizer, beyond)
        self.set_last_lr(current(self.optimizer))

    def watch(self) -> None:
        """Look for steps that are skipped from now on; refuse an optimizer whose rate is a schedule (ValueError)."""
        if any(scheduled.is_scheduled(group, "lr") for group in self.optimizer.param_groups):
            raise ValueError(
                "The rate of this optimizer is a schedule already, which says it anew at each step. Give the optimizer "
                "a number, or compose the schedules: `lr=cosine(...) * step(...)`."
            )
        self._kept.steps = skips.Steps(self.optimizer)
        self.set_flags()

    def undo(self) -> None:
        """Take back the first step, which another scheduler will have made again."""
        rates_of(self.optimizer).remove(self)
        self.go_to(self.last_epoch - 1)

    # --- the next epoch -----------------------------------------------------------------------------------------------

    @never_traced
    def step(self, epoch: Any = None) -> None:
        """Go to the next epoch, unless GradScaler skipped the step of the optimizer.

        Args:
            epoch: The epoch to go to instead; torch takes it too, and calls it deprecated.
        """
        if self._kept.steps is None:  # torch's constructor
            self.begin()
        elif epoch is not None or self._kept.is_owned or not self._kept.steps.was_skipped(self.optimizer):
            self.step_as_torch(epoch)
            tell_graphs(self.optimizer)

    def move(self, epoch: Any = None) -> None:
        if not self.says_its_rates():  # a subclass says its rates as torch's do
            self.move_as_torch(epoch)
            return
        if epoch is not None:  # as in torch, this epoch's rates then, whatever they were before
            self.forget_phase()
            rates_of(self.optimizer).take_over(self.optimizer, self)
        self.move_with_others(epoch)

    def move_with_others(self, epoch: Any = None) -> None:
        """Set the rates of the next epoch, or of this one, with what other schedulers and hands have done to them."""
        epoch = self.last_epoch + 1 if epoch is None else epoch
        if not self._kept.is_owned:
            self._join()
            if self.begins_anew(epoch):
                rates_of(self.optimizer).begin_anew()
        self.go_to(epoch)
        self.write()

    def _join(self) -> None:
        rates = rates_of(self.optimizer)
        if self not in rates and self.is_alone and rates.was_replaced(self):
            rates.take_over(self.optimizer, self)
        self._admit_groups()
        if self not in rates:
            rates.adopt(self.optimizer, self, self.parts(self.present()))
        self._follow_changes()
        self._follow_hands()
        rates.step(self.optimizer, self, is_alone=self.is_alone)

    def _admit_groups(self) -> None:
        for place, rate in enumerate(present_rates(self.optimizer)):
            if not self.knows(place):
                self.admit(place, rate)

    def _follow_changes(self) -> None:
        """Go on from the present rate where an attribute was changed, as torch does, which knows no other.

        One whose rates come from the epoch alone has a new base then, and what hands did to the old one is over.
        """
        rates = rates_of(self.optimizer)
        said = rates.parts_of(self)
        if self.is_alone:  # its function is called once a step, as in torch: it may have a state
            for place, (_, norm) in enumerate(said):
                if norm != self.norm(place):
                    rates.forget_hand_at(self.optimizer, place)
            return
        for place, ((value, norm), (now, _)) in enumerate(zip(said, self.parts(self.present()), strict=False)):
            if now != value:
                self._kept.norms.setdefault(place, norm)
                self.follow(place, value)

    def _follow_hands(self) -> None:
        """Go on from the rates that hands have set, where that is more than a factor."""
        if self.is_alone:
            return
        for place, rate in rates_of(self.optimizer).taken_from_hands(self.optimizer, self).items():
            self.follow(place, rate)

    def write(self) -> None:
        """Set the optimizer's rates."""
        if not self._kept.is_owned:
            rates_of(self.optimizer).write(self.optimizer, self, self.parts(self.last_epoch))
        self.set_last_lr(current(self.optimizer))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue from a state of this class or of torch's, and set the optimizer's rates to those of that time."""
        super().load_state_dict(state_dict)
        if not self.says_its_rates():  # the optimizer has the rates
            return
        self.forget_phase()
        self.go_to(self.present())
        if not self._kept.is_owned:
            self.go_on()


def current(optimizer: Optimizer) -> list[Any]:
    """The present rates of the groups; tensors are copied."""
    rates = [group["lr"] for group in optimizer.param_groups]
    return [rate.clone() if isinstance(rate, Tensor) else rate for rate in rates]
