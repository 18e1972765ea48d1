"""An expression of a rule as MathML: browsers set it without a script or a network."""

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any

from steepest.compiler.expression import Constant, Expression, FirstStep, Name, Operation
from steepest.compiler.formula import COMPARISONS
from steepest.compiler.python import text

from . import elements as el
from .definitions import returned, with_arguments
from .symbols import letter

SUM, PRODUCT, SIGN, POWER = 1, 2, 3, 4
"""How tightly an operator binds what stands beside it."""

_ONE = Constant(1)
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

    def expression(self, node: Expression, binds: int = 0) -> str:  # noqa: PLR0911 - one for each kind
        """binds: how tightly the surrounding operator does; looser expressions are put in parentheses."""
        match node:
            case Name(name=name):
                return self.name(name)
            case Constant(value=float() | int() as value) if not isinstance(value, bool):
                return el.number(value)
            case Operation(name="neg", arguments=(operand,)):
                return _enclosed(el.row(el.operator("−", form="prefix"), self.expression(operand, SIGN)), SIGN, binds)
            case Operation(name="add" | "sub"):
                return _enclosed(self._sum(node), SUM, binds)
            case Operation(name="mul" | "truediv" | "matmul"):
                parts = self._product(node)
                return _enclosed(el.row(*parts), PRODUCT, binds if len(parts) > 1 else 0)
            case Operation(name="pow", arguments=(left, right)):
                return self.power(left, self.expression(right))
            case Operation(name="if_else" | "where"):
                return el.cases(self._cases(node))
            case Operation(name="rows" | "columns" as size, arguments=(array,)):
                return el.row(el.words(size + " of "), self.expression(array))
            case Operation(name="shape", arguments=(array,)):
                return self.expression(array)
            case Operation(name="code", arguments=(Constant(value=written),)):
                return el.code(written)
            case Operation():
                return self._call(node, binds)
        return el.code(text(node))

    def condition(self, test: Expression) -> str:
        """When a value or a line is meant, in words and mathematics."""
        match test:
            case FirstStep():
                return el.words("at the first step")
            case Name(name=name) if isinstance(self.defaults.get(name), float):
                return el.row(el.words("if "), self.name(name), el.operator("≠"), el.number(0))
            case Name(name=name):
                return el.row(el.words("if "), el.word(name))
            case Operation(name=name, arguments=(left, right)) if name in COMPARISONS:
                sign = COMPARISONS[name].replace(">", "&gt;").replace("<", "&lt;")
                return el.row(el.words("if "), self._side(left), el.operator(sign), self._side(right))
        return el.words("if " + text(test))

    def _side(self, node: Expression) -> str:
        match node:
            case Operation(name="ndim", arguments=(array,)):
                return el.row(el.words("dimensions of "), self.expression(array))
            case Name(name=word) if word in self.defaults and self.defaults[word] is None:
                return el.word(word)
            case Constant(value=str() as word):
                return el.word(word)
        return self.expression(node)

    def _sum(self, node: Operation) -> str:
        left, right = node.parts
        is_sum = node.name == "add"
        second = self.expression(right, SUM if is_sum else PRODUCT)
        return el.row(self.expression(left, SUM), el.operator("+" if is_sum else "−"), second)

    def power(self, base: Expression, power: str) -> str:
        if isinstance(base, Name):
            return self.name(base.name, power)
        return el.element("msup", self.expression(base, POWER + 1), power)

    def _product(self, node: Expression) -> list[str]:
        """The factors of a product, those before a division as a fraction with it."""
        parts: list[str] = []
        waiting: list[Expression] = []
        for op, factor in _factors(node):
            if op == "truediv":
                above = el.row(*self._side_by_side(waiting or [_ONE]))
                parts += [_ROOM] if parts else []
                parts.append(el.element("mfrac", above, self.expression(factor)))
                waiting = []
            else:
                waiting.append(factor)
        return parts + ([_ROOM] if parts and waiting else []) + self._side_by_side(waiting, alone=not parts)

    def _side_by_side(self, factors: list[Expression], alone: bool = True) -> list[str]:
        """Factors one after another, equal neighbours as a square; a dot where a number follows something."""
        groups = [list(group) for _, group in itertools.groupby(factors)]
        binds = PRODUCT if len(groups) > 1 or not alone else 0
        parts: list[str] = []
        for group in groups:
            if group[0] in (Constant(1), Constant(1.0)) and len(groups) > 1:
                continue
            several = len(group) > 1
            part = self.power(group[0], el.number(len(group))) if several else self.expression(group[0], binds)
            if parts:
                parts.append(_times(group[0]))
            parts.append(part)
        return parts

    def _cases(self, node: Expression) -> list[tuple[str, str]]:
        match node:
            case Operation(name="if_else" | "where", arguments=(test, first, second)):
                return [(self.expression(first), self.condition(test)), *self._cases(second)]
        return [(self.expression(node), el.words("otherwise"))]

    def _call(self, node: Operation, binds: int) -> str:
        called = self.scope.get(node.name)
        if node.name in _MEANT:
            return self.expression(_MEANT[node.name](*node.parts), binds)
        if node.name in _CALLS:
            return _CALLS[node.name](self, *node.parts)
        if isinstance(called, FunctionType) and called.__module__.startswith("steepest.rules"):
            inlined = returned(called)
            if inlined is not None:
                return self.expression(with_arguments(called, inlined, node.parts), binds)
            name = node.name.strip("_").replace("_", " ")
            return el.call(name, [self.expression(node.parts[0])])  # the others are hyperparameters
        return el.call(node.name, map(self.expression, node.parts))


