"""Rules that are called by a rule, with their lines in place of the call."""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from steepest.compiler.expression import Line, Name, names_in, renamed
from steepest.compiler.rule import Rule, read
from steepest.compiler.statements import Call, If, Statement

Flat: TypeAlias = "Line | If[Flat]"
"""A statement of a rule without calls."""


@functools.cache
def inlined(rule: Rule) -> tuple[Flat, ...]:
    """The statements of a rule with the lines of the rules that it calls in their place.

    A name of the called rule stays as it is where it cannot be taken for one of the caller's; else it has the called
    rule's name before it: `exp_avg` of `lion` is then `lion_exp_avg`.
    """
    taken = {*rule.kinds, *_assigned(rule.statements)}
    return tuple(_block(rule, rule.statements, taken))


def _block(rule: Rule, statements: Sequence[Statement], taken: set[str]) -> Iterator[Flat]:
    for statement in statements:
        if isinstance(statement, If):
            then, otherwise = (tuple(_block(rule, lines, taken)) for lines in (statement.then, statement.otherwise))
            yield If(statement.test, then, otherwise, statement.place)
        elif isinstance(statement, Call):
            yield from _Inlining(rule, statement, taken).lines()
        else:
            yield statement


def _assigned(statements: Sequence[Any]) -> set[str]:
    """Every name that these lines give a value."""
    found: set[str] = set()
    for statement in statements:
        if isinstance(statement, If):
            found |= _assigned(statement.then) | _assigned(statement.otherwise)
        else:
            found |= set(statement.targets)
    return found


class _Inlining:
    """One call, and what the names of the called rule become.

    taken: the names that the caller has; those that come with the called rule are added.
    """

    def __init__(self, caller: Rule, call: Call, taken: set[str]) -> None:
        self.caller, self.call, self.taken = caller, call, taken
        self.callee = read(call.function)
        self.returned = ("p", *self.callee.state)
        self.lines_of_callee = inlined(self.callee)
        self.assigned = _assigned(self.lines_of_callee)
        own = dict.fromkeys([*self.callee.kinds, *sorted(self.assigned)])
        self.names = {name: self._new(name) for name in own}
        taken |= {new.name for new in self.names.values()}

    def lines(self) -> Iterator[Flat]:
        """The call as lines: arguments, the called rule, what it returns."""
        for name, value in self.call.arguments.items():
            if not (isinstance(value, Name) and value.name == self.names[name].name):
                yield Line((self.names[name].name,), value, self.call.place)
        yield from self._renamed(self.lines_of_callee)
        for target, name in zip(self.call.targets, self.returned, strict=True):
            if self.names[name].name != target:
                yield Line((target,), self.names[name], self.call.place)

    def _new(self, name: str) -> Name:
        new = name if self._may_stay(name) else self._free(name)
        return Name(new, self.caller.kinds[new]) if new in self.caller.kinds else Name(new)

    def _may_stay(self, name: str) -> bool:
        """Whether a name of the called rule can be taken for the caller's of the same name without harm."""
        argument, targets = self.call.arguments.get(name), self.call.targets
        others = {read for other, value in self.call.arguments.items() if other != name for read in names_in(value)}
        is_itself = isinstance(argument, Name) and argument.name == name
        if name in others and not (is_itself and name not in self.assigned):
            return False
        if name in targets and self.returned[targets.index(name)] != name:
            return False
        if name not in self.taken or self.call.is_last:
            return True
        return is_itself and (name not in self.assigned or name in targets)

    def _free(self, name: str) -> str:
        stem = f"{self.callee.name}_{name}"
        return next(new for new in (stem, *(f"{stem}{i}" for i in range(2, 99))) if new not in self.taken)

    def _renamed(self, lines: Sequence[Flat]) -> Iterator[Flat]:
        for line in lines:
            if isinstance(line, If):
                then, otherwise = (tuple(self._renamed(part)) for part in (line.then, line.otherwise))
                yield If(renamed(line.test, self.names), then, otherwise, line.place)
            else:
                targets = tuple(self.names[name].name for name in line.targets)
                yield replace(line, targets=targets, value=renamed(line.value, self.names))
