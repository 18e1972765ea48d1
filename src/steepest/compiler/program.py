"""A rule for one choice of its branches: straight lines, split into numbers of a step and work on elements.

Lines and subexpressions of hyperparameters and `step` alone are numbers: computed once a step, in float64, on the host,
and handed to the kernel as `slots` (1 - alpha in float32 would be wrong in the fifth digit).  All others run on every
element.
"""

import functools
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.compiler import branches
from steepest.compiler.errors import Place
from steepest.compiler.expression import (
    Constant,
    Expression,
    FirstStep,
    Kind,
    Line,
    Name,
    Operation,
    Slot,
    names_in,
    rebuilt,
    renamed,
    walk,
)
from steepest.compiler.rule import Rule

Hyperparameters = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Program:
    """The straight lines of a rule once its `if`s are decided.

    lines: all of them, in the rule's own order and words.
    state: the arrays of state that these lines use, in the rule's order; the rest is never allocated.
    scalar_states: those that are one number for a whole tensor.
    uninitialized: the state whose first step differs (`x if state is None else y`).
    elements: what runs on every element.
    slots: the numbers of a step that it is handed, by the index of `Slot`.
    host: the lines computed once a step.
    results: what becomes of the numbers, as names in `host`.
    """

    rule: Rule
    lines: tuple[Line, ...]
    state: tuple[str, ...]
    scalar_states: tuple[str, ...]
    uninitialized: tuple[str, ...]
    elements: tuple[Line, ...]
    slots: tuple[Expression, ...]
    host: tuple[Line, ...]
    results: tuple[Name, ...]

    @property
    def kept(self) -> tuple[str, ...]:
        """Every state of a parameter, in the rule's order."""
        return tuple(name for name in self.rule.state if name in self.state or name in self.scalar_states)

    @property
    def arrays(self) -> tuple[str, ...]:
        """What a kernel reads for each element: parameter, gradient, state."""
        return ("p", "g", *self.state)

    @property
    def written(self) -> tuple[str, ...]:
        """The arrays that a step writes."""
        assigned = {target for line in self.elements for target in line.targets}
        return tuple(array for array in ("p", *self.state) if array in assigned)

    @property
    def moved(self) -> int:
        """How many numbers a step reads and writes for each element."""
        return len(self.arrays) + len(self.written)

    @functools.cached_property
    def operations(self) -> frozenset[str]:
        """The operations on elements, by name."""
        nodes = (node for line in self.elements for node in walk(line.value))
        return frozenset(node.name for node in nodes if isinstance(node, Operation))


def program(rule: Rule, hyperparameters: Hyperparameters) -> Program:
    """The straight-line program of a rule under these hyperparameters; the same object while no `if` changes."""
    return _program(rule, choices(rule, hyperparameters))


def choices(rule: Rule, hyperparameters: Hyperparameters) -> tuple[Any, ...]:
    """What the `if`s of a rule see of its hyperparameters: while that stays, the program stays."""
    return tuple([look(hyperparameters[name]) for name, look in branches.deciding(rule)])


@functools.cache
def switches(rule: Rule, more: str = "") -> Callable[[Hyperparameters], tuple[Any, ...]]:
    """Picks the hyperparameters that `choices` looks at, in a third of its time: while they stay the same objects, and
    no object is a tensor, which may change in place, so do the choices.

    more: another name to pick.
    """
    names = [*(name for name, _ in branches.deciding(rule)), *([more] if more else [])]
    return operator.itemgetter(*names, *names[:1]) if names else lambda _: ()  # of one name it would pick no tuple


@functools.lru_cache(maxsize=512)
def _program(rule: Rule, choices: tuple[Any, ...]) -> Program:
    known = {name: value for (name, _), value in zip(branches.deciding(rule), choices, strict=True)}
    key = rule, tuple(branches.straighten(rule, known))
    if key not in _PROGRAMS:
        _PROGRAMS[key] = _split(*key)
    return _PROGRAMS[key]


_PROGRAMS: dict[tuple[Rule, tuple[Line, ...]], Program] = {}
"""One program for the same lines, whatever values chose them."""


