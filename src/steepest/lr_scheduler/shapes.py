"""The schedulers of one shape each, under torch's names and with torch's arguments.

Counts may be of any kind of number: where they are not whole, or zero, the rates are those that torch's steps lead to.
"""

import math
from bisect import bisect_right
from fractions import Fraction
from typing import Any

from torch.optim import lr_scheduler as torchs

from steepest.lr_scheduler.base import PureScheduler


class LambdaLR(PureScheduler, torchs.LambdaLR):
    """`base * lr_lambda(epoch)`."""

    is_alone = True

    def value(self, epoch: Any, place: int) -> float:
        return float(self.base_lrs[place]) * self.lr_lambdas[place](epoch)


class MultiplicativeLR(PureScheduler, torchs.MultiplicativeLR):
    """`base * lr_lambda(1) * lr_lambda(2) * ... * lr_lambda(epoch)`."""

    def value(self, epoch: Any, place: int) -> float:
        function = self.lr_lambdas[min(place, len(self.lr_lambdas) - 1)]
        reached, product = self._kept.products.get(place, (0, 1.0))
        if epoch < reached:
            reached, product = 0, 1.0
        product *= math.prod(map(function, range(reached + 1, int(epoch) + 1)))
        self._kept.products[place] = int(epoch), product
        return self.base(place) * product

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


class LinearLR(PureScheduler, torchs.LinearLR):
    """A straight line from `base * start_factor` to `base * end_factor` in `total_iters` epochs."""

    def value(self, epoch: Any, place: int) -> float:
        done = _part(epoch, self.total_iters)
        base = self.base(place)
        return base * self.start_factor * (1 - done) + base * self.end_factor * done


class ExponentialLR(PureScheduler, torchs.ExponentialLR):
    """`base * gamma^epoch`."""

    def value(self, epoch: Any, place: int) -> float:
        return self.base(place) * self.gamma**epoch


class PolynomialLR(PureScheduler, torchs.PolynomialLR):
    """`base * (1 - epoch / total_iters)^power`, zero from epoch `total_iters` on."""

    def value(self, epoch: Any, place: int) -> float:
        return self.base(place) * (1.0 - _part(epoch, self.total_iters)) ** self.power


class CosineAnnealingLR(PureScheduler, torchs.CosineAnnealingLR):
    """Half a cosine from base to `eta_min` in `T_max` epochs, then back in as many, and so on, as in torch."""

    def value(self, epoch: Any, place: int) -> float:
        if epoch <= 0:
            return self.base(place)
        if not self.T_max:
            return float(self.eta_min)
        is_first = epoch <= self.T_max or place >= len(self.base_lrs)
        base = self.base(place) if is_first else float(self.base_lrs[place])  # torch goes up to the initial rate again
        folded = self.T_max - abs(self.T_max - epoch % (2 * self.T_max))
        return self.eta_min + (base - self.eta_min) * (1 + math.cos(math.pi * folded / self.T_max)) / 2


def _part(epoch: Any, whole: Any) -> float:
    """How much of a whole is done: what whole epochs lead to, and nothing of a whole that is 0."""
    return float(min(epoch, math.floor(whole)) / whole) if whole and epoch > 0 else 0.0
