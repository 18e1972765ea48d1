"""An expression of a rule as MathML, printed from its syntax tree: browsers set it without a script or a network."""

import ast
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from . import elements as el
from .definitions import definition, returned, with_arguments
from .symbols import letter

SUM, PRODUCT, SIGN, POWER = 1, 2, 3, 4
"""How tightly an operator binds what stands beside it."""

_COMPARISONS: dict[type[ast.AST], str] = {
    ast.Gt: "&gt;", ast.GtE: "≥", ast.Lt: "&lt;", ast.LtE: "≤", ast.Eq: "=", ast.NotEq: "≠",
}  # fmt: skip
_ONE = ast.Constant(1)
_ROOM = el.element("mspace", width="0.17em")


@dataclass(frozen=True)
class Printer:
    """Prints the expressions of one function.

    rule: whose symbols are used.  scope: what the names of calls stand for.  defaults: the hyperparameters.
    """

    rule: str
    scope: Mapping[str, Any] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)

    def name(self, name: str, power: str = "") -> str:
        """A name as its symbol."""
        return el.symbol(letter(name, self.rule), power)

    def expression(self, node: ast.expr, binds: int = 0) -> str:  # noqa: PLR0911 - one for each kind
        """binds: how tightly the surrounding operator does; looser expressions are put in parentheses."""
        match node:
            case ast.Name(id=name):
                return self.name(name)
            case ast.Constant(value=float() | int() as value) if not isinstance(value, bool):
                return el.number(value)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return _enclosed(el.row(el.operator("−", form="prefix"), self.expression(operand, SIGN)), SIGN, binds)
            case ast.BinOp(op=ast.Add() | ast.Sub()):
                return _enclosed(self._sum(node), SUM, binds)
            case ast.BinOp(op=ast.Mult() | ast.Div() | ast.MatMult()):
                parts = self._product(node)
                return _enclosed(el.row(*parts), PRODUCT, binds if len(parts) > 1 else 0)
            case ast.BinOp(left=left, op=ast.Pow(), right=right):
                return self.power(left, self.expression(right))
            case ast.IfExp() | ast.Call(func=ast.Name(id="where")):
                return el.cases(self._cases(node))
            case ast.Call():
                return self._call(node, binds)
            case ast.Subscript(value=ast.Attribute(value=array, attr="shape"), slice=ast.UnaryOp() as axis):
                size = "rows" if ast.unparse(axis) == "-2" else "columns"
                return el.row(el.words(size + " of "), self.expression(array))
            case ast.Subscript(value=ast.Attribute(value=array, attr="shape")):
                return self.expression(array)
            case _:
                return el.code(ast.unparse(node))

    def condition(self, test: ast.expr) -> str:
        """When a value or a line is meant, in words and mathematics."""
        first_step = none_test(test)
        match test:
            case _ if first_step:
                return el.words("at the first step" if first_step[1] else "after the first step")
            case ast.Name(id=name) if isinstance(self.defaults.get(name), float):
                return el.row(el.words("if "), self.name(name), el.operator("≠"), el.number(0))
            case ast.Name(id=name):
                return el.row(el.words("if "), el.word(name))
            case ast.Compare(left=left, ops=[op], comparators=[right]):
                sides = self._side(left), el.operator(_COMPARISONS[type(op)]), self._side(right)
                return el.row(el.words("if "), *sides)
            case _:
                return el.words("if " + ast.unparse(test))

    def _side(self, node: ast.expr) -> str:
        match node:
            case ast.Attribute(value=array, attr="ndim"):
                return el.row(el.words("dimensions of "), self.expression(array))
            case ast.Name(id=word) if word in self.defaults and self.defaults[word] is None:
                return el.word(word)
            case ast.Constant(value=str() as word):
                return el.word(word)
            case _:
                return self.expression(node)

    def _sum(self, node: ast.BinOp) -> str:
        is_sum = isinstance(node.op, ast.Add)
        right = self.expression(node.right, SUM if is_sum else PRODUCT)
        return el.row(self.expression(node.left, SUM), el.operator("+" if is_sum else "−"), right)

    def power(self, base: ast.expr, power: str) -> str:
        if isinstance(base, ast.Name):
            return self.name(base.id, power)
        return el.element("msup", self.expression(base, POWER + 1), power)

    def _product(self, node: ast.expr) -> list[str]:
        """The factors of a product, those before a division as a fraction with it."""
        parts: list[str] = []
        waiting: list[ast.expr] = []
        for op, factor in _factors(node):
            if isinstance(op, ast.Div):
                above = el.row(*self._side_by_side(waiting or [_ONE]))
                parts += [_ROOM] if parts else []
                parts.append(el.element("mfrac", above, self.expression(factor)))
                waiting = []
            else:
                waiting.append(factor)
        return parts + ([_ROOM] if parts and waiting else []) + self._side_by_side(waiting, alone=not parts)

    def _side_by_side(self, factors: list[ast.expr], alone: bool = True) -> list[str]:
        """Factors one after another, equal neighbours as a square; a dot where a number follows something."""
        groups = [list(group) for _, group in itertools.groupby(factors, ast.dump)]
        binds = PRODUCT if len(groups) > 1 or not alone else 0
        parts: list[str] = []
        for group in groups:
            if ast.unparse(group[0]) in ("1", "1.0") and len(groups) > 1:
                continue
            several = len(group) > 1
            part = self.power(group[0], el.number(len(group))) if several else self.expression(group[0], binds)
            if parts:
                parts.append(_times(group[0]))
            parts.append(part)
        return parts

    def _cases(self, node: ast.expr) -> list[tuple[str, str]]:
        match node:
            case ast.Call(func=ast.Name(id="where"), args=[test, first, second]):
                pass
            case ast.IfExp(test=test, body=first, orelse=second):
                pass
            case _:
                return [(self.expression(node), el.words("otherwise"))]
        return [(self.expression(first), self.condition(test)), *self._cases(second)]

    def _call(self, node: ast.Call, binds: int) -> str:
        if isinstance(node.func, ast.Attribute):
            return self._method(node.func.value, node.args)
        assert isinstance(node.func, ast.Name)
        name, called = node.func.id, self.scope.get(node.func.id)
        if name in _MEANT:
            return self.expression(_MEANT[name](*node.args), binds)
        if name in _CALLS:
            return _CALLS[name](self, *node.args)
        if isinstance(called, FunctionType) and called.__module__.startswith("steepest.rules"):
            inlined = returned(called)
            if inlined is not None:
                return self.expression(with_arguments(definition(called), inlined, node), binds)
            return el.call(
                name.strip("_").replace("_", " "), [self.expression(node.args[0])]
            )  # the others are hyperparameters
        return el.call(name, map(self.expression, node.args))

    def _method(self, array: ast.expr, arguments: list[ast.expr]) -> str:
        """`reshape`, the only method that rules call."""
        words = {"p.shape": "", "-1": " as matrices"}.get(ast.unparse(arguments[0]), " as one matrix")
        return el.row(self.expression(array), *([el.words(words)] if words else []))


