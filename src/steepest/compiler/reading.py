"""The lines of a rule's function as data; what no kernel can say is refused with the line, the reason and a way out."""

import ast
import builtins
import inspect
from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType
from typing import Any

from steepest import ops
from steepest.compiler.errors import Place, RuleError, source
from steepest.compiler.expression import Constant, Expression, FirstStep, Kind, Line, Name, Operation
from steepest.compiler.python import OPERATION_NAMES
from steepest.compiler.statements import Call, If, Statement
from steepest.frozen import WHAT_TO_SHIP, instead_of_no_source

OPERATIONS = {getattr(ops, name): name for name in ops.__all__} | {builtins.abs: "abs"}
"""What a rule may call, by the function object that its name stands for."""


def syntax(function: FunctionType) -> list[ast.stmt]:
    """The syntax trees of a function's lines, without its docstring."""
    try:
        definition = ast.parse(source(function)).body[0]
    except (OSError, SyntaxError) as error:
        if (function.__module__ or "").startswith("steepest."):
            raise RuleError(WHAT_TO_SHIP) from error
        raise RuleError(
            f"The source of rule {function.__name__!r} cannot be read ({error}).\n"
            f"Instead: {instead_of_no_source(function)}"
        ) from error
    if not isinstance(definition, ast.FunctionDef):
        raise RuleError(f"{function.__name__!r} is not written with `def`.\nInstead: write `def rule(p, g, ...):`.")
    return definition.body[1:] if ast.get_docstring(definition) is not None else definition.body


_ARITHMETIC = f"use + - * / ** and the operations of steepest.ops: {', '.join(ops.__all__)}."
_ONE_ELEMENT = "A kernel already loops over the elements.", "write the line for one element."
_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.For: _ONE_ELEMENT,
    ast.While: _ONE_ELEMENT,
    ast.AugAssign: (
        "On tensors this would overwrite the caller's own array.",
        "write `x = x + ...`, which makes a new value.",
    ),
    ast.Subscript: (
        "A kernel sees one element at a time.",
        "take a hyperparameter apart with `beta1, beta2 = betas`; a rule of rows or matrices is not elementwise.",
    ),
    ast.Attribute: (
        "A kernel sees one element at a time, as a number without attributes.",
        f"use the operations of steepest.ops ({', '.join(ops.__all__)}); norms and means are not elementwise.",
    ),
}


_NAMES_OF_STEP = ("t", "k", "n", "i", "steps", "iteration", "iterations", "count")
"""What papers call the number of a step."""


