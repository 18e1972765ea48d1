"""The straight lines of a rule: its `if`s decided by hyperparameters."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from steepest.compiler.errors import Place
from steepest.compiler.evaluation import evaluate
from steepest.compiler.expression import (
    Constant,
    Expression,
    FirstStep,
    Line,
    Name,
    Operation,
    names_in,
    rebuilt,
    renamed,
    walk,
)
from steepest.compiler.inlining import Flat, inlined
from steepest.compiler.rule import Rule
from steepest.compiler.statements import If
from steepest.compiler.values import number, truth

# --- which hyperparameters decide an `if` -----------------------------------------------------------------------------


@functools.cache
def deciding(rule: Rule) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """The hyperparameters that an `if` looks at; only by truth where every `if` just asks `if momentum:`."""
    statements = inlined(rule)
    tests, meaning = list(_tests(statements)), _meanings(statements)
    wanted = _with_meanings({name for test in tests for name in names_in(test)}, meaning)
    compared = {name for test in tests if not isinstance(test, Name) for name in names_in(test)}
    compared |= {name for w in wanted for name in meaning.get(w, ()) if name != w and name not in meaning[w].renamed}
    compared = _with_meanings(compared, meaning)
    return tuple((name, number if name in compared else truth) for name in rule.hyperparameters if name in wanted)


@functools.cache
def scalar_states(rule: Rule) -> frozenset[str]:
    """The states that are one number for a whole tensor: whatever assigns them has no element in it."""
    if not rule.elementwise:
        return frozenset()
    meaning = _meanings(inlined(rule))
    on_elements = {"p", "g", *(set(rule.state) - meaning.keys())}
    while more := {name for name, read in meaning.items() if read & on_elements} - on_elements:
        on_elements |= more
    return frozenset(rule.state) - on_elements


class _Read(set[str]):
    """The names that a value is made of; `renamed` are those that it is, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.renamed: set[str] = set()

    def add_value(self, value: Expression) -> None:
        found = names_in(value)
        computed = self - self.renamed
        self.update(found)
        self.renamed |= found if isinstance(value, Name) else set()
        self.renamed -= computed | (set() if isinstance(value, Name) else found)


def _every_line(statements: Sequence[Flat]) -> Iterator[Line]:
    for statement in statements:
        if isinstance(statement, If):
            yield from _every_line((*statement.then, *statement.otherwise))
        else:
            yield statement


def _tests(statements: Sequence[Flat]) -> Iterator[Expression]:
    """What every `if` asks, but whether a state is there."""
    for statement in statements:
        if isinstance(statement, If):
            yield statement.test
            yield from _tests((*statement.then, *statement.otherwise))
        expression = statement.test if isinstance(statement, If) else statement.value
        for node in walk(expression):
            if isinstance(node, Operation) and node.name == "if_else" and not isinstance(node.parts[0], FirstStep):
                yield node.parts[0]


def _meanings(statements: Sequence[Flat]) -> dict[str, _Read]:
    """What each name that a line assigns may be made of."""
    meaning: dict[str, _Read] = {}
    for line in _every_line(statements):
        for target in line.targets:
            meaning.setdefault(target, _Read()).add_value(line.value)
    return meaning


def _with_meanings(names: set[str], meaning: Mapping[str, set[str]]) -> set[str]:
    found = set(names)
    while more := {name for one in found for name in meaning.get(one, ())} - found:
        found |= more
    return found


# --- choosing lines ---------------------------------------------------------------------------------------------------


def straighten(rule: Rule, known: Mapping[str, Any]) -> list[Line]:
    """The lines that run; `known` are the values an `if` may ask for."""
    return _Straightening(rule, known).lines(inlined(rule))


class _Straightening:
    def __init__(self, rule: Rule, known: Mapping[str, Any]) -> None:
        self._known = dict(known)
        self._arrays = {"p", "g", *rule.state, "step"}
        self._state_behind: dict[str, str | None] = {name: name for name in rule.state}
        """The state that a name still stands for; None where the rule is called without one."""

    def lines(self, statements: Sequence[Flat]) -> list[Line]:
        return [line for statement in statements for line in self._straight(statement)]

    def _straight(self, statement: Flat) -> list[Line]:
        if isinstance(statement, If):
            return self.lines(statement.then if self._decide(statement.test, statement.place) else statement.otherwise)
        line = Line(statement.targets, self._chosen(statement.value, statement.place), statement.place)
        self._assign(line)
        return [line]

    def _assign(self, line: Line) -> None:
        value = line.value
        behind = self._state_behind.get(value.name) if isinstance(value, Name) else None
        stands_for_state = isinstance(value, Name) and value.name in self._state_behind
        for target in line.targets:
            self._known.pop(target, None)
            self._state_behind.pop(target, None)
        if stands_for_state or value == Constant(None):
            self._state_behind[line.targets[0]] = behind
        read = names_in(value)
        if len(line.targets) == 1 and not read & self._arrays and read <= self._known.keys():
            self._known[line.targets[0]] = evaluate(value, self._known)

    def _decide(self, test: Expression, place: Place) -> bool:
        unknown = names_in(test) - self._known.keys()
        if unknown:
            raise place.error(
                f"An `if` is decided when the kernel is built, and {sorted(unknown)[0]!r} is not known then.",
                "choose between elements with `where(condition, x, y)`.",
            )
        return bool(evaluate(test, self._known))

    def _chosen(self, value: Expression, place: Place) -> Expression:
        """The value with its choices made, but for those of a first step."""

        def change(node: Expression) -> Expression | None:
            if not isinstance(node, Operation) or node.name != "if_else":
                return None
            test, first, second = node.parts
            if isinstance(test, FirstStep):
                return self._at_first_step(node)
            return self._chosen(first if self._decide(test, node.place or place) else second, place)

        return rebuilt(value, change)

    def _at_first_step(self, node: Operation) -> Expression:
        test, first, later = node.parts
        assert isinstance(test, FirstStep)
        place = node.place
        assert place is not None
        if test.state not in self._state_behind:  # it was given a value since
            return self._chosen(later, place)
        state = self._state_behind[test.state]
        if state is None:
            return self._chosen(first, place)
        return Operation("if_else", (FirstStep(state), self._chosen(first, place), self._chosen(later, place)), place)


def without_aliases(lines: Sequence[Line], kept: set[str]) -> list[Line]:
    """The lines without those that only give a value a second name; the first is put in its place.

    kept: names that mean something outside.
    """
    first_names: dict[str, Name] = {}
    rest: list[Line] = []
    for index, line in enumerate(lines):
        value = renamed(line.value, first_names)
        for target in line.targets:
            first_names.pop(target, None)
        target, *more = line.targets
        if isinstance(value, Name) and value.name == target:
            continue
        is_second = not more and target not in kept
        if is_second and isinstance(value, Name) and not _is_read_after(target, value.name, lines[index + 1 :]):
            first_names[target] = value
        else:
            rest.append(Line(line.targets, value, line.place))
    return rest


def _is_read_after(second: str, first: str, lines: Sequence[Line]) -> bool:
    """Whether the second name of a value is read after the first was given another."""
    is_changed = False
    for line in lines:
        if is_changed and second in names_in(line.value):
            return True
        if second in line.targets:
            return False
        is_changed = is_changed or first in line.targets
    return False
