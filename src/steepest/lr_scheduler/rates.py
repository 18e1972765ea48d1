"""The rates that all schedulers of one optimizer set together: a product, so that their order does not matter.

rate = initial rate * changes by hand * (value / initial rate) of every scheduler

A scheduler whose rates come from the epoch alone, such as LambdaLR, ends what a hand did, as in torch.

Schedulers that are made together multiply.  One that is made when another was stepped already begins a new phase, as in
torch: it goes on from the present rate, or sets its own, and the others have no part any more until they are stepped.
"""

import math
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

Part = tuple[float, float]
"""The value of a scheduler for a group, and the rate that it is a multiple of."""

_RATES: "weakref.WeakKeyDictionary[Optimizer, Rates]" = weakref.WeakKeyDictionary()
"""Neither saved nor copied with an optimizer; schedulers are held weakly, since they hold their optimizer."""


def rates_of(optimizer: Optimizer) -> "Rates":
    """The rates of this optimizer."""
    if optimizer not in _RATES:
        _RATES[optimizer] = Rates(optimizer)
    return _RATES[optimizer]


class _Share:
    """What one scheduler says of the rates."""

    def __init__(self, scheduler: Any) -> None:
        self.scheduler = weakref.ref(scheduler)
        self.parts: list[Part] = []
        self.before: list[Part] = []  # those of the epoch before, if it was made in the middle of a run
        self.was_stepped = False
        self.is_left_out = False

    def factor(self, place: int, when: str = "parts") -> float:
        parts = getattr(self, when)
        return _over(*parts[place]) if place < len(parts) else 1.0


