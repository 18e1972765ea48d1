"""The definitions behind a rule: the functions that it calls, as syntax trees."""

import ast
import copy
import functools
import inspect
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any

from steepest.compiler.rule import Rule, read


@functools.cache
def definition(function: FunctionType) -> ast.FunctionDef:
    """The `def` of a function."""
    found = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(found, ast.FunctionDef)
    return found


def body(function: Any) -> list[ast.stmt]:
    """Its lines without the docstring."""
    found = definition(function)
    return found.body[1:] if ast.get_docstring(found) is not None else found.body


def called(rule: Rule, call: ast.Call) -> Any:
    """What the name of a call stands for where the rule is written."""
    return rule.function.__globals__.get(ast.unparse(call.func))


def returned(function: FunctionType) -> ast.expr | None:
    """The one expression that a function returns, if that is all it does."""
    lines = body(function)
    return lines[0].value if len(lines) == 1 and isinstance(lines[0], ast.Return) else None


def with_arguments(called: ast.FunctionDef, expression: ast.expr, call: ast.Call) -> ast.expr:
    """An expression of a function with the arguments of a call in place of its parameters."""
    return _Given(_bound(called, call)).visit(ast.parse(ast.unparse(expression), mode="eval").body)


def as_called(helper: FunctionType, rule: Rule) -> list[ast.stmt]:
    """The lines of a function that a rule calls, with the hyperparameters that it is given under their own names."""
    nodes = (node for statement in body(rule.function) for node in ast.walk(statement))
    call = next((node for node in nodes if isinstance(node, ast.Call) and called(rule, node) is helper), None)
    bound = _bound(definition(helper), call) if call else {}
    named = {name: given for name, given in bound.items() if ast.unparse(given) in rule.hyperparameters}
    return [_Given(named).visit(ast.parse(ast.unparse(line)).body[0]) for line in body(helper)]


def _bound(called: ast.FunctionDef, call: ast.Call) -> dict[str, ast.expr]:
    return dict(zip((argument.arg for argument in called.args.args), call.args, strict=True))


class _Given(ast.NodeTransformer):
    """Puts expressions in place of names."""

    def __init__(self, given: dict[str, ast.expr]) -> None:
        self.given = given

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self.given.get(node.id, node)


def delegated(rule: Rule) -> tuple[Rule, dict[str, Any]]:
    """The rule whose lines these are, and the switches it is called with: AdamW is Adam with one of them set."""
    fixed: dict[str, Any] = {}
    while isinstance(last := body(rule.function)[-1], ast.Return) and isinstance(last.value, ast.Call):
        given = {k.arg: k.value for k in last.value.keywords if k.arg}
        rule = read(called(rule, last.value))
        unasked = {name: default for name, default in rule.hyperparameters.items() if name not in given}
        constants = {name: value.value for name, value in given.items() if isinstance(value, ast.Constant)}
        passed_on = {name: fixed[value.id] for name, value in given.items()
                     if isinstance(value, ast.Name) and value.id in fixed}  # fmt: skip
        fixed = {**unasked, **constants, **passed_on}
    return rule, fixed


def chosen(statements: Sequence[ast.stmt], fixed: Mapping[str, Any]) -> list[ast.stmt]:
    """The statements that are left where these switches are set, without names that then stand for another."""
    left = list(_decided(statements, fixed))
    second: dict[str, ast.expr] = {
        line.targets[0].id: line.value
        for line in left
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name) and isinstance(line.value, ast.Name)
    }
    nodes = [node for line in left for node in ast.walk(line)]
    stored = [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    second = {name: value for name, value in second.items() if stored.count(name) == 1}
    rest = [line for line in left if not (isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) in second)]
    return [_Given(second).visit(copy.deepcopy(line)) for line in rest]


def _decided(statements: Sequence[ast.stmt], fixed: Mapping[str, Any]) -> Iterator[ast.stmt]:
    for statement in statements:
        if isinstance(statement, ast.If) and isinstance(statement.test, ast.Name) and statement.test.id in fixed:
            yield from _decided(statement.body if fixed[statement.test.id] else statement.orelse, fixed)
        else:
            yield statement


def helpers(rule: Rule) -> list[FunctionType]:
    """The functions of its own module that a rule calls, and those that they call, rules left out."""
    found: dict[str, FunctionType] = {}
    waiting: list[Any] = [rule.function]
    while waiting:
        function = waiting.pop(0)
        new = [called for called in _called(function) if called.__name__ not in found]
        found |= {called.__name__: called for called in new}
        waiting += new
    return list(found.values())


def _called(function: FunctionType) -> list[FunctionType]:
    """The functions of its own module that a function calls and that are no rules."""
    nodes = ast.walk(definition(function))
    names = [node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    called = [function.__globals__.get(name) for name in names]
    ours = [one for one in called if isinstance(one, FunctionType) and one.__module__ == function.__module__]
    return [one for one in ours if one.__code__.co_varnames[:2] != ("p", "g")]
