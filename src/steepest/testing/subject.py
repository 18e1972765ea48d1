"""The rule that laws are tried on: its optimizers, problems for it, and what it gives on arrays and in an optimizer."""

import functools
import itertools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import Parameter

from steepest.compiler.branches import deciding
from steepest.compiler.rule import Rule, read
from steepest.hyperparameters.arguments import check_names
from steepest.kernels import reference
from steepest.testing.compare import Kept
from steepest.torch import functional
from steepest.torch.optimizers.make import optimizer  # of the rule alone, without what torch has beside it
from steepest.torch.state.arrays import number_dtype

STEPS = 6
NOTHING: Mapping[str, Any] = MappingProxyType({})

Gradients = Sequence[Tensor]
"""Of one parameter, step by step."""


@dataclass(frozen=True)
class Subject:
    """A rule and the values of its hyperparameters.

    given: those that are not the rule's defaults.
    """

    function: Callable[..., Any]
    given: dict[str, Any]

    @classmethod
    def of(cls, function: Callable[..., Any], hyperparameters: dict[str, Any]) -> "Subject":
        """The subject, if an optimizer can be made of it; else raises what `steepest.optimizer` raises."""
        subject = cls(function, hyperparameters)
        check_names(f"check of {subject.rule.name}", hyperparameters, subject.rule.hyperparameters)
        subject.optimizer([Parameter(torch.zeros(subject.shape))])
        return subject

    @property
    def rule(self) -> Rule:
        """What the function's signature says."""
        return read(self.function)

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """All of them, defaults included."""
        return self.rule.hyperparameters | self.given

    @property
    def options(self) -> Collection[str]:
        """The arguments of its optimizer."""
        return optimizer(self.function).signature.parameters.keys()

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes that such a rule can step: a rule of whole tensors may want matrices."""
        return ((37,), (2, 3, 4, 5)) if self.rule.elementwise else ((6, 4),)

    @property
    def shape(self) -> tuple[int, ...]:
        """The plainest of them."""
        return self.shapes[0]

    def optimizer(self, params: Any, options: Mapping[str, Any] = NOTHING) -> Any:
        """An optimizer of the rule; `options` are other hyperparameters, or `maximize` and its like."""
        return optimizer(self.function)(params, **{**self.given, **options})

    def functional(self) -> functional:
        """The functional form of the rule."""
        return functional(self.function, **self.given)

    def choices(self) -> Iterator[dict[str, Any]]:
        """The hyperparameters under each choice of the switches, first as they are; 64 at most."""
        now = self.hyperparameters
        if self.rule.elementwise:
            names = [name for name, _ in deciding(self.rule) if not isinstance(now[name], tuple)]
        else:
            names = [name for name, value in now.items() if isinstance(value, bool)]
        values = [dict.fromkeys([now[name], *_others(now[name])]) for name in names]
        for chosen in itertools.islice(itertools.product(*values), 64):
            yield now | dict(zip(names, chosen, strict=True))

    def changed(self) -> dict[str, Any]:
        """Other values of the hyperparameters that are numbers, not switches: each is one that the optimizer takes."""
        return {
            name: other
            for name, value in self.hyperparameters.items()
            if (other := _another(value)) != value and self._takes({name: other})
        }

    def _takes(self, options: dict[str, Any]) -> bool:
        try:
            self.optimizer([Parameter(torch.zeros(self.shape))], options)
        except (ValueError, RuntimeError):
            return False
        return True


def _others(value: Any) -> tuple[Any, ...]:
    return (not value,) if isinstance(value, bool) else (0.0, 0.5, 1.0)


def _another(value: Any) -> Any:
    """A number a little smaller; zero and everything that is no number stay."""
    if isinstance(value, tuple):
        return tuple(map(_another, value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value
    return 0.9 * value if isinstance(value, float) else value - (value > 1)


# --- problems ---------------------------------------------------------------------------------------------------------


def problem(dtype: torch.dtype, shape: Sequence[int], steps: int = STEPS, seed: int = 0) -> tuple[Tensor, Gradients]:
    """A parameter, and gradients of magnitude 1/2 to 2, so that no quotient is ill-conditioned."""
    random = torch.Generator().manual_seed(seed)

    def gradient() -> Tensor:
        sign = torch.randint(0, 2, shape, generator=random) * 2 - 1
        return ((0.5 + 1.5 * torch.rand(shape, generator=random, dtype=torch.float64)) * sign).to(dtype)

    start = torch.randn(shape, generator=random, dtype=torch.float64).to(dtype)
    return start, [gradient() for _ in range(steps)]


# --- runs -------------------------------------------------------------------------------------------------------------


def kept(p: Tensor, optimizer: Any) -> Kept:
    """A parameter and its state, as they are now."""
    return {"p": p.detach().clone(), **{name: value.clone() for name, value in optimizer.state.get(p, {}).items()}}


def step(optimizer: Any, p: Tensor, g: Tensor) -> Kept:
    """One step of an optimizer's parameter along a gradient."""
    p.grad = g
    optimizer.step()
    return kept(p, optimizer)


