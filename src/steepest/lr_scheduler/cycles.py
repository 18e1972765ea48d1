"""The schedulers that go up and down; two of them move the momentum in the opposite direction."""

import functools
import inspect
import math
from typing import Any

from torch import Tensor
from torch.optim import lr_scheduler as torchs

from steepest import schedules
from steepest.lr_scheduler.base import PureScheduler
from steepest.schedules.cycles import between
from steepest.schedules.libraries import Python
from steepest.torch.internals import has_cosines, never_traced, phases_of

_warm_restarts = functools.lru_cache(maxsize=256)(schedules.warm_restarts)


class CosineAnnealingWarmRestarts(PureScheduler, torchs.CosineAnnealingWarmRestarts):
    """Half cosines from base to `eta_min`: the first in `T_0` epochs, each `T_mult` times as long as the one before.

    `step(epoch + batch / batches)` goes to a fraction of an epoch.
    """

    is_alone = True

    def value(self, epoch: Any, place: int) -> float:
        return self._curve(float(self.base_lrs[place]))(epoch - self._began())

    def _curve(self, base: float) -> schedules.warm_restarts:
        return _warm_restarts(base, self._restarted()[1], self.T_mult, self.eta_min)

    def _restarted(self) -> tuple[float, Any]:
        """The epoch at which the curve began, and the length of its first cosine."""
        return self._kept.restarted or (0, self.T_0)

    def _began(self) -> float:
        return self._restarted()[0]

    def go_to(self, epoch: float) -> None:
        """Make this the present epoch; it may be a fraction."""
        self._follow_its_cycle()
        self.T_cur, self.T_i = self._cycle(epoch)
        super().go_to(epoch)

    def _cycle(self, epoch: float) -> tuple[float, float]:
        since = epoch - self._began()
        begin, steps = self._curve(1.0)._cycle(max(since, 0), Python)
        return since - begin, steps

    def _follow_its_cycle(self) -> None:
        """Begin the curve anew where T_cur or T_i were written, or loaded: torch knows no other place."""
        now = self.present()
        if not all(map(_are_close, self._cycle(now), (self.T_cur, self.T_i))):
            self._kept.restarted = (now - self.T_cur, self.T_i)

    def present(self) -> float:
        """The present epoch; between steps torch keeps its fraction in T_cur alone."""
        return self.last_epoch if self.last_epoch % 1 else self.last_epoch + self.T_cur % 1

    def move_as_torch(self, epoch: Any = None) -> None:
        torchs.CosineAnnealingWarmRestarts.step(self, epoch)  # which counts in T_cur and T_i

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        super().load_state_dict(state_dict)
        self.last_epoch = int(self.last_epoch)

    @never_traced
    def step(self, epoch: Any = None) -> None:
        """Go to the next epoch, or to a given one, as in `step(epoch + batch / batches)`.

        Args:
            epoch: The epoch, which may be a fraction; the next one if None.

        Raises:
            ValueError: The epoch is negative.
        """
        if epoch is not None and epoch < 0:
            raise ValueError(f"Expected non-negative epoch, but got {epoch}")
        if epoch is not None and not self.says_its_rates():
            self.move_as_torch(epoch)
        elif epoch is not None:
            self._kept.restarted = None
            self.T_cur, self.T_i = self._cycle(self.present())
            self.move_with_others(epoch)
        else:
            super().step()

    def move_with_others(self, epoch: Any = None) -> None:
        super().move_with_others(self.present() + 1 if epoch is None else epoch)
        self.last_epoch = int(self.last_epoch)


def _are_close(one: float, other: float) -> bool:
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


class _Cycling(PureScheduler):
    """Base of the schedulers that lower the momentum, or beta1, while they raise the rate."""

    sets_rates = is_alone = True

    def momentum(self, epoch: float, place: int) -> Any:
        """The momentum of the group at this place."""
        raise NotImplementedError

    def write(self) -> None:
        super().write()
        if self.cycle_momentum:  # type: ignore[attr-defined]
            self.write_momentum()

    def write_momentum(self) -> None:
        """Set the momentum of each group."""
        for place, group in enumerate(self.optimizer.param_groups):
            value = self.momentum(self.last_epoch, min(place, len(self.base_lrs) - 1))
            if self.use_beta1:  # type: ignore[attr-defined]
                group["betas"] = (value, *group["betas"][1:])
            elif isinstance(group["momentum"], Tensor) and not isinstance(value, Tensor):
                group["momentum"].fill_(value)
            else:
                group["momentum"] = value


class CyclicLR(_Cycling, torchs.CyclicLR):
    """Straight lines up and down between `base_lr` and `max_lr`; the momentum in the opposite direction."""

    def value(self, epoch: Any, place: int) -> float:
        base, high = float(self.base_lrs[place]), float(self.max_lrs[place])
        return base + (high - base) * self._height(epoch)

    def momentum(self, epoch: Any, place: int) -> Any:
        low, high = self.base_momentums[place], self.max_momentums[place]
        return high - (high - low) * self._height(epoch)

    def _height(self, epoch: Any) -> float:
        cycle = math.floor(1 + epoch / self.total_size)
        within = 1.0 + epoch / self.total_size - cycle
        rises = within <= self.step_ratio
        height = within / self.step_ratio if rises else (within - 1) / (self.step_ratio - 1)
        return height * self.scale_fn(cycle if self.scale_mode == "cycle" else epoch)


class OneCycleLR(_Cycling, torchs.OneCycleLR):
    """Up to `max_lr`, then down, far below the first rate; the momentum in the opposite direction."""

    @functools.wraps(torchs.OneCycleLR.__init__)
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._kept.given = _shape(args, kwargs)
        super().__init__(*args, **kwargs)

    def value(self, epoch: Any, place: int) -> float:
        if epoch > self.total_steps:
            raise ValueError(
                f"Tried to step {epoch} times. The specified number of total steps is {self.total_steps}: "
                "give total_steps, or epochs and steps_per_epoch, as long as the run."
            )
        return float(self._between("lr", epoch, place))

    def momentum(self, epoch: Any, place: int) -> float:
        return self._between("momentum", epoch, place)

    def _between(self, what: str, epoch: Any, place: int) -> Any:
        group, phases = self.optimizer.param_groups[place], phases_of(self, self._kept.given)
        ways = [(group[phase[f"start_{what}"]], group[phase[f"end_{what}"]]) for phase in phases]
        shape = "cosine" if has_cosines(self, self._kept.given) else "linear"
        return between(epoch, [phase["end_step"] for phase in phases], ways, shape, Python)


def _shape(args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of OneCycleLR that torch does not keep; none where its constructor will refuse them."""
    try:
        bound = inspect.signature(torchs.OneCycleLR).bind(*args, **kwargs)
    except TypeError:
        return {}
    bound.apply_defaults()
    return {name: bound.arguments[name] for name in ("pct_start", "anneal_strategy", "three_phase")}
