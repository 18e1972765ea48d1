"""A rule from a plain function: its signature is its specification.

    def rule(p, g, *state, step, *, hyperparameters): ...

`Rule` holds what the signature says, and the lines as data; `steepest.compiler.program` makes of them the straight
lines of one kernel.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from steepest.compiler.errors import RuleError, source
from steepest.compiler.expression import Kind
from steepest.compiler.reading import Reader, is_number_or_numbers, syntax
from steepest.compiler.statements import Statement

__all__ = ["Rule", "RuleError", "read"]


@dataclass(frozen=True, eq=False)
class Rule:
    """One update rule, as its function's signature specifies it.

    function: the rule itself, which runs on numbers, NumPy arrays and tensors.
    state: names of the state arrays, one element for each element of the parameter.
    counts: whether the rule is given `step`, the number of this step from 1.
    hyperparameters: name -> default.
    elementwise: whether each element is stepped by itself, as kernels do; else the rule sees whole tensors.
    """

    function: Callable[..., tuple]
    name: str
    state: tuple[str, ...]
    counts: bool
    hyperparameters: dict[str, Any]
    elementwise: bool = True

    @property
    def is_own(self) -> bool:
        """Whether it is one of `steepest.rules`: a stranger's rule may have any name."""
        return (self.function.__module__ or "").startswith("steepest.rules.")  # None for what exec() made

    @property
    def doc(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @functools.cached_property
    def source(self) -> str:
        """The text of the function when it was read."""
        return source(self.function)

    @functools.cached_property
    def statements(self) -> tuple[Statement, ...]:
        """Its lines as data; none of a rule of whole tensors, which is only run as it is."""
        if not self.elementwise:
            return ()
        return Reader(self.function, self.kinds, returned=("p", *self.state)).statements()  # type: ignore[arg-type]

    @property
    def kinds(self) -> dict[str, Kind]:
        """What the names of its signature stand for."""
        return _kinds(self.state, self.counts, self.hyperparameters)


@functools.cache
def read(function: Callable[..., tuple]) -> Rule:
    """The rule that a plain function states.

    function: `f(p, g, *state, step, *, hyperparameters)`, returning `p` and every state in order.
    Raises RuleError where the signature or a line is not one that a kernel can say.
    """
    if not isinstance(function, FunctionType):
        raise RuleError(
            f"{function!r} is not a plain function.\nInstead: write the rule with `def`, or take one of "
            "steepest.rules, such as steepest.rules.adam."
        )
    state, counts, hyperparameters = _signature(function)
    is_whole = getattr(function, "whole", False)
    rule = Rule(function, function.__name__, state, counts, hyperparameters, elementwise=not is_whole)
    if not rule.is_own:  # ours are known to be right: reading them all when torch's classes are made takes 0.2 s
        _check(rule)
    return rule


def _check(rule: Rule) -> None:
    """Read all that there is, so that it is refused now and not at the first step."""
    syntax(rule.function)  # type: ignore[arg-type]
    for name, default in rule.hyperparameters.items():
        if rule.elementwise and not is_number_or_numbers(default):
            raise _refused(
                rule.function,
                f"The hyperparameter {name!r} has no numeric default.",
                f"give it one: `{name}=0.9`, `{name}=(0.9, 0.999)` or `{name}=False`.",
            )
    _ = rule.statements, rule.source


def _kinds(state: tuple[str, ...], counts: bool, hyperparameters: dict[str, Any]) -> dict[str, Kind]:
    return {
        "p": Kind.PARAMETER,
        "g": Kind.GRADIENT,
        **dict.fromkeys(state, Kind.STATE),
        **({"step": Kind.STEP} if counts else {}),
        **dict.fromkeys(hyperparameters, Kind.HYPERPARAMETER),
    }


def _signature(function: FunctionType) -> tuple[tuple[str, ...], bool, dict[str, Any]]:
    parameters = inspect.signature(function).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    if positional[:2] != ["p", "g"]:
        raise _refused(function, "A rule starts with the parameter and its gradient.", "`def rule(p, g, ...):`.")
    if len(positional) + len(keywords) != len(parameters):
        raise _refused(function, "*args and **kwargs do not name state or hyperparameters.", "name each of them.")
    for p in parameters:
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty:
            raise _refused(
                function,
                f"{p.name!r} has a default but stands among the state.",
                f"put a `*` before the hyperparameters: `*, {p.name}={p.default!r}`.",
            )
    state = tuple(name for name in positional[2:] if name != "step")
    return state, "step" in positional, keywords


def _refused(function: Any, reason: str, way_out: str) -> RuleError:
    here = f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"
    return RuleError(f"rule {function.__name__!r}, {here}\n{reason}\nInstead: {way_out}")