def by_optimizer(
    subject: Subject, start: Tensor, gradients: Gradients, options: Mapping[str, Any] = NOTHING
) -> Iterator[Kept]:
    """The parameter and its state after each step of an optimizer."""
    p = Parameter(start.clone())
    optimizer = subject.optimizer([p], options)
    for g in gradients:
        yield step(optimizer, p, g.clone())


def after(steps: Iterator[Kept]) -> Kept:
    """The last of these steps."""
    *_, last = steps
    return last


def by_rule(
    subject: Subject, p: Any, gradients: Sequence[Any], store: Callable[[Any], Any] = lambda x: x
) -> Iterator[dict[str, Any]]:
    """The rule itself, on NumPy arrays or tensors; `store` is what becomes of a value that is written to memory."""
    now: dict[str, Any] = {"p": p}
    for count, g in enumerate(gradients, 1):
        state = {name: value for name, value in now.items() if name != "p"}
        with np.errstate(all="ignore"):
            new_p, new_state = reference.step(
                subject.rule, now["p"], g, state, subject.hyperparameters, step=float(count)
            )
        now = {name: store(value) for name, value in {"p": new_p, **new_state}.items()}
        yield now


def exactly(subject: Subject, start: Tensor, gradients: Gradients) -> Kept:
    """What the rule gives in float64 on tensors, after all steps."""
    *_, last = by_rule(subject, start.double().clone(), [g.double().clone() for g in gradients])
    return {name: torch.as_tensor(value, dtype=torch.float64) for name, value in last.items()}


# --- how near is near -------------------------------------------------------------------------------------------------

ROUNDINGS = 16
"""How many times further than one rounding of each stored number may a right result be: a rule has some operations."""


def bounds(subject: Subject, start: Tensor, gradients: Gradients, dtype: torch.dtype) -> dict[str, float]:
    """How far a right result in this dtype may be from the one in float64, by name.

    No fixed tolerance suits every rule, so the rule is asked: its numbers are shaken by one rounding at each step, and
    what that does to the result is what rounding may do.  A rule of whole tensors may compute in bfloat16 inside, as
    Muon does, so its gradients are shaken by that much.
    """
    of_g = dtype if subject.rule.elementwise else torch.bfloat16
    exact = exactly(subject, start, gradients)
    found = dict.fromkeys(exact, 0.0)
    for seed in range(3):
        random = torch.Generator().manual_seed(seed)
        shake = functools.partial(_shaken, dtype=dtype, random=random)
        *_, last = by_rule(
            subject, shake(start.double()), [_shaken(g.double(), of_g, random) for g in gradients], shake
        )
        for name, value in exact.items():
            spread = _largest(torch.as_tensor(last[name], dtype=torch.float64) - value)
            found[name] = max(found[name], ROUNDINGS * (spread + torch.finfo(dtype).eps * _largest(value)))
    return found


def _largest(value: Tensor) -> float:
    return value[value.isfinite()].abs().max().item() if value.isfinite().any() else 0.0


def _shaken(value: Any, dtype: torch.dtype, random: torch.Generator) -> Any:
    """A value moved at random by up to one rounding in a dtype, not beyond zero; a number, as torch keeps it."""
    if not isinstance(value, Tensor):
        return float(_shaken(torch.tensor(value, dtype=torch.float64), number_dtype(), random))
    info = torch.finfo(dtype)
    noise = 2 * torch.rand(value.shape, generator=random, dtype=torch.float64) - 1
    moved = value + noise * info.eps * (value.abs() + info.smallest_normal)
    return torch.where(moved * value > 0, moved, torch.zeros_like(value))
