"""The straight lines of a rule: its `if`s decided by hyperparameters, calls of other rules put in their place."""

import ast
import functools
from collections.abc import Callable
from typing import Any

from steepest import ops
from steepest.compiler.rule import Rule, read

Line = tuple[str, ast.expr]
"""A name, or several with commas, and what it is given."""

ARITHMETIC = {name: getattr(ops, name) for name in ops.__all__}


# --- which hyperparameters decide an `if` -----------------------------------------------------------------------------


@functools.cache
def deciding(rule: Rule) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """The hyperparameters that an `if` looks at; only by truth where every `if` just asks `if momentum:`."""
    tests, meaning = _tests_and_meanings(rule)
    wanted = {name for test in tests for name in names_in(test)}
    while more := {name for w in wanted for name in meaning.get(w, ())} - wanted:
        wanted |= more
    whole = {name for test in tests if not isinstance(test, ast.Name) for name in names_in(test)}
    whole |= {name for w in wanted for name in meaning.get(w, ()) if name != w and name not in meaning[w].renamed}
    while more := {name for w in whole for name in meaning.get(w, ())} - whole:
        whole |= more
    return tuple((name, float if name in whole else bool) for name in rule.hyperparameters if name in wanted)


class _Read(set[str]):
    """The names that a value is made of; `renamed` are those that it is, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.renamed: set[str] = set()

    def add_value(self, value: ast.expr) -> None:
        found = names_in(value)
        computed = self - self.renamed
        self.update(found)
        self.renamed |= found if isinstance(value, ast.Name) else set()
        self.renamed -= computed | (set() if isinstance(value, ast.Name) else found)


def _tests_and_meanings(rule: Rule) -> tuple[list[ast.expr], dict[str, _Read]]:
    tests: list[ast.expr] = []
    meaning: dict[str, _Read] = {}
    for node in (node for statement in rule.body for node in ast.walk(statement)):
        if isinstance(node, (ast.If, ast.IfExp)) and none_test(node.test) is None:
            tests.append(node.test)
        if isinstance(node, ast.Assign):
            for target in names_in(node.targets[0]):
                meaning.setdefault(target, _Read()).add_value(node.value)
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
            callee, arguments = _call(rule, node.value)
            inner_tests, inner_meaning = _tests_and_meanings(callee)
            tests += inner_tests
            for name, names in inner_meaning.items():
                ours = meaning.setdefault(name, _Read())
                ours.renamed = (ours.renamed | names.renamed) - ((ours - ours.renamed) | (names - names.renamed))
                ours.update(names)
            for name, value in arguments.items():
                meaning.setdefault(name, _Read()).add_value(value)
    return tests, meaning


@functools.cache
def numbers(rule: Rule) -> frozenset[str]:
    """The states that are one number for a whole tensor: whatever assigns them has no element in it."""
    if not rule.elementwise:
        return frozenset()
    _, meaning = _tests_and_meanings(rule)
    on_elements = {"p", "g", *(set(rule.state) - meaning.keys())}
    while more := {name for name, read in meaning.items() if read & on_elements} - on_elements:
        on_elements |= more
    return frozenset(rule.state) - on_elements


def names_in(tree: ast.AST) -> set[str]:
    """Every name in a piece of a program."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


# --- choosing lines ---------------------------------------------------------------------------------------------------


def straighten(rule: Rule, known: dict[str, Any]) -> list[Line]:
    """The lines that run, calls of other rules inlined; `known` are the values an `if` may ask for."""
    lines: list[Line] = []
    arrays = {"p", "g", *rule.state, "step"}

    def walk(statements: tuple[ast.stmt, ...] | list[ast.stmt]) -> None:
        for statement in statements:
            if isinstance(statement, ast.If):
                walk(statement.body if decide(statement, statement.test) else statement.orelse)
            elif isinstance(statement, ast.Assign):
                assign(ast.unparse(statement.targets[0]), chosen(statement.value))
            elif isinstance(statement, ast.Return) and isinstance(statement.value, ast.Call):
                callee, arguments = _call(rule, statement.value)
                for name, value in arguments.items():
                    if not (isinstance(value, ast.Name) and value.id == name):
                        assign(name, chosen(value))
                lines.extend(straighten(callee, {**known}))

    def assign(target: str, value: ast.expr) -> None:
        lines.append((target, value))
        for name in names_in(ast.parse(target)):
            known.pop(name, None)
        if not names_in(value) & arrays and names_in(value) - set(ARITHMETIC) <= known.keys():
            known[target] = _value(value, known)

    def decide(node: ast.AST, test: ast.expr) -> bool:
        unknown = names_in(test) - known.keys() - set(ARITHMETIC)
        if unknown:
            raise rule.error(
                node,
                f"An `if` is decided when the kernel is built, and {sorted(unknown)[0]!r} is not known then.",
                "choose between elements with `where(condition, x, y)`.",
            )
        return bool(_value(test, known))

    class Chosen(ast.NodeTransformer):
        def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
            if none_test(node.test) is not None:
                self.generic_visit(node)
                return node
            return self.visit(node.body if decide(node, node.test) else node.orelse)

    def chosen(value: ast.expr) -> ast.expr:
        fresh = ast.parse(ast.unparse(value), mode="eval").body
        for node in ast.walk(fresh):
            if isinstance(node, ast.expr):
                node.lineno = getattr(
                    value, "lineno", 1
                )  # so that a refusal names the rule's own line; a default has none
        return Chosen().visit(fresh)

    walk(rule.body)
    return lines


def without_aliases(lines: list[Line], kept: set[str]) -> list[Line]:
    """The lines without those that only give a value a second name; the first is put in its place.

    kept: names that mean something outside.
    """
    called: dict[str, str] = {}
    rest: list[Line] = []
    for index, (name, value) in enumerate(lines):
        renamed = _Renamed(called).visit(value)
        for assigned in names_in(ast.parse(name)):
            called.pop(assigned, None)
        stays = isinstance(renamed, ast.Name) and not _is_assigned(renamed.id, lines[index + 1 :])
        if stays and name.isidentifier() and name not in kept:
            called[name] = renamed.id
        else:
            rest.append((name, renamed))
    return rest


def _is_assigned(name: str, lines: list[Line]) -> bool:
    return any(name in names_in(ast.parse(target)) for target, _ in lines)


class _Renamed(ast.NodeTransformer):
    def __init__(self, called: dict[str, str]) -> None:
        self._called = called

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return ast.copy_location(ast.Name(self._called.get(node.id, node.id)), node)


def _value(expression: ast.expr, known: dict[str, Any]) -> Any:
    return eval(ast.unparse(expression), ARITHMETIC | known)


def none_test(test: ast.expr) -> tuple[str, bool] | None:
    """(state, True) for `state is None`, (state, False) for `state is not None`, None for any other test."""
    if (
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], (ast.Is, ast.IsNot))
        and isinstance(test.left, ast.Name)
    ):
        return test.left.id, isinstance(test.ops[0], ast.Is)
    return None


def _call(rule: Rule, call: ast.Call) -> tuple[Rule, dict[str, ast.expr]]:
    """The rule that is called and what each of its names is bound to, defaults included."""
    callee = read(rule.called(call))
    positional = ["p", "g", *_positional(callee)]
    given = dict(zip(positional, call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    defaults = {name: ast.Constant(value) for name, value in callee.hyperparameters.items() if name not in given}
    return callee, {**given, **defaults}


def _positional(rule: Rule) -> list[str]:
    code = rule.function.__code__
    return list(code.co_varnames[2 : code.co_argcount])
