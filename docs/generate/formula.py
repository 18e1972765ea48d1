"""The formula of a rule: its lines as mathematics, with every `if` it has."""

import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

from steepest.compiler.expression import Expression, Line
from steepest.compiler.rule import Rule
from steepest.compiler.statements import Call, If

from . import elements as el
from .definitions import Repeat, Result, as_called, body, chosen, delegated, helpers, returned
from .mathml import Printer
from .symbols import letter

Written = tuple[int, str]
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
    name = next(iter(inspect.signature(helper).parameters))
    return el.math(printer.name(name)) if len(letter(name)) == 1 else f"a {name}"


def block(lines: Iterable[Written]) -> str:
    """Lines below each other."""
    written = (el.element("div", said, style=f"--depth:{depth}") for depth, said in lines)
    return el.element("div", *written, class_="lines")


def framed(*blocks: str) -> str:
    """The whole of a formula."""
    return el.element("section", *blocks, class_="formula", data_search_exclude="")


def assigned(printer: Printer, name: str, value: Expression) -> str:
    """What a name is given."""
    return el.math(el.row(printer.name(name), el.operator("←"), printer.expression(value)))


def _lines(printer: Printer, statements: Any, depth: int = 0, results: bool = False) -> Iterator[Written]:
    """results: whether to show what is returned."""

    def inside(lines: Any, depth: int) -> Iterator[Written]:
        yield from _lines(printer, lines, depth, results)

    for place, statement in enumerate(statements):
        match statement:
            case Line(targets=(name,), value=value):
                yield depth, assigned(printer, name, value)
            case Call(targets=targets, function=function, arguments=arguments):
                names = el.operator(",", separator="true").join(map(printer.name, targets))
                given = el.call(function.__name__, map(printer.expression, arguments.values()))
                yield depth, el.math(el.row(names, el.operator("←"), given))
            case If(test=test, then=then, otherwise=otherwise):
                returns = bool(then) and isinstance(then[-1], Result)  # then all that follows is for the other case
                rest = statements[place + 1 :] if returns else otherwise
                yield depth, el.math(printer.condition(test))
                yield from inside(then, depth + 1)
                if rest:
                    yield depth, el.math(el.words("otherwise"))
                    yield from inside(rest, depth + 1)
                if returns:
                    return
            case Repeat(times=times, lines=repeated):
                yield depth, el.math(el.row(printer.expression(times), el.words(" times")))
                yield from inside(repeated, depth + 1)
            case Result(value=value) if results:
                yield depth, el.math(el.row(el.operator("→", form="prefix"), printer.expression(value)))
