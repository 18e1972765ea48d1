"""Read a rule from a plain function: its signature is its specification.

    def rule(p, g, *state, step, *, hyperparameters): ...

`Rule` holds what the signature says; `steepest.compiler.program` turns the body into the straight lines of one kernel.
"""

import ast
import builtins
import functools
import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from steepest import ops

OPERATIONS = {getattr(ops, name): name for name in ops.__all__} | {builtins.abs: "abs"}
"""What a rule may call, by the function object that its name stands for."""


class RuleError(TypeError):
    """A function cannot be read as a rule: names the line, the reason and what may be written instead."""

    __module__ = "steepest"  # where users find it


@dataclass(frozen=True, eq=False)
class Rule:
    """One update rule, as its function's signature specifies it.

    function: the rule itself, which runs on numbers, NumPy arrays and tensors.
    state: names of the state arrays, one element for each element of the parameter.
    counts: whether the rule is given `step`, the number of this step from 1.
    hyperparameters: name -> default.
    elementwise: whether each element is stepped by itself, as kernels do; else the rule sees whole tensors.
    """

    function: Callable[..., tuple]
    name: str
    state: tuple[str, ...]
    counts: bool
    hyperparameters: dict[str, Any]
    body: tuple[ast.stmt, ...]
    elementwise: bool = True

    @property
    def is_own(self) -> bool:
        """Whether it is one of `steepest.rules`: a stranger's rule may have any name."""
        return self.function.__module__.startswith("steepest.rules.")

    @property
    def doc(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]

    @property
    def source(self) -> str:
        """The text of the function."""
        return textwrap.dedent(inspect.getsource(self.function))

    def called(self, node: ast.Call) -> Any:
        """The object that a call's name stands for in the rule's own module, or None."""
        if not isinstance(node.func, ast.Name):
            return None
        variables = inspect.getclosurevars(self.function)
        scopes = variables.nonlocals, self.function.__globals__, variables.builtins
        return next((scope[node.func.id] for scope in scopes if node.func.id in scope), None)

    def error(self, node: ast.AST, reason: str, way_out: str) -> RuleError:
        """The refusal of one line."""
        line = getattr(node, "lineno", 1)
        code = self.function.__code__
        text = self.source.splitlines()[line - 1].strip()
        where = f"rule {self.name!r}, {code.co_filename}:{code.co_firstlineno + line - 1}"
        return RuleError(f"{where}\n    {text}\n{reason}\nInstead: {way_out}")


@functools.cache
def read(function: Callable[..., tuple]) -> Rule:
    """The rule that a plain function states.

    function: `f(p, g, *state, step, *, hyperparameters)`, returning `p` and every state in order.
    Raises RuleError where the signature or a line is not one that a kernel can say.
    """
    if not isinstance(function, FunctionType):
        raise RuleError(f"{function!r} is not a plain function.\nInstead: write the rule with `def`.")
    if getattr(function, "whole", False):
        return Rule(function, function.__name__, *_signature(function), _body(function), elementwise=False)
    rule = Rule(function, function.__name__, *_signature(function), _body(function))
    for name, default in rule.hyperparameters.items():
        _check_default(function, name, default)
    _check_lines(rule, rule.body)
    _check_names(rule)
    return rule