class Reader:
    """Reads the lines of one rule.

    kinds: what the names of its signature stand for.  returned: what it must return, in this order.
    """

    def __init__(self, function: FunctionType, kinds: Mapping[str, Kind], returned: Sequence[str]) -> None:
        self._function, self._kinds, self._returned = function, kinds, tuple(returned)
        variables = inspect.getclosurevars(function)
        self._scopes = variables.nonlocals, function.__globals__, variables.builtins

    def statements(self) -> tuple[Statement, ...]:
        """All lines but the `return` of names."""
        lines = syntax(self._function)
        found = tuple(self._block(lines, is_whole=True))
        if not isinstance(lines[-1], ast.Return):
            raise self._place(lines[-1]).error("The rule returns nothing.", f"end it with `{self._wanted()}`.")
        self._check_names(lines)
        return found

    def _block(self, lines: Sequence[ast.stmt], *, is_whole: bool = False) -> Iterator[Statement]:
        for line in lines:
            match line:
                case ast.If():
                    yield If(
                        self._expression(line.test),
                        tuple(self._block(line.body)),
                        tuple(self._block(line.orelse)),
                        self._place(line),
                    )
                case ast.Assign():
                    yield self._assignment(line)
                case ast.Return():
                    yield from self._return(line, is_last=is_whole and line is lines[-1])
                case ast.Pass():
                    pass
                case _:
                    raise self._refusal(line, line, "A rule is assignments, `if` and one `return`.")

    def _assignment(self, line: ast.Assign) -> Line | Call:
        first = line.targets[0]
        targets = first.elts if isinstance(first, ast.Tuple) else line.targets
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        if len(line.targets) != 1 or len(names) != len(targets):
            raise self._place(line).error("A line gives one value one name.", "write one assignment a line.")
        for name in names:
            if name.endswith("_") and name != "_":
                raise self._place(line).error("Names that end in _ are the kernel's own.", f"call it {name[:-1]!r}.")
        if isinstance(line.value, ast.Call) and self._is_rule(line.value):
            return self._call(line.value, tuple(names), is_last=False)
        return Line(tuple(names), self._expression(line.value), self._place(line))

    def _return(self, line: ast.Return, *, is_last: bool) -> Iterator[Call]:
        place = self._place(line)
        if not is_last:
            raise place.error("A kernel runs to its last line.", "choose values with `if` and return at the end.")
        if isinstance(line.value, ast.Call) and self._is_rule(line.value):
            yield self._call(line.value, self._returned, is_last=True)
            return
        values = line.value.elts if isinstance(line.value, ast.Tuple) else [line.value]
        for value in values:
            if value is not None:
                self._expression(value)
            if not isinstance(value, ast.Name):
                raise place.error(
                    "A rule returns names, so that each value is known by one.",
                    f"give the value its name in a line before, `p = ...`, and end with `{self._wanted()}`.",
                )
        if tuple(getattr(value, "id", None) for value in values) != self._returned:
            raise place.error(
                "A rule returns the parameter and every state, in the order of its signature.",
                f"`{self._wanted()}`, or a call of another rule.{self._hint_at_step()}",
            )

    def _hint_at_step(self) -> str:
        taken = [name for name in self._returned if name in _NAMES_OF_STEP]
        return f" If {taken[0]!r} is the number of the step, call it `step`: it is counted for you." if taken else ""

    def _wanted(self) -> str:
        return f"return {', '.join(self._returned)}"

    # --- calls --------------------------------------------------------------------------------------------------------

    def _called(self, call: ast.Call) -> Any:
        """The object that a call's name stands for in the rule's own module, or None."""
        if not isinstance(call.func, ast.Name):
            return None
        return next((scope[call.func.id] for scope in self._scopes if call.func.id in scope), None)

    def _is_rule(self, call: ast.Call) -> bool:
        function = self._called(call)
        return isinstance(function, FunctionType) and function.__code__.co_varnames[:2] == ("p", "g")

    def _call(self, call: ast.Call, targets: tuple[str, ...], *, is_last: bool) -> Call:
        function = self._called(call)
        place = self._place(call)
        if function is self._function:
            raise place.error("A rule that steps by itself never ends.", "call another rule.")
        if getattr(function, "whole", False):
            raise place.error(
                f"{function.__name__} is a rule of whole tensors, and this one is of single elements.",
                "mark this rule with `steepest.tensor_ops.whole` too.",
            )
        signature = inspect.signature(function)
        self._check_results(signature, targets, function.__name__, place)
        if any(isinstance(one, ast.Starred) for one in call.args) or any(one.arg is None for one in call.keywords):
            raise place.error(
                "*args and **kwargs do not say which value is which.", f"`{function.__name__}{signature}`."
            )
        values = [self._expression(one) for one in call.args]
        named = {one.arg: self._expression(one.value) for one in call.keywords if one.arg}
        try:
            bound = signature.bind(*values, **named)
        except TypeError as error:
            raise place.error(f"{function.__name__}() {error}.", f"`{function.__name__}{signature}`.") from None
        defaults = {name: Constant(one.default) for name, one in signature.parameters.items()
                    if name not in bound.arguments}  # fmt: skip
        return Call(targets, function, {**bound.arguments, **defaults}, is_last, place)

    def _check_results(self, called: inspect.Signature, targets: tuple[str, ...], name: str, place: Place) -> None:
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        given = [one.name for one in called.parameters.values() if one.kind is kind and one.name not in ("g", "step")]
        if len(given) != len(targets):
            raise place.error(
                f"{name} returns {len(given)} value{'s' * (len(given) > 1)}, and {len(targets)} are wanted.",
                f"`{', '.join(given)} = {name}(...)`.",
            )

    # --- expressions --------------------------------------------------------------------------------------------------

    def _expression(self, node: ast.expr) -> Expression:  # noqa: PLR0911 - one for each kind
        match node:
            case ast.Constant(value=value):
                return Constant(value)
            case ast.Name(id=name):
                return Name(name, self._kinds.get(name, Kind.VALUE))
            case ast.Tuple(elts=elements):
                return self._operation("tuple", elements, node)
            case ast.IfExp(test=test, body=body, orelse=otherwise):
                return self._choice(node, test, body, otherwise)
            case ast.Call():
                return self._operation_call(node)
            case ast.BoolOp(op=operator, values=values):
                return self._operation(OPERATION_NAMES[type(operator)], values, node)
            case ast.UnaryOp(op=operator, operand=operand):
                return self._operation(OPERATION_NAMES[type(operator)], [operand], node)
            case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATION_NAMES:
                self._check_sum(node)
                return self._operation(OPERATION_NAMES[type(operator)], [left, right], node)
            case ast.Compare(ops=operators) if all(type(one) in OPERATION_NAMES for one in operators):
                return self._comparison(node)
            case ast.BinOp(op=operator):
                raise self._refusal(node, operator, f"A kernel has no {type(operator).__name__}.")
            case ast.Compare(left=ast.Name(id=state), ops=[ast.Is() | ast.IsNot()]):
                raise self._place(node).error(
                    "Only a choice can ask whether a state is there.",
                    f"`x if {state} is None else y`, where this step is the first for {state}.",
                )
        raise self._refusal(node, node, f"A kernel has no {type(node).__name__}.")

    def _operation(self, name: str, nodes: Sequence[ast.expr], at: ast.expr) -> Operation:
        return Operation(name, tuple(self._expression(node) for node in nodes), self._place(at))

    def _choice(self, node: ast.expr, test: ast.expr, body: ast.expr, otherwise: ast.expr) -> Operation:
        asked = self._first_step(test)
        if asked is None:
            return self._operation("if_else", [test, body, otherwise], node)
        state, is_none = asked
        first, later = (body, otherwise) if is_none else (otherwise, body)
        return Operation(
            "if_else", (FirstStep(state), self._expression(first), self._expression(later)), self._place(node)
        )

    def _first_step(self, test: ast.expr) -> tuple[str, bool] | None:
        """(state, True) for `state is None`, (state, False) for `state is not None`, None for any other test."""
        match test:
            case ast.Compare(
                left=ast.Name(id=state), ops=[ast.Is() | ast.IsNot() as asked], comparators=[ast.Constant(value=None)]
            ):
                return state, isinstance(asked, ast.Is)
        return None

    def _comparison(self, node: ast.Compare) -> Operation:
        sides = [node.left, *node.comparators]
        pairs = [
            self._operation(OPERATION_NAMES[type(operator)], [left, right], node)
            for left, operator, right in zip(sides, node.ops, sides[1:], strict=False)
        ]
        return pairs[0] if len(pairs) == 1 else Operation("logical_and", tuple(pairs), self._place(node))

    def _operation_call(self, node: ast.Call) -> Operation:
        place = self._place(node)
        if isinstance(node.func, ast.Attribute):
            raise place.error(*_REFUSED[ast.Attribute])
        if self._is_rule(node):
            raise place.error(
                "A rule gives several values, so its call stands alone.",
                f"`p, exp_avg = {ast.unparse(node.func)}(...)`, and go on with these names.",
            )
        name = OPERATIONS.get(self._called(node))
        if name is None:
            raise place.error(
                f"A kernel cannot call {ast.unparse(node.func)!r}.",
                f"use the operations of steepest.ops: {', '.join(ops.__all__)}.",
            )
        wanted = list(inspect.signature(getattr(ops, name)).parameters)
        if node.keywords or len(node.args) != len(wanted):
            raise place.error(
                f"{name} takes {len(wanted)} argument{'s' * (len(wanted) > 1)}, by position.",
                f"`{name}({', '.join(wanted)})`.",
            )
        return self._operation(name, node.args, node)

    # --- refusals -----------------------------------------------------------------------------------------------------

    def _check_sum(self, node: ast.BinOp) -> None:
        """Refuse the sum of two comparisons: on arrays it is no number, but their `or`."""
        match node:
            case ast.BinOp(left=ast.Compare(), op=ast.Add() | ast.Sub(), right=ast.Compare()):
                raise self._place(node).error(
                    "On arrays the sum of two comparisons is no number.", "use `where(c, x, y)`, or `|` and `&`."
                )

    def _check_names(self, lines: Sequence[ast.stmt]) -> None:
        """Every name that is read is an argument, was given a value, or is called."""
        nodes = [node for line in lines for node in ast.walk(line)]
        called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
        known = {*self._kinds} | {
            node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        for node in nodes:
            if isinstance(node, ast.Name) and id(node) not in called and node.id not in known:
                self._refuse_name(node, known)

    def _refuse_name(self, node: ast.Name, known: set[str]) -> None:
        value = self._function.__globals__.get(node.id)
        if is_number_or_numbers(value):
            way_out = f"make it a hyperparameter: `*, {node.id}={value!r}`."
        elif node.id in _NAMES_OF_STEP and "step" not in known:
            way_out = "if it is the number of the step, call it `step`: `def rule(p, g, ..., step, *, ...)`."
        else:
            way_out = f"correct the name; this rule knows {', '.join(sorted(known))}."
        raise self._place(node).error(f"A kernel knows only its arguments, and {node.id!r} is none of them.", way_out)

    def _refusal(self, at: ast.AST, node: ast.AST, otherwise: str) -> RuleError:
        return self._place(at).error(*_REFUSED.get(type(node), (otherwise, _ARITHMETIC)))

    def _place(self, node: ast.AST) -> Place:
        return Place(self._function, getattr(node, "lineno", 1))


def is_number_or_numbers(value: Any) -> bool:
    """Whether this is a number, a truth value, or a tuple of them."""
    if isinstance(value, tuple):
        return all(isinstance(one, (bool, int, float)) for one in value)
    return isinstance(value, (bool, int, float))
