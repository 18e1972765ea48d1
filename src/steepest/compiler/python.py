"""Python's operators by the names that operations have, and expressions written as Python."""

import ast
from collections.abc import Callable, Mapping

from steepest.compiler.expression import Constant, Expression, FirstStep, Line, Name, Operation, Slot

BINARY: dict[str, type[ast.operator]] = {
    "add": ast.Add, "sub": ast.Sub, "mul": ast.Mult, "truediv": ast.Div, "pow": ast.Pow, "and_": ast.BitAnd,
    "or_": ast.BitOr,
}  # fmt: skip
UNARY: dict[str, type[ast.unaryop]] = {"neg": ast.USub, "pos": ast.UAdd, "not_": ast.Not, "invert": ast.Invert}
COMPARISONS: dict[str, type[ast.cmpop]] = {
    "gt": ast.Gt, "ge": ast.GtE, "lt": ast.Lt, "le": ast.LtE, "eq": ast.Eq, "ne": ast.NotEq,
}  # fmt: skip
LOGIC: dict[str, type[ast.boolop]] = {"logical_and": ast.And, "logical_or": ast.Or}

OPERATION_NAMES: dict[type[ast.AST], str] = {
    operator: name for table in (BINARY, UNARY, COMPARISONS, LOGIC) for name, operator in table.items()
}
"""The other way round: what an operator of a syntax tree is called."""

Spellings = Mapping[str, Callable[..., ast.expr]]
"""Operation -> the syntax tree of its arguments' trees."""


def name(spelt: str) -> ast.Name:
    """A name that is read."""
    return ast.Name(spelt, ast.Load())


def call(function: str, *arguments: ast.expr) -> ast.Call:
    """A call by position."""
    return ast.Call(name(function), list(arguments), [])


def choice(test: ast.expr, first: ast.expr, second: ast.expr) -> ast.IfExp:
    """`first if test else second`."""
    return ast.IfExp(test, first, second)


def compared(left: ast.expr, operator: type[ast.cmpop], right: ast.expr) -> ast.Compare:
    """A comparison of two."""
    return ast.Compare(left, [operator()], [right])


def _binary(operator: type[ast.operator]) -> Callable[..., ast.expr]:
    return lambda left, right: ast.BinOp(left, operator(), right)


def _unary(operator: type[ast.unaryop]) -> Callable[..., ast.expr]:
    return lambda operand: ast.UnaryOp(operator(), operand)


def _comparison(operator: type[ast.cmpop]) -> Callable[..., ast.expr]:
    return lambda left, right: compared(left, operator, right)


def _logic(operator: type[ast.boolop]) -> Callable[..., ast.expr]:
    return lambda *values: ast.BoolOp(operator(), list(values))


SPELLINGS: Spellings = {
    **{operation: _binary(operator) for operation, operator in BINARY.items()},
    **{operation: _unary(operator) for operation, operator in UNARY.items()},
    **{operation: _comparison(operator) for operation, operator in COMPARISONS.items()},
    **{operation: _logic(operator) for operation, operator in LOGIC.items()},
    "tuple": lambda *values: ast.Tuple(list(values), ast.Load()),
    "if_else": choice,
}
"""In Python's own words; what is not here is a call of a function of that name."""


def tree(expression: Expression, spellings: Spellings = SPELLINGS, constant: Callable = ast.Constant) -> ast.expr:
    """An expression as a syntax tree of Python.

    spellings: of its operations.  constant: makes the tree of a constant from its value.
    """
    match expression:
        case Constant(value=value):
            return constant(value)
        case Name(name=found):
            return name(found)
        case Slot(index=index):
            return name(f"c{index}_")
        case FirstStep(state=state):
            return compared(ast.Constant(state), ast.In, name("uninitialized"))
        case Operation(name=operation, arguments=arguments):
            parts = [tree(part, spellings, constant) for part in arguments]
            return spellings[operation](*parts) if operation in spellings else call(operation, *parts)
    raise TypeError(f"{expression!r} is no expression of a rule.")


def text(expression: Expression, spellings: Spellings = SPELLINGS, constant: Callable = ast.Constant) -> str:
    """An expression as Python text."""
    return ast.unparse(tree(expression, spellings, constant))


def assignment(line: Line, spellings: Spellings = SPELLINGS, constant: Callable = ast.Constant) -> str:
    """A line as Python text."""
    return f"{', '.join(line.targets)} = {text(line.value, spellings, constant)}"