class Rates:
    """The rates of one optimizer; a change by hand, or by a scheduler that is not ours, counts as a factor."""

    def __init__(self, optimizer: Optimizer) -> None:
        groups = optimizer.param_groups
        self._shares: list[_Share] = []
        self._replaced: weakref.WeakSet[Any] = weakref.WeakSet()
        self._by_hand = [_over(number(group["lr"]), number(group.get("initial_lr", group["lr"]))) for group in groups]
        self._others_were_stepped = any(factor != 1 for factor in self._by_hand)  # those that are gone, or not ours
        self._written = present_rates(optimizer)
        self._loaded: list[float] | None = self._written  # until a step: what the optimizer had before any scheduler
        self.has_plateau = False  # a ReduceLROnPlateau of ours takes part: what it does to the rates is not a hand's

    # --- who takes part -----------------------------------------------------------------------------------------------

    def _share(self, scheduler: Any) -> _Share | None:
        return next((share for share in self._shares if share.scheduler() is scheduler), None)

    def __contains__(self, scheduler: Any) -> bool:
        return self._share(scheduler) is not None

    def was_replaced(self, scheduler: Any) -> bool:
        """Whether another one has begun a new phase since it was stepped."""
        return scheduler in self._replaced

    def were_stepped(self) -> bool:
        """Whether a phase has begun in which a scheduler that is made now has no part."""
        return self._others_were_stepped or any(share.was_stepped for share in self._shares)

    def take_over(self, optimizer: Optimizer, scheduler: Any = None) -> None:
        """Forget what all schedulers and hands did: this one sets the rates from now on, or nobody of ours."""
        self._replaced.update(one for share in self._shares if (one := share.scheduler()) is not None)
        self._shares = []
        if scheduler is not None:
            self._replaced.discard(scheduler)
            self._shares.append(_Share(scheduler))
        self._others_were_stepped = False
        self._written = present_rates(optimizer)
        self._by_hand = [1.0] * len(self._written)

    def start_over(self) -> None:
        """Forget changes by hand; what an optimizer was loaded with is still known."""
        self._by_hand = [1.0] * len(self._by_hand)

    def begin_anew(self) -> None:
        """Forget changes by hand, as far as they are no plateau's."""
        if not self.has_plateau:
            self.start_over()

    def forget_hand(self) -> None:
        """Forget changes by hand: from now on the schedulers alone set the rates."""
        self.start_over()
        self._loaded = None

    def forget_hand_at(self, optimizer: Optimizer, place: int) -> None:
        """Forget changes by hand of one group, whose rate a scheduler was told anew."""
        self._by_hand[place : place + 1] = [1.0]
        self._written[place] = present_rates(optimizer)[place]

    def remove(self, scheduler: Any) -> None:
        """Remove a scheduler that became a part of another one."""
        self._shares = [share for share in self._shares if share.scheduler() is not scheduler]

    def leave_out_the_dead(self) -> None:
        """Drop the schedulers that are no more and were never stepped: one was made in the place of another."""
        self._shares = [share for share in self._shares if share.was_stepped or share.scheduler() is not None]

    def adopt(self, optimizer: Optimizer, scheduler: Any, parts: Sequence[Part]) -> None:
        """Add a scheduler that was copied with its optimizer, or is stepped again; the rates stay as they are."""
        self._say(scheduler, parts)
        self._replaced.discard(scheduler)
        self._by_hand = [1.0] * len(parts)
        self._by_hand = [_over(now, self._rate(place)) for place, now in enumerate(present_rates(optimizer))]
        self._written = present_rates(optimizer)

    # --- what was done to the rates -----------------------------------------------------------------------------------

    def begin(self, optimizer: Optimizer) -> None:
        """Find what changed the rates since they were written; called before a scheduler sets new ones."""
        rates = present_rates(optimizer)
        self._by_hand += [1.0] * (len(rates) - len(self._by_hand))
        self._written += rates[len(self._written) :]
        for place, (now, written) in enumerate(zip(rates, self._written, strict=False)):
            if now == written:
                continue
            if written == 0:  # nothing is left to take it as a multiple of
                for share in self._shares:
                    share.parts[place : place + 1] = [(base, base) for _, base in share.parts[place : place + 1]]
                self._by_hand[place] = _over(now, number(optimizer.param_groups[place].get("initial_lr", now)))
            else:
                self._by_hand[place] *= now / written

    def taken_from_hands(self, optimizer: Optimizer, scheduler: Any) -> dict[int, float]:
        """The rates by hand that the only scheduler goes on from; from then on they are its own."""
        if [share.scheduler() for share in self._shares] != [scheduler] or self.has_plateau:
            return {}
        taken = {}
        for place, (now, written) in enumerate(zip(present_rates(optimizer), self._written, strict=False)):
            is_changed = (now, 1.0) != (written, self._by_hand[place])
            if is_changed and (scheduler.takes_hands or not written):
                taken[place] = self._written[place] = now
                self._by_hand[place] = 1.0
        return taken

    def step(self, optimizer: Optimizer, scheduler: Any, *, is_alone: bool) -> None:
        """The same, before a scheduler goes to its next epoch.

        is_alone: whether its rates come from the epoch alone.  Schedulers that were made with it and are never stepped
        have no part in them then, as in torch.
        """
        self.begin(optimizer)
        self._loaded = None
        share = self._share(scheduler)
        if share is None:
            return
        if is_alone and share.was_stepped:
            for other in self._shares:
                other.is_left_out = not other.was_stepped
        if is_alone:
            self.begin_anew()
        share.was_stepped, share.is_left_out = True, False

    def go_on(
        self,
        optimizer: Optimizer,
        scheduler: Any,
        parts: Sequence[Part],
        before: Sequence[Part] | None,
        *,
        is_new: bool,
    ) -> dict[int, float]:
        """Add a scheduler of a run that is resumed.

        If the optimizer was loaded, its rates are right, so a difference from the schedulers was made by hand.  If it
        was not loaded, it still has its initial rates, and gets those of the schedulers.

        before: what the scheduler said an epoch earlier: rates that were saved then were not changed by hand either.
        is_new: whether it was just made; if it is alone, it sets the rates as torch's does.

        Returns the rates that no factor leads to.
        """
        self._say(scheduler, parts, before)
        beyond: dict[int, float] = {}
        for place, now in enumerate(present_rates(optimizer)):
            initial, loaded = number(optimizer.param_groups[place].get("initial_lr", now)), self._loaded_at(place)
            right = loaded if now == self._written[place] and loaded is not None else now
            self._by_hand[place] = 1.0
            if math.isclose(right, initial, rel_tol=1e-9) or self._said_before(place, right):
                continue
            if is_new and scheduler.is_alone and not self.has_plateau:
                continue
            if self._rate(place):
                self._by_hand[place] = right / self._rate(place)
            else:
                beyond[place] = right
        self.write(optimizer, scheduler, parts)
        return beyond

    def _said_before(self, place: int, rate: float) -> bool:
        """Whether a rate is that of the epoch before the one at which schedulers were made to go on."""
        if any(share.was_stepped for share in self._shares):  # it is of this process, not of a checkpoint
            return False
        return math.isclose(rate, self._rate(place, "before"), rel_tol=1e-6)  # a tensor has seven digits

    def keep(self, optimizer: Optimizer, rates: Mapping[int, float]) -> None:
        """Set the rates of some groups, which their scheduler goes on from."""
        for place, rate in rates.items():
            _set(optimizer.param_groups[place], rate)
            self._written[place] = present_rates(optimizer)[place]

    def _loaded_at(self, place: int) -> float | None:
        return self._loaded[place] if self._loaded and place < len(self._loaded) else None

    # --- the rates ----------------------------------------------------------------------------------------------------

    def parts_of(self, scheduler: Any) -> Sequence[Part]:
        """What a scheduler said last."""
        share = self._share(scheduler)
        return share.parts if share else []

    def write(self, optimizer: Optimizer, scheduler: Any, parts: Sequence[Part]) -> None:
        """Set the rates, with new values of one scheduler."""
        self._say(scheduler, parts)
        self._fold_the_dead()
        for place, group in enumerate(optimizer.param_groups):
            _set(group, float(self._rate(place)))
        self._written = present_rates(optimizer)

    def _say(self, scheduler: Any, parts: Sequence[Part], before: Sequence[Part] | None = None) -> None:
        share = self._share(scheduler)
        if share is None:
            share = _Share(scheduler)
            self._shares.append(share)
        share.parts = list(parts)
        share.before = list(parts if before is None else before)

    def _fold_the_dead(self) -> None:
        """Schedulers that are no more leave their factors; they would pile up where one is made at each epoch."""
        for share in [share for share in self._shares if share.scheduler() is None]:
            if all(value and base for value, base in share.parts):
                self._by_hand = [by_hand * share.factor(place) for place, by_hand in enumerate(self._by_hand)]
                self._others_were_stepped |= share.was_stepped
                self._shares.remove(share)

    def _rate(self, place: int, when: str = "parts") -> float:
        first, *others = (s for s in self._shares if place < len(s.parts) and not s.is_left_out)
        value, _ = getattr(first, when)[place]
        return value * math.prod(other.factor(place, when) for other in others) * self._by_hand[place]


def _over(value: float, base: float) -> float:
    return value / base if base else 1.0


def present_rates(optimizer: Optimizer) -> list[float]:
    """The rates of the groups as they are now."""
    return [number(group["lr"]) for group in optimizer.param_groups]


def number(rate: Any) -> float:
    """A rate that may be a tensor, as a number."""
    return float(rate.detach() if isinstance(rate, Tensor) else rate)  # torch warns of one that has a gradient


def restore(optimizer: Optimizer, rates: Sequence[Any]) -> None:
    """Set the rates of the groups to these values."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        _set(group, rate)


def _set(group: dict[str, Any], rate: Any) -> None:
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(number(rate))
    else:
        group["lr"] = rate
