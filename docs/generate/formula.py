"""The formula of a rule: its lines as mathematics, with every `if` it has."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

from steepest.compiler.rule import Rule

from . import elements as el
from .definitions import as_called, body, chosen, definition, delegated, helpers, returned
from .mathml import Printer
from .symbols import letter

Line = tuple[int, str]
"""How far a line is indented, and what it says, in HTML."""


def formula(rule: Rule) -> str:
    """The formula of a rule as HTML, one block for the rule and one for each function it calls.

    Lines that take a tuple apart are left out (β₁ is the first of the betas), and so is what is returned.
    """
    stated, fixed = delegated(rule)
    own = _printer(rule.name, stated.function, rule.hyperparameters)
    blocks = [block(_lines(own, chosen(body(stated.function), fixed)))]
    for helper in helpers(stated):
        if returned(helper) is None:
            printer = _printer(rule.name, helper, rule.hyperparameters)
            head = el.element(
                "p",
                el.element("em", helper.__name__.strip("_").replace("_", " ")),
                " of ",
                _first(printer, helper),
                ":",
            )
            blocks += [head, block(_lines(printer, as_called(helper, stated), results=True))]
    return framed(*blocks)


def _printer(rule: str, function: Any, defaults: Mapping[str, Any]) -> Printer:
    return Printer(rule, function.__globals__, defaults)


def _first(printer: Printer, helper: FunctionType) -> str:
    name = definition(helper).args.args[0].arg
    return el.math(printer.name(name)) if len(letter(name)) == 1 else f"a {name}"


def block(lines: Iterable[Line]) -> str:
    """Lines below each other."""
    written = (el.element("div", said, style=f"--depth:{depth}") for depth, said in lines)
    return el.element("div", *written, class_="lines")


def framed(*blocks: str) -> str:
    """The whole of a formula."""
    return el.element("section", *blocks, class_="formula", data_search_exclude="")


def assigned(printer: Printer, name: str, value: ast.expr) -> str:
    """What a name is given."""
    return el.math(el.row(printer.name(name), el.operator("←"), printer.expression(value)))


def _lines(printer: Printer, statements: Any, depth: int = 0, results: bool = False) -> Iterator[Line]:
    """results: whether to show what is returned."""

    def inside(lines: Any, depth: int) -> Iterator[Line]:
        yield from _lines(printer, lines, depth, results)

    for place, statement in enumerate(statements):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                yield depth, assigned(printer, name, value)
            case ast.If(test=test, body=then, orelse=other):
                returns = isinstance(then[-1], ast.Return)  # then all that follows is for the other case
                otherwise = statements[place + 1 :] if returns else other
                yield depth, el.math(printer.condition(test))
                yield from inside(then, depth + 1)
                if otherwise:
                    yield depth, el.math(el.words("otherwise"))
                    yield from inside(otherwise, depth + 1)
                if returns:
                    return
            case ast.For(iter=ast.Call(args=[times]), body=repeated):
                yield depth, el.math(el.row(printer.expression(times), el.words(" times")))
                yield from inside(repeated, depth + 1)
            case ast.Return(value=ast.expr() as value) if results:
                yield depth, el.math(el.row(el.operator("→", form="prefix"), printer.expression(value)))