def _split(rule: Rule, lines: Sequence[Line]) -> Program:
    lines = _live(rule, branches.without_aliases(lines, {"p", "g", *rule.state}))
    used = [s for s in rule.state if any(s in line.targets or s in names_in(line.value) for line in lines)]
    single = tuple(s for s in used if s in branches.scalar_states(rule))
    state = tuple(s for s in used if s not in single)
    splitter = _Splitter(rule, state, single)
    for line in lines:
        splitter.line(line)
    on_host = [*splitter.slots, *(line.value for line in splitter.host)]
    asked = {node.state for one in on_host for node in walk(one) if isinstance(node, FirstStep)}
    return Program(
        rule,
        tuple(lines),
        state,
        single,
        uninitialized=tuple(s for s in used if s in asked),
        elements=tuple(splitter.elements),
        slots=tuple(splitter.slots),
        host=tuple(splitter.host),
        results=tuple(splitter.new_names.get(name, Name(name, Kind.NUMBER)) for name in single),
    )


def _live(rule: Rule, lines: Sequence[Line]) -> list[Line]:
    """Without the lines whose value nobody reads."""
    wanted = {"p", *rule.state}
    kept: list[Line] = []
    for line in reversed(lines):
        if wanted.intersection(line.targets):
            wanted = (wanted - set(line.targets)) | names_in(line.value)
            kept.append(line)
    return kept[::-1]


class _Splitter:
    """Takes lines one by one; replaces the largest subexpressions without an element in them by slots."""

    def __init__(self, rule: Rule, state: tuple[str, ...], numbers: tuple[str, ...]) -> None:
        self.on_elements = {"p", "g", *state}
        self.taken = {*rule.hyperparameters, *numbers}
        self.elements: list[Line] = []
        self.slots: list[Expression] = []
        self.host: list[Line] = []
        self.new_names: dict[str, Name] = {name: Name(name, Kind.NUMBER) for name in numbers}

    def line(self, line: Line) -> None:
        if names_in(line.value) & self.on_elements:
            self.elements.append(Line(line.targets, self._on_elements(line.value, line.place), line.place))
            self.on_elements |= set(line.targets)
        elif self.on_elements.issuperset(line.targets):  # a number from here on, but state and parameter stay arrays
            self.elements.append(Line(line.targets, self._slot(line.value), line.place))
        else:
            self._line_on_host(line)

    def _line_on_host(self, line: Line) -> None:
        value = renamed(line.value, self.new_names)
        for target in line.targets:
            known = target in self.taken or target in self.new_names
            self.new_names[target] = Name(f"{target}_{len(self.host)}_" if known else target)
        self.host.append(Line(tuple(self.new_names[target].name for target in line.targets), value, line.place))

    def _on_elements(self, value: Expression, place: Place) -> Expression:
        def change(node: Expression) -> Expression | None:
            if isinstance(node, Operation) and node.name == "if_else" and isinstance(node.parts[0], FirstStep):
                test, first, later = node.parts
                return Operation("if_else", (self._slot(test), *(rebuilt(one, change) for one in (first, later))))
            if not isinstance(node, Constant) and not names_in(node) & self.on_elements:
                return self._slot(node)
            if isinstance(node, Operation):
                self._check(node, node.place or place)
            return None

        return rebuilt(value, change)

    def _slot(self, expression: Expression) -> Slot:
        """The slot that holds this number."""
        number = renamed(expression, self.new_names)
        if number not in self.slots:
            self.slots.append(number)
        return Slot(self.slots.index(number))

    def _check(self, node: Operation, place: Place) -> None:
        """Refuse what elements of arrays cannot say."""
        if node.name == "pow" and node.parts[1] != Constant(2):
            raise place.error("A kernel has no general power of an element.", "use x * x, sqrt, exp and log.")
        if node.name in ("logical_and", "logical_or", "not_"):
            raise place.error(
                "On tensors `and`, `or`, `not` and a < b < c have no truth for each element.",
                "use `&` and `|` with brackets, `(a < b) & (b < c)`, or one `where` in another.",
            )
        if node.name == "where" and not any(names_in(choice) & self.on_elements for choice in node.parts[1:]):
            raise place.error(
                "On tensors, where() of two numbers has no dtype to choose.",
                "make them arrays: `where(c, 2 * x, x)`, or `full_like(x, 2)`.",
            )
