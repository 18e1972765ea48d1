"""The rates that all schedulers of one optimizer set together: a product, so that their order does not matter.

rate = initial rate * changes by hand * (value / initial rate) of every scheduler
"""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

Part = tuple[float, float]
"""The value of a scheduler for a group, and the initial rate of the group."""

_PLACE = "_steepest_rates"  # on the optimizer: it lives as long, and is neither saved nor copied with it


def rates_of(optimizer: Optimizer) -> "Rates":
    """The rates of this optimizer."""
    if not hasattr(optimizer, _PLACE):
        setattr(optimizer, _PLACE, Rates(optimizer))
    return getattr(optimizer, _PLACE)


class Rates:
    """The rates of one optimizer; a change by hand, or by a scheduler that is not ours, counts as a factor."""

    def __init__(self, optimizer: Optimizer) -> None:
        groups = optimizer.param_groups
        self._parts: dict[Any, list[Part]] = {}
        self._by_hand = [_over(float(group["lr"]), float(group.get("initial_lr", group["lr"]))) for group in groups]
        self._written = _current(optimizer)
        self._loaded: list[float] | None = self._written  # until a step: what the optimizer had before any scheduler

    def begin(self, optimizer: Optimizer) -> None:
        """Find what changed the rates since they were written; called before a scheduler sets new ones."""
        rates = _current(optimizer)
        self._by_hand += [1.0] * (len(rates) - len(self._by_hand))
        self._written += rates[len(self._written) :]
        for place, (now, written) in enumerate(zip(rates, self._written, strict=True)):
            if now == written:
                continue
            if written == 0:  # nothing is left to take it as a multiple of
                for parts in self._parts.values():
                    parts[place] = parts[place][1], parts[place][1]
                self._by_hand[place] = _over(now, float(optimizer.param_groups[place]["initial_lr"]))
            else:
                self._by_hand[place] *= now / written

    def step(self, optimizer: Optimizer) -> None:
        """The same, before a scheduler goes to its next epoch."""
        self.begin(optimizer)
        self._loaded = None

    def forget_hand(self) -> None:
        """Forget changes by hand: from now on the schedulers alone set the rates."""
        self._by_hand = [1.0] * len(self._by_hand)
        self._loaded = None

    def go_on(self, optimizer: Optimizer, scheduler: Any, parts: Sequence[Part]) -> None:
        """Add a scheduler of a run that is resumed.

        If the optimizer was loaded, its rates are right, so a difference from the schedulers was made by hand.  If it
        was not loaded, it still has its initial rates, and gets those of the schedulers.
        """
        self._parts[scheduler] = list(parts)
        for place, now in enumerate(_current(optimizer)):
            initial, loaded = float(optimizer.param_groups[place]["initial_lr"]), self._loaded_at(place)
            right = loaded if now == self._written[place] and loaded is not None else now
            self._by_hand[place] = 1.0
            if not math.isclose(right, initial, rel_tol=1e-9) and self._rate(place):
                self._by_hand[place] = right / self._rate(place)
        self.write(optimizer, scheduler, parts)

    def _loaded_at(self, place: int) -> float | None:
        return self._loaded[place] if self._loaded and place < len(self._loaded) else None

    def __contains__(self, scheduler: Any) -> bool:
        return scheduler in self._parts

    def adopt(self, optimizer: Optimizer, scheduler: Any, parts: Sequence[Part]) -> None:
        """Add a scheduler that was copied together with its optimizer; the rates stay as they are."""
        self._parts[scheduler] = list(parts)
        self._by_hand = [1.0] * len(parts)
        self._by_hand = [_over(now, self._rate(place)) for place, now in enumerate(_current(optimizer))]
        self._written = _current(optimizer)

    def remove(self, scheduler: Any) -> None:
        """Remove a scheduler that became a part of another one."""
        self._parts.pop(scheduler, None)

    def write(self, optimizer: Optimizer, scheduler: Any, parts: Sequence[Part]) -> None:
        """Set the rates, with new values of one scheduler."""
        self._parts[scheduler] = list(parts)
        for place, group in enumerate(optimizer.param_groups):
            _set(group, self._rate(place))
        self._written = _current(optimizer)

    def _rate(self, place: int) -> float:
        (value, _), *others = (parts[place] for parts in self._parts.values() if place < len(parts))
        return value * math.prod(_over(one, base) for one, base in others) * self._by_hand[place]


def _over(value: float, base: float) -> float:
    return value / base if base else 1.0


def _current(optimizer: Optimizer) -> list[float]:
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
