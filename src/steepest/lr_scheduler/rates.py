"""The rates that all schedulers of one optimizer make together: a product, so that their order does not matter.

rate = initial rate * what was changed by hand * every scheduler's value over its own initial rate
"""

import math
from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

Part = tuple[float, float]
"""The value of a scheduler for a group, and the rate that it starts from."""

_PLACE = "_steepest_rates"  # on the optimizer: it lives as long, and is neither saved nor copied with it


def rates_of(optimizer: Optimizer) -> "Rates":
    """The rates of this optimizer."""
    if not hasattr(optimizer, _PLACE):
        setattr(optimizer, _PLACE, Rates(optimizer))
    return getattr(optimizer, _PLACE)


class Rates:
    """Of one optimizer; whoever else writes to its groups, by hand or another scheduler, is taken for a factor."""

    def __init__(self, optimizer: Optimizer) -> None:
        groups = optimizer.param_groups
        self._parts: dict[Any, list[Part]] = {}
        self._by_hand = [_over(float(group["lr"]), float(group.get("initial_lr", group["lr"]))) for group in groups]
        self._written = _current(optimizer)

    def begin(self, optimizer: Optimizer) -> None:
        """See what was done to the rates since they were written; called before a scheduler says anything new."""
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

    def forget_hand(self) -> None:
        """The rates come from a checkpoint: what they are is explained by schedulers."""
        self._by_hand = [1.0] * len(self._by_hand)

    def __contains__(self, scheduler: Any) -> bool:
        return scheduler in self._parts

    def adopt(self, optimizer: Optimizer, scheduler: Any, parts: Sequence[Part]) -> None:
        """Explain the rates as they are by a scheduler that was copied together with its optimizer."""
        self._parts[scheduler] = list(parts)
        self._by_hand = [1.0] * len(parts)
        self._by_hand = [_over(now, self._rate(place)) for place, now in enumerate(_current(optimizer))]
        self._written = _current(optimizer)

    def remove(self, scheduler: Any) -> None:
        """This one speaks through another from now on."""
        self._parts.pop(scheduler, None)

    def write(self, optimizer: Optimizer, scheduler: Any, parts: Sequence[Part]) -> None:
        """Set the rates, with what one scheduler says now."""
        self._parts[scheduler] = list(parts)
        for place, group in enumerate(optimizer.param_groups):
            rate = self._rate(place)
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(rate)
            else:
                group["lr"] = rate
        self._written = _current(optimizer)

    def _rate(self, place: int) -> float:
        (value, _), *others = (parts[place] for parts in self._parts.values() if place < len(parts))
        return value * math.prod(_over(one, base) for one, base in others) * self._by_hand[place]


def _over(value: float, base: float) -> float:
    return value / base if base else 1.0


def _current(optimizer: Optimizer) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]