def _enclosed(content: str, own: int, binds: int) -> str:
    return el.in_parentheses(content) if own < binds else content


def _factors(node: Expression) -> list[tuple[str, Expression]]:
    """The factors of a product, each with the operation before it; only its left side is taken apart."""
    match node:
        case Operation(name="mul" | "truediv" | "matmul" as operation, arguments=(left, right)):
            return [*_factors(left), (operation, right)]
    return [("", node)]


def _times(factor: Expression) -> str:
    """What stands before a factor: a dot before a number, a little room before a name with arguments."""
    if _starts_with_number(factor):
        return el.operator("·")
    return _ROOM if isinstance(factor, Operation) and factor.name not in _WITHOUT_A_NAME else el.operator("&#x2062;")


_WITHOUT_A_NAME = {"add", "sub", "mul", "truediv", "matmul", "pow", "neg", "if_else", "rows", "columns", "shape"}
"""Operations that are not written as a name with arguments."""


def _starts_with_number(node: Expression) -> bool:
    while isinstance(node, Operation) and node.name in ("mul", "truediv", "matmul", "pow"):
        node = node.parts[0]
    return isinstance(node, Constant)


def _between(sign: str) -> Callable[..., str]:
    return lambda printer, x: el.row(
        el.operator(sign, form="prefix", stretchy="false"),
        printer.expression(x),
        el.operator(sign, form="postfix", stretchy="false"),
    )


def _named(name: str) -> Callable[..., str]:
    return lambda printer, *arguments: el.call(name, map(printer.expression, arguments))


def _mean(printer: Printer, x: Expression, axis: Expression) -> str:
    which = "row" if axis == -Constant(1) else "column"
    return el.call(f"{which} means", [printer.expression(x)])


def _reshape(printer: Printer, array: Expression, shape: Constant) -> str:
    words = {"p.shape": "", "-1": " as matrices"}.get(shape.value, " as one matrix")
    return el.row(printer.expression(array), *([el.words(words)] if words else []))


def _add_product(x: Expression, a: Expression, b: Expression, beta: Expression, alpha: Expression) -> Expression:
    return beta * x + Operation("matmul", (alpha * a, b))


_MEANT: dict[str, Callable[..., Expression]] = {
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
    "reshape": _reshape,
}
"""Operations that are not written as name(arguments)."""
