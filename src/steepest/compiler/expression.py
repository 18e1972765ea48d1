"""Expressions and lines as data: what a rule says, for whoever translates it, without a string to parse.

    Operation("mul", (Name("lr", Kind.HYPERPARAMETER), Name("g", Kind.GRADIENT)))

An operation is named as in Python's `operator` module or as in `steepest.ops`; a backend is a table from these names
to its own spellings.  Reductions over a tensor (`norm`, `mean`, `sum`) have room here as further operations, which will
split a rule into passes; no rule of single elements has one yet.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from steepest.compiler.errors import Place


class Kind(enum.Enum):
    """What a name stands for, by the signature of its rule."""

    PARAMETER = "parameter"
    GRADIENT = "gradient"
    STATE = "state"
    """An array of state, or a state that is one number until `Program` tells them apart."""
    NUMBER = "number"
    """A state that is one number for a whole tensor."""
    HYPERPARAMETER = "hyperparameter"
    STEP = "step"
    VALUE = "value"
    """What a line of the rule gives it."""


class Expression:
    """A node of the tree; arithmetic between nodes makes larger ones."""

    __slots__ = ()

    @property
    def parts(self) -> tuple[Expression, ...]:
        """The expressions directly inside."""
        return ()

    def __add__(self, other: Expression) -> Operation:
        return Operation("add", (self, other))

    def __sub__(self, other: Expression) -> Operation:
        return Operation("sub", (self, other))

    def __mul__(self, other: Expression) -> Operation:
        return Operation("mul", (self, other))

    def __neg__(self) -> Operation:
        return Operation("neg", (self,))


@dataclass(frozen=True, eq=False, slots=True)
class Constant(Expression):
    """A number, a truth value, a tuple of them, or None.  1 and 1.0 are two constants."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constant) and repr(self.value) == repr(other.value)

    def __hash__(self) -> int:
        return hash(repr(self.value))


@dataclass(frozen=True, slots=True)
class Name(Expression):
    """A name of a rule."""

    name: str
    kind: Kind = field(default=Kind.VALUE, compare=False)


@dataclass(frozen=True, slots=True)
class FirstStep(Expression):
    """Whether this step is the first for a state: `state is None` in a rule."""

    state: str


@dataclass(frozen=True, slots=True)
class Slot(Expression):
    """A number of the step that is computed on the host and handed to a kernel: which one, from 0."""

    index: int


@dataclass(frozen=True, slots=True)
class Operation(Expression):
    """An operation on expressions."""

    name: str
    arguments: tuple[Expression, ...]
    place: Place | None = field(default=None, compare=False, repr=False)

    @property
    def parts(self) -> tuple[Expression, ...]:
        """Its arguments."""
        return self.arguments


@dataclass(frozen=True)
class Line:
    """What one line gives to a name, or a tuple to several."""

    targets: tuple[str, ...]
    value: Expression
    place: Place = field(compare=False, repr=False)


def walk(expression: Expression) -> Iterator[Expression]:
    """The expression and every one inside it."""
    yield expression
    for part in expression.parts:
        yield from walk(part)


def names_in(expression: Expression) -> set[str]:
    """Every name that is read, that of a state which is only asked whether it is there included."""
    found = (node.name if isinstance(node, Name) else node.state for node in walk(expression)
             if isinstance(node, (Name, FirstStep)))  # fmt: skip
    return set(found)


def rebuilt(expression: Expression, change: Callable[[Expression], Expression | None]) -> Expression:
    """The expression with other nodes: what `change` gives is taken as it is; where that is None, parts are asked."""
    changed = change(expression)
    if changed is not None:
        return changed
    if not isinstance(expression, Operation):
        return expression
    return replace(expression, arguments=tuple(rebuilt(part, change) for part in expression.arguments))


def renamed(expression: Expression, names: Mapping[str, Name]) -> Expression:
    """The expression with these names in place of its own."""

    def change(node: Expression) -> Expression | None:
        if isinstance(node, Name) and node.name in names:
            return names[node.name]
        if isinstance(node, FirstStep) and node.state in names:
            return FirstStep(names[node.state].name)
        return None

    return rebuilt(expression, change)
