"""A program on the arrays of libraries that trace: JAX, and Keras on its backends.

There a step count is an array too, so nothing can be computed on the host.  What kernels are handed as slots is
computed here by the library, once a step for all tensors, and numbers that are Python's stay Python's, in float64, as
long as they meet no array.
"""

import ast
import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from steepest.compiler.branches import ARITHMETIC, Line, deciding, names_in
from steepest.compiler.program import Program, program
from steepest.compiler.rule import Rule
from steepest.ops import one_minus_power

Scope = dict[str, Any]


@dataclass(frozen=True)
class Traced:
    """Two functions of one program.

    scalars: (hyperparameters, step, fresh, numbers) -> the slots, then the new numbers.  fresh: for each state whose
    first step differs, whether this is it, as an array of truth.
    elements: (p, g, states, slots) -> the new parameter, or how far it moves, and the new states.
    """

    scalars: Callable[[Mapping[str, Any], Any, Mapping[str, Any], Sequence[Any]], tuple[Any, ...]]
    elements: Callable[[Any, Any, Sequence[Any], Sequence[Any]], tuple[Any, ...]]


@functools.cache
def traced(lines: Program, *, moves: bool = False) -> Traced:
    """The functions of a program.

    moves: give how far the parameter moves instead of where it is; exact where `(p - x) - p` would round x to the
    digits that p leaves it.
    """
    slots = list(lines.slots)
    elements = list(_displaced(lines.elements, slots)) if moves else list(lines.elements)
    return Traced(_compiled(_host_source(lines, slots)), _compiled(_element_source(lines, elements, len(slots), moves)))


def chosen(rule: Rule, hyperparameters: Mapping[str, Any]) -> Program:
    """The program under hyperparameters of which some are arrays or schedules: `if momentum:` is entered for those.

    Also for an array of 0: it may be traced, or another number, at the next step, and the state must be there then.
    Raises TypeError where an `if` asks for the value of one.
    """
    seen = {name: _seen(rule, name, look, hyperparameters[name]) for name, look in deciding(rule)}
    return program(rule, {**hyperparameters, **seen})


def _seen(rule: Rule, name: str, look: Callable[[Any], Any], value: Any) -> Any:
    """What the `if`s of a rule see of a hyperparameter."""
    if value is None or isinstance(value, (int, float)) or type(value).__module__ == "numpy":
        return look(value)
    is_switch = isinstance(rule.hyperparameters[name], bool)
    if look is bool and not is_switch:
        return True
    if is_switch and not callable(value):
        with contextlib.suppress(TypeError):  # what is traced has no value
            return look(value)
    raise TypeError(
        f"{name} chooses between lines of the rule {rule.name} by its value, so it must be a number, True or False: it "
        "cannot be an array or a schedule. Under optax.inject_hyperparams, name it in `static_args`."
    )


def _host_source(lines: Program, slots: Sequence[str]) -> str:
    read = {name for text in (*(value for _, value in lines.host), *slots) for name in names_in(ast.parse(text))}
    given = [f"{name} = h[{name!r}]" for name in lines.rule.hyperparameters if name in read]
    given += [f"{''.join(f'{name}, ' for name in lines.numbers)}= numbers"] if lines.numbers else []
    given += [f"{name} = {_written(value)}" for name, value in lines.host]
    results = [*map(_written, slots), *lines.results]
    return _function("h, step, fresh, numbers", given, results)


def _element_source(lines: Program, elements: Sequence[Line], slots: int, moves: bool) -> str:
    given = [f"{''.join(f'{name}, ' for name in lines.state)}= states"] if lines.state else []
    given += [f"{''.join(f'c{index}_, ' for index in range(slots))}= slots"] if slots else []
    given += ["start_, moved_ = p, 0.0"] if moves else []
    given += [f"{name} = {_written(ast.unparse(value))}" for name, value in elements]
    return _function("p, g, states, slots", given, ["moved_" if moves else "p", *lines.state])


def _function(arguments: str, lines: Sequence[str], results: Sequence[str]) -> str:
    body = [*lines, f"return ({''.join(f'{result}, ' for result in results)})"]
    return f"def traced_({arguments}):\n" + "".join(f"    {line}\n" for line in body)


def _compiled(source: str) -> Callable[..., tuple[Any, ...]]:
    scope: Scope = {**ARITHMETIC, "one_minus_power": one_minus_power}
    exec(source, scope)
    return scope["traced_"]


def _written(text: str) -> str:
    return ast.unparse(_ForArrays().visit(ast.parse(text, mode="eval")))


class _ForArrays(ast.NodeTransformer):
    """What Python's own choices and powers cannot say of an array."""

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        test = node.test
        first, second = node.body, node.orelse
        if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.NotEq):  # a slot that says `fresh`
            test = test.left
        if isinstance(test, ast.UnaryOp):  # not 'sum' in fresh
            test, first, second = test.operand, second, first
        return _call("where", *(self.visit(one) for one in (test, first, second)))

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        if isinstance(node.ops[0], ast.In):  # 'sum' in fresh
            return ast.Subscript(node.comparators[0], node.left, ast.Load())
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        match node:
            case ast.BinOp(ast.Constant(1), ast.Sub(), ast.BinOp(base, ast.Pow(), exponent)):
                return _call("one_minus_power", self.visit(base), self.visit(exponent))
        return self.generic_visit(node)  # type: ignore[return-value]


def _call(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name), list(arguments), [])


def _displaced(lines: Sequence[Line], slots: list[str]) -> Sequence[Line]:
    """The lines, with one before each that moves p, which says how far it is from its start then."""
    found: list[Line] = []
    for name, value in lines:
        if name == "p":
            found.append(("moved_", _displacement(value, slots)))
        found.append((name, value))
    return found


def _displacement(value: ast.expr, slots: list[str]) -> ast.expr:
    match value:
        case ast.Name("p"):
            return ast.Name("moved_")
        case ast.BinOp(left, ast.Add() | ast.Sub() as operator, right) if _starts_with_p(left):
            return ast.BinOp(_displacement(left, slots), operator, right)
        case ast.BinOp(left, ast.Mult(), ast.Name(factor)) if _starts_with_p(left) and factor[1:-1].isdecimal():
            grown = ast.BinOp(_displacement(left, slots), ast.Mult(), value.right)
            return ast.BinOp(grown, ast.Add(), ast.BinOp(_less_one(factor, slots), ast.Mult(), ast.Name("start_")))
    return ast.BinOp(value, ast.Sub(), ast.Name("start_"))


def _starts_with_p(value: ast.expr) -> bool:
    while isinstance(value, ast.BinOp):
        value = value.left
    return isinstance(value, ast.Name) and value.id == "p"


def _less_one(slot: str, slots: list[str]) -> ast.Name:
    """A new slot that is a given one minus 1."""
    match ast.parse(slots[int(slot[1:-1])], mode="eval").body:
        case ast.BinOp(ast.Constant(1), ast.Sub(), taken):
            slots.append(f"-({ast.unparse(taken)})")
        case other:
            slots.append(f"({ast.unparse(other)}) - 1")
    return ast.Name(f"c{len(slots) - 1}_")
