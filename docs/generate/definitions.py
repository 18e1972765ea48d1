"""The definitions behind a rule as data: its own lines, and those of the functions that it calls.

Lines of a rule of single elements are the compiler's.  A rule of whole tensors may use all of Python, so the syntax
trees of its functions are translated here, as far as rules use them; `rows`, `columns`, `ndim` and `reshape` are
operations then, and what is not known is shown as it is written.
"""

import ast
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import FunctionType
from typing import Any, TypeAlias

from steepest.compiler.errors import Place
from steepest.compiler.expression import Constant, Expression, FirstStep, Line, Name, Operation, rebuilt, walk
from steepest.compiler.python import OPERATION_NAMES
from steepest.compiler.reading import syntax
from steepest.compiler.rule import Rule, read
from steepest.compiler.statements import Call, If


@dataclass(frozen=True)
class Repeat:
    """Lines that are run so many times."""

    times: Expression
    lines: tuple["Shown", ...]


@dataclass(frozen=True)
class Result:
    """What a function returns."""

    value: Expression


Shown: TypeAlias = "Line | If[Any] | Call | Repeat | Result"


@functools.cache
def body(function: Any) -> tuple[Shown, ...]:
    """The lines of a function, without its docstring and what a rule returns."""
    if _is_rule(function) and read(function).elementwise:
        return read(function).statements
    return tuple(_translated(function, syntax(function)))


def _is_rule(function: Any) -> bool:
    return function.__code__.co_varnames[:2] == ("p", "g")


def _translated(function: FunctionType, lines: Sequence[ast.stmt]) -> Iterator[Shown]:
    place = Place(function)
    for line in lines:
        match line:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield Line((name,), expression(value), place)
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=value):
                yield Line(tuple(map(ast.unparse, targets)), expression(value), place)
            case ast.If(test=test, body=then, orelse=other):
                lines_then, lines_else = (tuple(_translated(function, part)) for part in (then, other))
                yield If(expression(test), lines_then, lines_else, place)
            case ast.For(iter=ast.Call(args=[times]), body=repeated):
                yield Repeat(expression(times), tuple(_translated(function, repeated)))
            case ast.Return(value=ast.expr() as value) if not _is_rule(function):
                yield Result(expression(value))


def expression(node: ast.expr) -> Expression:  # noqa: PLR0911 - one for each kind
    """An expression of a function of whole tensors."""
    match node:
        case ast.Name(id=name):
            return Name(name)
        case ast.Constant(value=value):
            return Constant(value)
        case ast.UnaryOp(op=sign, operand=operand):
            return Operation(OPERATION_NAMES[type(sign)], (expression(operand),))
        case ast.BinOp(left=left, op=ast.MatMult(), right=right):
            return Operation("matmul", (expression(left), expression(right)))
        case ast.BinOp(left=left, op=sign, right=right):
            return Operation(OPERATION_NAMES[type(sign)], (expression(left), expression(right)))
        case ast.Compare(left=ast.Name(id=state), ops=[ast.Is()], comparators=[ast.Constant(value=None)]):
            return FirstStep(state)
        case ast.Compare(left=left, ops=[sign], comparators=[right]):
            return Operation(OPERATION_NAMES[type(sign)], (expression(left), expression(right)))
        case ast.IfExp(test=test, body=first, orelse=second):
            return Operation("if_else", tuple(map(expression, (test, first, second))))
        case ast.Attribute(value=array, attr="ndim"):
            return Operation("ndim", (expression(array),))
        case ast.Subscript(value=ast.Attribute(value=array, attr="shape"), slice=axis):
            size = {"-2": "rows", "-1": "columns"}.get(ast.unparse(axis), "shape")
            return Operation(size, (expression(array),))
        case ast.Call(func=ast.Attribute(value=array), args=[shape, *_]):
            return Operation("reshape", (expression(array), Constant(ast.unparse(shape))))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return Operation(name, tuple(map(expression, arguments)))
    return Operation("code", (Constant(ast.unparse(node)),))


# --- functions that a rule calls --------------------------------------------------------------------------------------


def returned(function: FunctionType) -> Expression | None:
    """The one expression that a function returns, if that is all it does."""
    lines = body(function)
    return lines[0].value if len(lines) == 1 and isinstance(lines[0], Result) else None


def with_arguments(function: FunctionType, result: Expression, arguments: Sequence[Expression]) -> Expression:
    """An expression of a function with the arguments of a call in place of its parameters."""
    return _given(result, dict(zip(inspect.signature(function).parameters, arguments, strict=True)))