def _signature(function: FunctionType) -> tuple[tuple[str, ...], bool, dict[str, Any]]:
    parameters = inspect.signature(function).parameters.values()
    positional = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    keywords = {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    if positional[:2] != ["p", "g"]:
        raise _refused(function, "A rule starts with the parameter and its gradient.", "`def rule(p, g, ...):`.")
    if len(positional) + len(keywords) != len(parameters):
        raise _refused(function, "*args and **kwargs do not name state or hyperparameters.", "name each of them.")
    for p in parameters:
        if p.kind is p.POSITIONAL_OR_KEYWORD and p.default is not p.empty:
            raise _refused(
                function,
                f"{p.name!r} has a default but stands among the state.",
                f"put a `*` before the hyperparameters: `*, {p.name}={p.default!r}`.",
            )
    state = tuple(name for name in positional[2:] if name != "step")
    return state, "step" in positional, keywords


def _refused(function: FunctionType, reason: str, way_out: str) -> RuleError:
    here = f"{function.__code__.co_filename}:{function.__code__.co_firstlineno}"
    return RuleError(f"rule {function.__name__!r}, {here}\n{reason}\nInstead: {way_out}")


def _check_default(function: FunctionType, name: str, default: Any) -> None:
    if not _is_number_or_numbers(default):
        raise _refused(
            function,
            f"The hyperparameter {name!r} has no numeric default.",
            f"give it one: `{name}=0.9`, `{name}=(0.9, 0.999)` or `{name}=False`.",
        )


def _is_number_or_numbers(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(v, (bool, int, float)) for v in value)
    return isinstance(value, (bool, int, float))


def _body(function: FunctionType) -> tuple[ast.stmt, ...]:
    try:
        source = textwrap.dedent(inspect.getsource(function))
        definition = ast.parse(source).body[0]
    except (OSError, SyntaxError) as error:
        raise RuleError(
            f"The source of rule {function.__name__!r} cannot be read ({error}).\n"
            "Instead: define it with `def` in a file or a notebook cell; a lambda or exec'd text has no source."
        ) from error
    if not isinstance(definition, ast.FunctionDef):
        raise RuleError(f"{function.__name__!r} is not written with `def`.\nInstead: write `def rule(p, g, ...):`.")
    has_docstring = ast.get_docstring(definition) is not None
    return tuple(definition.body[1:] if has_docstring else definition.body)


_REFUSED: dict[type[ast.AST], tuple[str, str]] = {
    ast.For: ("A kernel already loops over the elements.", "write the line for one element."),
    ast.While: ("A kernel already loops over the elements.", "write the line for one element."),
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

_EXPRESSIONS = (
    ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.IfExp, ast.Call, ast.Name, ast.Constant, ast.Tuple,
    ast.operator, ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context, ast.keyword,
)  # fmt: skip

_UNSUPPORTED_OPERATORS = (ast.Mod, ast.FloorDiv, ast.MatMult, ast.BitXor, ast.LShift, ast.RShift)


def _check_lines(rule: Rule, lines: tuple[ast.stmt, ...] | list[ast.stmt], depth: int = 0) -> None:
    for statement in lines:
        if isinstance(statement, ast.If):
            _check_expression(rule, statement.test)
            _check_lines(rule, statement.body, depth + 1)
            _check_lines(rule, statement.orelse, depth + 1)
        elif isinstance(statement, ast.Assign):
            _check_target(rule, statement)
            _check_expression(rule, statement.value)
        elif isinstance(statement, ast.Return):
            _check_return(rule, statement, last=depth == 0 and statement is lines[-1])
        elif not isinstance(statement, ast.Pass):
            raise rule.error(statement, *_refusal(statement, "A rule is assignments, `if` and one `return`."))
    if depth == 0 and not isinstance(lines[-1], ast.Return):
        raise rule.error(lines[-1], "The rule returns nothing.", f"end it with `{_expected_return(rule)}`.")


def _check_target(rule: Rule, statement: ast.Assign) -> None:
    targets = statement.targets[0].elts if isinstance(statement.targets[0], ast.Tuple) else statement.targets
    if len(statement.targets) != 1 or not all(isinstance(target, ast.Name) for target in targets):
        raise rule.error(statement, "A line gives one value one name.", "write one assignment a line.")
    for target in targets:
        if isinstance(target, ast.Name) and target.id.endswith("_"):
            raise rule.error(statement, "Names that end in _ are the kernel's own.", f"call it {target.id[:-1]!r}.")


def _check_return(rule: Rule, statement: ast.Return, *, last: bool) -> None:
    if not last:
        raise rule.error(statement, "A kernel runs to its last line.", "choose values with `if` and return at the end.")
    if isinstance(statement.value, ast.Call) and isinstance(rule.called(statement.value), FunctionType):
        return
    names = statement.value.elts if isinstance(statement.value, ast.Tuple) else [statement.value]
    for value in names:
        if value is not None:
            _check_expression(rule, value)
        if not isinstance(value, ast.Name):
            raise rule.error(
                statement,
                "A rule returns names, so that each value is known by one.",
                f"give the value its name in a line before, `p = ...`, and end with `{_expected_return(rule)}`.",
            )
    if [getattr(name, "id", None) for name in names] != ["p", *rule.state]:
        raise rule.error(
            statement,
            "A rule returns the parameter and every state, in the order of its signature.",
            f"`{_expected_return(rule)}`, or a call of another rule.",
        )


def _expected_return(rule: Rule) -> str:
    return f"return {', '.join(['p', *rule.state])}"


def _check_expression(rule: Rule, expression: ast.expr) -> None:
    for node in ast.walk(expression):
        if isinstance(node, _UNSUPPORTED_OPERATORS) or not isinstance(node, _EXPRESSIONS):
            raise rule.error(expression, *_refusal(node, f"A kernel has no {type(node).__name__}."))
        _check_choices(rule, node)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            raise rule.error(node, *_REFUSED[ast.Attribute])
        if isinstance(node, ast.Call) and rule.called(node) not in OPERATIONS:
            raise rule.error(
                node,
                f"A kernel cannot call {ast.unparse(node.func)!r}.",
                f"use the operations of steepest.ops: {', '.join(ops.__all__)}.",
            )
        if isinstance(node, ast.Call):
            _check_arguments(rule, node)


def _check_arguments(rule: Rule, call: ast.Call) -> None:
    name = OPERATIONS[rule.called(call)]
    wanted = list(inspect.signature(getattr(ops, name)).parameters)
    if call.keywords or len(call.args) != len(wanted):
        raise rule.error(
            call,
            f"{name} takes {len(wanted)} argument{'s' * (len(wanted) > 1)}, by position.",
            f"`{name}({', '.join(wanted)})`.",
        )


def _check_choices(rule: Rule, node: ast.AST) -> None:
    """Refuse the sum of two comparisons: on arrays it is no number, but their `or`."""
    sides = (node.left, node.right) if isinstance(node, ast.BinOp) and isinstance(node.op, (ast.Add, ast.Sub)) else ()
    if sides and all(isinstance(side, ast.Compare) for side in sides):
        raise rule.error(
            node, "On arrays the sum of two comparisons is no number.", "use `where(c, x, y)`, or `|` and `&`."
        )


def _check_names(rule: Rule) -> None:
    """Every name that is read is an argument, was given a value, or is called."""
    nodes = [node for statement in rule.body for node in ast.walk(statement)]
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    known = {"p", "g", "step", *rule.state, *rule.hyperparameters}
    known |= {node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    for node in nodes:
        if isinstance(node, ast.Name) and id(node) not in called and node.id not in known:
            value = rule.function.__globals__.get(node.id)
            if _is_number_or_numbers(value):
                way_out = f"make it a hyperparameter: `*, {node.id}={value!r}`."
            else:
                way_out = f"correct the name; this rule knows {', '.join(sorted(known))}."
            raise rule.error(node, f"A kernel knows only its arguments, and {node.id!r} is none of them.", way_out)


def _refusal(node: ast.AST, otherwise: str) -> tuple[str, str]:
    arithmetic = f"use + - * / ** and the operations of steepest.ops: {', '.join(ops.__all__)}."
    return _REFUSED.get(type(node), (otherwise, arithmetic))
