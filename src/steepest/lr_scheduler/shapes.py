"""The schedulers of one shape each, under torch's names and with torch's arguments.

Counts may be of any kind of number: where they are not whole, or zero, the rates are those that torch's steps lead to.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from torch.optim import lr_scheduler as torchs

from steepest.lr_scheduler.base import PureScheduler
from steepest.lr_scheduler.rates import Part


class LambdaLR(PureScheduler, torchs.LambdaLR):
    """`base * lr_lambda(epoch)`."""

    is_alone = True

    def value(self, epoch: Any, place: int) -> float:
        return float(self.base_lrs[place]) * self.lr_lambdas[place](epoch)


class MultiplicativeLR(PureScheduler, torchs.MultiplicativeLR):
    """`base * lr_lambda(1) * lr_lambda(2) * ... * lr_lambda(epoch)`."""

    goes_on = True

    def value(self, epoch: Any, place: int) -> float:
        reached, product = self._kept.products.get(place, (0, 1.0))
        if epoch < reached:
            reached, product = 0, 1.0
        product *= math.prod(map(self._function(place), range(reached + 1, int(epoch) + 1)))
        self._kept.products[place] = max(int(epoch), 0), product
        return self.base(place) * product

    def _function(self, place: int) -> Any:
        return self.lr_lambdas[min(place, len(self.lr_lambdas) - 1)]

    def enter(self, before: Sequence[Part]) -> None:
        """Go on from the rates of another scheduler: torch multiplies them at once."""
        for place, (rate, _) in enumerate(before):
            self._kept.bases[place] = rate * self._function(place)(0)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._kept.products.clear()
        super().load_state_dict(state_dict)


class StepLR(PureScheduler, torchs.StepLR):
    """`base * gamma^floor(epoch / step_size)`."""

    def value(self, epoch: Any, place: int) -> float:
        if not self.step_size:
            raise ValueError("The rate of StepLR changes every 0 epochs. Give it a step_size of at least 1.")
        every = Fraction(float(self.step_size)).numerator  # the whole epochs that it divides are multiples of this
        return self.base(place) * self.gamma ** (epoch // every)


class MultiStepLR(PureScheduler, torchs.MultiStepLR):
    """`base * gamma^(number of milestones that are reached)`; a milestone that is given twice counts twice."""

    def value(self, epoch: Any, place: int) -> float:
        reached = bisect_right(sorted(m for m in self.milestones.elements() if m >= 0 and m % 1 == 0), epoch)
        return self.base(place) * self.gamma**reached


class ConstantLR(PureScheduler, torchs.ConstantLR):
    """`base * factor` before epoch `total_iters`, base from then on."""

    def value(self, epoch: Any, place: int) -> float:
        ends = self.total_iters > 0 and self.total_iters % 1 == 0
        return self.base(place) * (1.0 if ends and epoch >= self.total_iters else self.factor)


class _Ending(PureScheduler):
    """Base of the schedulers that leave a rate alone from an epoch on; after 0, also one that a hand sets."""

    def follow(self, place: int, rate: float) -> None:
        if _part(self.present(), self.total_iters) == 1.0 and not self.value(self.present(), place):  # type: ignore[attr-defined]
            self._kept.ends[place] = rate
        else:
            super().follow(place, rate)

    def forget_phase(self) -> None:
        super().forget_phase()
        self._kept.ends.clear()


class LinearLR(_Ending, torchs.LinearLR):
    """A straight line from `base * start_factor` to `base * end_factor` in `total_iters` epochs."""

    def value(self, epoch: Any, place: int) -> float:
        done = _part(epoch, self.total_iters)
        if done == 1.0 and place in self._kept.ends:
            return self._kept.ends[place]
        base = self.base(place)
        return base * self.start_factor * (1 - done) + base * self.end_factor * done


class ExponentialLR(PureScheduler, torchs.ExponentialLR):
    """`base * gamma^epoch`."""

    changes_at_0 = True

    def value(self, epoch: Any, place: int) -> float:
        return self.base(place) * self.gamma**epoch


class PolynomialLR(_Ending, torchs.PolynomialLR):
    """`base * (1 - epoch / total_iters)^power`, zero from epoch `total_iters` on."""

    changes_at_0 = True

    def value(self, epoch: Any, place: int) -> float:
        done = _part(epoch, self.total_iters)
        if done == 1.0 and place in self._kept.ends:
            return self._kept.ends[place]
        return self.base(place) * (1.0 - done) ** self.power


class CosineAnnealingLR(PureScheduler, torchs.CosineAnnealingLR):
    """Half a cosine from base to `eta_min` in `T_max` epochs, then back in as many, and so on, as in torch.

    A rate by hand is a new base of the distance from `eta_min`, as far as the next low point: torch goes up to the
    initial rate again.
    """

    changes_at_0 = takes_hands = True

    def value(self, epoch: Any, place: int) -> float:
        if epoch == 0:
            return self.base(place)
        if not self.T_max:
            return float(self.eta_min)
        goes_on = self._lows(epoch) == self._kept.lows.get(place, 0) or place >= len(self.base_lrs)
        base = self.base(place) if goes_on else float(self.base_lrs[place])
        folded = self.T_max - abs(self.T_max - epoch % (2 * self.T_max))
        return self.eta_min + (base - self.eta_min) * _height(folded / self.T_max)

    def _lows(self, epoch: Any) -> int:
        """How many low points torch has gone up from: it finds those at whole epochs."""
        return 0 if self.T_max % 1 else max(0, math.ceil((epoch - self.T_max) / (2 * self.T_max)))

    def follow(self, place: int, rate: float) -> None:
        now = self.present()
        self._kept.lows[place] = self._lows(now) if self.T_max else 0
        if not self._is_low(now):
            super().follow(place, rate)
            return
        self._kept.lows[place] += 1
        up = _height(1 - 1 / self.T_max)  # the first step up is added to what is there
        self._kept.bases[place] = float(self.base_lrs[place]) + (rate - self.eta_min) / up

    def _is_low(self, epoch: Any) -> bool:
        return self.T_max % 1 == 0 and self.T_max > 0 and epoch > 0 and epoch % (2 * self.T_max) == self.T_max

    def forget_phase(self) -> None:
        super().forget_phase()
        self._kept.lows.clear()


def _height(fallen: float) -> float:
    return (1 + math.cos(math.pi * fallen)) / 2


def _part(epoch: Any, whole: Any) -> float:
    """How much of a whole is done: what whole epochs lead to, and nothing of a whole that is 0."""
    return float(min(epoch, math.floor(whole)) / whole) if whole else 0.0