def as_called(helper: FunctionType, rule: Rule) -> tuple[Shown, ...]:
    """The lines of a function that a rule calls, with the hyperparameters that it is given under their own names."""
    calls = (node for node in _operations(body(rule.function)) if rule.function.__globals__.get(node.name) is helper)
    arguments = next(calls, Operation("", ())).parts
    bound = dict(zip(inspect.signature(helper).parameters, arguments, strict=False))
    named = {
        name: given for name, given in bound.items() if isinstance(given, Name) and given.name in rule.hyperparameters
    }
    return tuple(_changed(line, lambda value: _given(value, named)) for line in body(helper))


def _given(value: Expression, given: Mapping[str, Expression]) -> Expression:
    """An expression with others in place of names."""
    return rebuilt(value, lambda node: given.get(node.name) if isinstance(node, Name) else None)


def _changed(line: Shown, change: Callable[[Expression], Expression]) -> Shown:
    """A line with other expressions."""
    if isinstance(line, Call):
        return replace(line, arguments={name: change(value) for name, value in line.arguments.items()})
    if isinstance(line, If):
        then, otherwise = (tuple(_changed(one, change) for one in part) for part in (line.then, line.otherwise))
        return If(change(line.test), then, otherwise, line.place)
    if isinstance(line, Repeat):
        return Repeat(change(line.times), tuple(_changed(one, change) for one in line.lines))
    return replace(line, value=change(line.value))


def helpers(rule: Rule) -> list[FunctionType]:
    """The functions of its own module that a rule calls, and those that they call, rules left out."""
    found: dict[str, FunctionType] = {}
    waiting: list[Any] = [rule.function]
    while waiting:
        function = waiting.pop(0)
        called = [function.__globals__.get(node.name) for node in _operations(body(function))]
        ours = [one for one in called if isinstance(one, FunctionType) and one.__module__ == function.__module__]
        new = [one for one in ours if not _is_rule(one) and one.__name__ not in found]
        found |= {one.__name__: one for one in new}
        waiting += new
    return list(found.values())


def _operations(lines: Sequence[Shown]) -> Iterator[Operation]:
    for value in _expressions(lines):
        yield from (node for node in walk(value) if isinstance(node, Operation))


def _expressions(lines: Sequence[Shown]) -> Iterator[Expression]:
    for line in lines:
        match line:
            case If(test=test, then=then, otherwise=otherwise):
                yield test
                yield from _expressions((*then, *otherwise))
            case Repeat(times=times, lines=repeated):
                yield times
                yield from _expressions(repeated)
            case Call(arguments=arguments):
                yield from arguments.values()
            case Line(value=value) | Result(value=value):
                yield value


# --- a rule that only calls another -----------------------------------------------------------------------------------


def delegated(rule: Rule) -> tuple[Rule, dict[str, Any]]:
    """The rule whose lines these are, and the switches it is called with: AdamW is Adam with one of them set."""
    fixed: dict[str, Any] = {}
    while rule.statements and isinstance(last := rule.statements[-1], Call) and last.is_last:
        rule = read(last.function)
        constants = {name: given.value for name, given in last.arguments.items() if isinstance(given, Constant)}
        passed_on = {name: fixed[given.name] for name, given in last.arguments.items()
                     if isinstance(given, Name) and given.name in fixed}  # fmt: skip
        fixed = {**constants, **passed_on}
    return rule, fixed


def chosen(statements: Sequence[Shown], fixed: Mapping[str, Any]) -> list[Shown]:
    """The statements that are left where these switches are set, without names that then stand for another."""
    left = list(_decided(statements, fixed))
    stored = [target for line in _every_line(left) for target in line.targets]
    second = {
        line.targets[0]: line.value
        for line in left
        if isinstance(line, Line) and isinstance(line.value, Name) and len(line.targets) == 1
        if stored.count(line.targets[0]) == 1
    }
    rest = [line for line in left if not (isinstance(line, Line) and line.targets[0] in second)]
    return [_changed(line, lambda value: _given(value, second)) for line in rest]


def _every_line(lines: Sequence[Shown]) -> Iterator[Line | Call]:
    for line in lines:
        if isinstance(line, If):
            yield from _every_line((*line.then, *line.otherwise))
        elif isinstance(line, Repeat):
            yield from _every_line(line.lines)
        elif isinstance(line, (Line, Call)):
            yield line


def _decided(statements: Sequence[Shown], fixed: Mapping[str, Any]) -> Iterator[Shown]:
    for statement in statements:
        if isinstance(statement, If) and isinstance(statement.test, Name) and statement.test.name in fixed:
            yield from _decided(statement.then if fixed[statement.test.name] else statement.otherwise, fixed)
        else:
            yield statement
