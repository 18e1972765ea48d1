"""The statements of a rule as data: lines, choices between lines, and calls of other rules."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Generic, TypeAlias, TypeVar

from steepest.compiler.errors import Place
from steepest.compiler.expression import Expression, Line

S = TypeVar("S")


@dataclass(frozen=True)
class If(Generic[S]):
    """Lines for either answer to a question about hyperparameters."""

    test: Expression
    then: tuple[S, ...]
    otherwise: tuple[S, ...]
    place: Place = field(compare=False, repr=False)


@dataclass(frozen=True)
class Call:
    """Another rule is stepped: what it returns is given to the targets.

    arguments: what the names of its signature are bound to, in the order in which they are given.
    is_last: whether the rule that calls returns what is returned.
    """

    targets: tuple[str, ...]
    function: FunctionType
    arguments: Mapping[str, Expression]
    is_last: bool
    place: Place = field(compare=False, repr=False)


Statement: TypeAlias = "Line | Call | If[Statement]"
