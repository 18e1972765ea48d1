"""The rates that all schedulers of one optimizer set together: a product, so that their order does not matter.

rate = initial rate * changes by hand * (value / initial rate) of every scheduler

A scheduler whose rates come from the epoch alone, such as LambdaLR, ends what a hand did, as in torch.

Schedulers that are made together multiply.  One that is made when another was stepped already begins a new phase, as in
torch: it goes on from the present rate, or sets its own, and the others have no part any more until they are stepped.
"""

import math
import weakref
from collections.abc import Sequence
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
        self.was_stepped = False
        self.is_left_out = False

    def factor(self, place: int) -> float:
        return _over(*self.parts[place]) if place < len(self.parts) else 1.0


class Rates:
    """The rates of one optimizer; a change by hand, or by a scheduler that is not ours, counts as a factor."""

    def __init__(self, optimizer: Optimizer) -> None:
        groups = optimizer.param_groups
        self._shares: list[_Share] = []
        self._replaced: weakref.WeakSet[Any] = weakref.WeakSet()
        self._by_hand = [_over(float(group["lr"]), float(group.get("initial_lr", group["lr"]))) for group in groups]
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
                self._by_hand[place] = _over(now, float(optimizer.param_groups[place].get("initial_lr", now)))
            else:
                self._by_hand[place] *= now / written

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
        if is_alone and not self.has_plateau:
            self.start_over()
        share.was_stepped, share.is_left_out = True, False

    def go_on(self, optimizer: Optimizer, scheduler: Any, parts: Sequence[Part]) -> None:
        """Add a scheduler of a run that is resumed.

        If the optimizer was loaded, its rates are right, so a difference from the schedulers was made by hand.  If it
        was not loaded, it still has its initial rates, and gets those of the schedulers.
        """
        self._say(scheduler, parts)
        for place, now in enumerate(present_rates(optimizer)):
            initial, loaded = float(optimizer.param_groups[place].get("initial_lr", now)), self._loaded_at(place)
            right = loaded if now == self._written[place] and loaded is not None else now
            self._by_hand[place] = 1.0
            if not math.isclose(right, initial, rel_tol=1e-9) and self._rate(place):
                self._by_hand[place] = right / self._rate(place)
        self.write(optimizer, scheduler, parts)

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

    def _say(self, scheduler: Any, parts: Sequence[Part]) -> None:
        share = self._share(scheduler)
        if share is None:
            share = _Share(scheduler)
            self._shares.append(share)
        share.parts = list(parts)

    def _fold_the_dead(self) -> None:
        """Schedulers that are no more leave their factors; they would pile up where one is made at each epoch."""
        for share in [share for share in self._shares if share.scheduler() is None]:
            if all(value and base for value, base in share.parts):
                self._by_hand = [by_hand * share.factor(place) for place, by_hand in enumerate(self._by_hand)]
                self._others_were_stepped |= share.was_stepped
                self._shares.remove(share)

    def _rate(self, place: int) -> float:
        first, *others = (s for s in self._shares if place < len(s.parts) and not s.is_left_out)
        return first.parts[place][0] * math.prod(other.factor(place) for other in others) * self._by_hand[place]


def _over(value: float, base: float) -> float:
    return value / base if base else 1.0


def present_rates(optimizer: Optimizer) -> list[float]:
    """The rates of the groups as they are now."""
    return [float(group["lr"]) for group in optimizer.param_groups]


def restore(optimizer: Optimizer, rates: Sequence[Any]) -> None:
    """Set the rates of the groups to these values."""
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        _set(group, rate)


def _set(group: dict[str, Any], rate: Any) -> None:
    if isinstance(group["lr"], Tensor):
        group["lr"].fill_(float(rate))
    else:
        group["lr"] = rate