def none_test(test: ast.expr) -> tuple[str, bool] | None:
    """(state, True) for `state is None`, (state, False) for `state is not None`, None for any other test."""
    match test:
        case ast.Compare(left=ast.Name(id=state), ops=[ast.Is() | ast.IsNot() as asked]):
            return state, isinstance(asked, ast.Is)
    return None


def _enclosed(content: str, own: int, binds: int) -> str:
    return el.in_parentheses(content) if own < binds else content


def _factors(node: ast.expr, op: ast.operator | None = None) -> list[tuple[ast.operator | None, ast.expr]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Mult, ast.Div, ast.MatMult)) and op is None:
        return [*_factors(node.left), (node.op, node.right)]
    return [(op, node)]


def _times(factor: ast.expr) -> str:
    """What stands before a factor: a dot before a number, a little room before a name with arguments."""
    if _starts_with_number(factor):
        return el.operator("·")
    return _ROOM if isinstance(factor, ast.Call) else el.operator("&#x2062;")


def _starts_with_number(node: ast.expr) -> bool:
    while isinstance(node, ast.BinOp) and not isinstance(node.op, (ast.Add, ast.Sub)):
        node = node.left
    return isinstance(node, ast.Constant)


def _between(sign: str) -> Callable[..., str]:
    return lambda printer, x: el.row(
        el.operator(sign, form="prefix", stretchy="false"),
        printer.expression(x),
        el.operator(sign, form="postfix", stretchy="false"),
    )


def _named(name: str) -> Callable[..., str]:
    return lambda printer, *arguments: el.call(name, map(printer.expression, arguments))


def _mean(printer: Printer, x: ast.expr, axis: ast.expr) -> str:
    which = "row" if ast.unparse(axis) == "-1" else "column"
    return el.call(f"{which} means", [printer.expression(x)])


def _add_product(x: ast.expr, a: ast.expr, b: ast.expr, beta: ast.expr, alpha: ast.expr) -> ast.expr:
    product = ast.BinOp(ast.BinOp(alpha, ast.Mult(), a), ast.MatMult(), b)
    return ast.BinOp(ast.BinOp(beta, ast.Mult(), x), ast.Add(), product)


_MEANT: dict[str, Callable[..., ast.expr]] = {
    "add_product": _add_product,
    "full_like": lambda _, value: value,
    "like": lambda x, _: x,
}
"""Operations that are another expression, or change where a number is kept and not the number."""

_CALLS: dict[str, Callable[..., str]] = {
    "sqrt": lambda printer, x: el.element("msqrt", printer.expression(x)),
    "abs": _between("|"),
    "norm": _between("‖"),
    "maximum": _named("max"),
    "minimum": _named("min"),
    "root_mean_square": _named("RMS"),
    "mean": _mean,
    "transpose": lambda printer, x: printer.power(x, el.words("T")),
    "to_bfloat16": _named("bfloat16"),
}
"""Operations that are not written as name(arguments)."""
