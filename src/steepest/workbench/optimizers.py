"""The optimizers that can be compared, and where the search for each one's learning rate is centred.

Every optimizer is searched over the same number of decades around a rate that is known to suit it.  One range
for all would decide by itself who wins: a rate of 0.1 is ordinary for SGD and hopeless for Adam.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from steepest.workbench.errors import UsageError, nearest

DECADES = 4.0


@dataclass(frozen=True)
class Candidate:
    """An optimizer under the name that the report uses, and the centre of its range of rates.

    Args:
        name: What the report calls it.
        cls: The name of a class of steepest, or any class or function called as `cls(parameters, lr=...,
            **options)`.
        centre: The rate in the middle of its range.
        source: Where that number comes from.
        options: Further arguments.
        schedule: Of its rate over a run, as text with RATE where the rate belongs; none if empty.
    """

    name: str
    cls: str | Callable[..., Any]
    centre: float
    source: str
    options: Mapping[str, Any] = field(default_factory=dict)
    schedule: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.centre) and self.centre > 0):
            raise UsageError(
                f"The range of rates of {self.name} is centred on {self.centre!r}, but it is searched on a "
                "logarithmic scale; give a positive number."
            )

    def rates(self, count: int) -> list[float]:
        """`count` rates evenly spaced on a log scale, the centres of equal parts of the range.

        They are rounded to three digits: what is printed and pasted is exactly what was run.
        """
        parts = [(position + 0.5) / count - 0.5 for position in range(count)]
        return [float(f"{self.centre * 10 ** (DECADES * part):.3g}") for part in parts]

    def build(self, parameters: Iterable[Any], rate: float) -> Any:
        """A fresh optimizer; one of steepest follows its schedule by itself."""
        if callable(self.cls):
            return self.cls(parameters, lr=rate, **self.options)
        import steepest

        return getattr(steepest, self.cls)(parameters, lr=self.curve(rate) or rate, **self.options)

    def curve(self, rate: float) -> Any:
        """The rate at each step of a run; None where it stays."""
        from steepest import schedules

        return schedules.parse(self.schedule.replace("RATE", repr(rate))) if self.schedule else None

    def call(self) -> str:
        """The line to paste into a program, with RATE where the rate belongs."""
        cls = f"steepest.{self.cls}" if isinstance(self.cls, str) else self.cls.__name__
        options = "".join(f", {key}={value!r}" for key, value in self.options.items())
        follows = self.schedule and isinstance(self.cls, str)
        rate = f"steepest.schedules.{self.schedule}" if follows else "RATE"
        driven = f"  # at step t its rate was steepest.schedules.{self.schedule}(t)" if self.schedule else ""
        return f"{cls}(model.parameters(), lr={rate}{options}){'' if follows else driven}"

    def described(self) -> dict[str, Any]:
        """What the record keeps of it, to tell one comparison from another."""
        cls = self.cls if isinstance(self.cls, str) else f"{self.cls.__module__}.{self.cls.__qualname__}"
        return {
            "name": self.name,
            "cls": cls,
            "options": dict(self.options),
            "centre": self.centre,
            "call": self.call(),
        } | ({"schedule": self.schedule} if self.schedule else {})


_HEAVY_BALL = "a tenth of plain SGD's: at momentum 0.9 a steady gradient moves ten times as far"
_KNOWN = [
    Candidate("sgd", "SGD", 0.1, "Goodfellow, Bengio, Courville, Deep Learning, 2016, section 11.4.1: 0.1 to 1e-6"),
    Candidate("momentum", "SGD", 0.01, _HEAVY_BALL, {"momentum": 0.9}),
    Candidate("nesterov", "SGD", 0.01, _HEAVY_BALL, {"momentum": 0.9, "nesterov": True}),
    Candidate("rmsprop", "RMSprop", 0.001, "Hinton, 2012, lecture 6e: 0.001"),
    Candidate("adagrad", "Adagrad", 0.01, "the default of torch.optim"),
    Candidate("adam", "Adam", 0.001, "Kingma and Ba, 2015, algorithm 1: 0.001"),
    Candidate("adamw", "AdamW", 0.001, "Loshchilov and Hutter, 2019: Adam's 0.001"),
    Candidate("amsgrad", "Adam", 0.001, "Adam's, of which it is a variant", {"amsgrad": True}),
]
KNOWN = {candidate.name: candidate for candidate in _KNOWN}
DEFAULT = ("sgd", "momentum", "rmsprop", "adam")


CONSTANT = "constant"
_SHAPES: dict[str, Callable[[int], str]] = {
    "linear": lambda steps: f"linear(RATE, 0.0, {steps})",
    "cosine": lambda steps: f"cosine(RATE, {steps})",
    "warmup-cosine": lambda steps: f"cosine(RATE, {steps}, warmup_steps={max(1, steps // 20)})",
    "wsd": lambda steps: f"wsd(RATE, {steps}, {steps // 20}, {steps // 5})",
    "one-cycle": lambda steps: f"one_cycle(RATE, {steps})",
    "inverse-sqrt": lambda steps: f"inverse_sqrt(RATE, {max(1, steps // 20)})",
}
"""Schedules over a whole run, ended at its last step: a schedule that is cut off is another one."""


def scheduled(candidates: Iterable[Candidate], schedules: str | Iterable[str], steps: int) -> list[Candidate]:
    """Each candidate with each schedule, named after both where the rate does not stay."""
    names = [name.strip() for name in (schedules.split(",") if isinstance(schedules, str) else schedules)]
    known = [CONSTANT, *_SHAPES]
    for name in names:
        if name not in known:
            raise UsageError(
                f"There is no schedule called {name!r}{nearest(name, known)}; choose from {', '.join(known)}."
            )
    if not names or len(set(names)) < len(names):
        raise UsageError(f"The schedules {', '.join(names) or 'are none'}: name each once, from {', '.join(known)}.")
    return [_following(candidate, name, steps) for candidate in candidates for name in names]


def _following(candidate: Candidate, name: str, steps: int) -> Candidate:
    if name == CONSTANT:
        return candidate
    followed = replace(candidate, name=f"{candidate.name}-{name}", schedule=_SHAPES[name](steps))
    try:
        followed.curve(1.0)
    except ValueError as error:
        raise UsageError(f"The schedule {name!r} does not fit into {steps} steps: {error} Give more steps.") from None
    return followed


def choose(wanted: str | Iterable[str | Candidate | Callable[..., Any]]) -> list[Candidate]:
    """The candidates for names, candidates, optimizer classes, or rules."""
    chosen = [_one(each) for each in (wanted.split(",") if isinstance(wanted, str) else wanted)]
    twice = {candidate.name for candidate in chosen if [c.name for c in chosen].count(candidate.name) > 1}
    if twice:
        raise UsageError(
            f"Named twice: {', '.join(sorted(twice))}. Name each optimizer once, or give a Candidate another name."
        )
    if not chosen:
        raise UsageError(f"No optimizer was named, so there is nothing to compare; choose from {', '.join(KNOWN)}.")
    return chosen


def _one(wanted: str | Candidate | Callable[..., Any]) -> Candidate:
    if isinstance(wanted, Candidate):
        return wanted
    if callable(wanted):
        return _of_class(_made_of_a_rule(wanted) if _is_rule(wanted) else wanted)
    if not isinstance(wanted, str):
        raise UsageError(f"{wanted!r} is no optimizer; give a name, an optimizer class, a rule, or a Candidate.")
    name = wanted.strip().lower()
    if name not in KNOWN:
        raise UsageError(
            f"There is no optimizer called {wanted!r}{nearest(name, KNOWN)}; choose from {', '.join(KNOWN)}."
        )
    return KNOWN[name]


def _is_rule(wanted: Callable[..., Any]) -> bool:
    return inspect.isfunction(wanted) and list(inspect.signature(wanted).parameters)[:2] == ["p", "g"]


def _made_of_a_rule(rule: Callable[..., Any]) -> Callable[..., Any]:
    import steepest

    return steepest.optimizer(rule)


def _of_class(cls: Callable[..., Any]) -> Candidate:
    lr = inspect.signature(cls).parameters.get("lr")
    if lr is None:
        raise UsageError(
            f"{cls.__name__} takes no argument `lr`, so its rate cannot be searched; wrap it in one that does."
        )
    known = isinstance(lr.default, int | float) and not isinstance(lr.default, bool)
    if known:
        return Candidate(cls.__name__, cls, float(lr.default), "its own default")
    return Candidate(cls.__name__, cls, 0.001, "no default of its own, so the commonest")
