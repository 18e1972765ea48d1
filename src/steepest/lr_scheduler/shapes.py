"""The schedulers of one shape each, under torch's names and with torch's arguments."""

import functools
import math
from bisect import bisect_right
from typing import Any

from torch.optim import lr_scheduler as torchs

from steepest import schedules
from steepest.lr_scheduler.base import PureScheduler

_step, _linear, _exponential, _polynomial, _cosine = map(
    functools.lru_cache(maxsize=256),
    (schedules.step, schedules.linear, schedules.exponential, schedules.polynomial, schedules.cosine),
)
"""Cached: a schedule checks its arguments when it is made, which takes longer than computing a value."""


class LambdaLR(PureScheduler, torchs.LambdaLR):
    """`base * lr_lambda(epoch)`."""

    def value(self, epoch: Any, place: int) -> float:
        return float(self.base_lrs[place]) * self.lr_lambdas[place](epoch)


class MultiplicativeLR(PureScheduler, torchs.MultiplicativeLR):
    """`base * lr_lambda(1) * lr_lambda(2) * ... * lr_lambda(epoch)`."""

    def value(self, epoch: Any, place: int) -> float:
        known = vars(self).setdefault("_products", {})
        reached, product = known.get(place, (0, 1.0))
        if epoch < reached:
            reached, product = 0, 1.0
        product *= math.prod(map(self.lr_lambdas[place], range(reached + 1, int(epoch) + 1)))
        known[place] = int(epoch), product
        return float(self.base_lrs[place]) * product

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        vars(self).pop("_products", None)
        super().load_state_dict(state_dict)


class StepLR(PureScheduler, torchs.StepLR):
    """`base * gamma^floor(epoch / step_size)`."""

    def value(self, epoch: Any, place: int) -> float:
        return _step(float(self.base_lrs[place]), self.step_size, self.gamma)(epoch)


class MultiStepLR(PureScheduler, torchs.MultiStepLR):
    """`base * gamma^(number of milestones that are reached)`; a milestone that is given twice counts twice."""

    def value(self, epoch: Any, place: int) -> float:
        reached = bisect_right(sorted(self.milestones.elements()), epoch)
        return float(self.base_lrs[place]) * self.gamma**reached


class ConstantLR(PureScheduler, torchs.ConstantLR):
    """`base * factor` before epoch `total_iters`, base from then on."""

    def value(self, epoch: Any, place: int) -> float:
        return float(self.base_lrs[place]) * (self.factor if epoch < self.total_iters else 1.0)


class LinearLR(PureScheduler, torchs.LinearLR):
    """A straight line from `base * start_factor` to `base * end_factor` in `total_iters` epochs."""

    def value(self, epoch: Any, place: int) -> float:
        base = float(self.base_lrs[place])
        return _linear(base * self.start_factor, base * self.end_factor, self.total_iters)(epoch)


class ExponentialLR(PureScheduler, torchs.ExponentialLR):
    """`base * gamma^epoch`."""

    def value(self, epoch: Any, place: int) -> float:
        return _exponential(float(self.base_lrs[place]), self.gamma)(epoch)


class PolynomialLR(PureScheduler, torchs.PolynomialLR):
    """`base * (1 - epoch / total_iters)^power`, zero from epoch `total_iters` on."""

    def value(self, epoch: Any, place: int) -> float:
        return _polynomial(float(self.base_lrs[place]), 0.0, self.total_iters, self.power)(epoch)


class CosineAnnealingLR(PureScheduler, torchs.CosineAnnealingLR):
    """Half a cosine from base to `eta_min` in `T_max` epochs, then back in as many, and so on, as in torch."""

    def value(self, epoch: Any, place: int) -> float:
        folded = self.T_max - abs(self.T_max - epoch % (2 * self.T_max))
        return _cosine(float(self.base_lrs[place]), self.T_max, self.eta_min)(folded)
