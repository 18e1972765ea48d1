"""A rule for one choice of its branches: straight lines, split into numbers of a step and work on elements.

Lines and subexpressions of hyperparameters and `step` alone are numbers: computed once a step, in float64, on the host,
and handed to the kernel as `slots` (1 - alpha in float32 would be wrong in the fifth digit).  All others run on every
element.
"""

import ast
import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from steepest import ops
from steepest.rule import OPERATIONS, Rule, read

Hyperparameters = Mapping[str, Any]
Line = tuple[str, ast.expr]
_ARITHMETIC = {name: getattr(ops, name) for name in ops.__all__}


@dataclass(frozen=True, eq=False)
class Program:
    """The straight lines of a rule once its `if`s are decided.

    state: the state that these lines use, in the rule's order; the rest is never allocated.
    fresh: the state whose first step differs (`x if state is None else y`).
    elements: what runs on every element, as (name, expression); the slots appear as the names c0_, c1_, ...
    slots: the host expressions behind those names.
    host: the lines computed once a step, as (name or names, expression).
    """

    rule: Rule
    state: tuple[str, ...]
    fresh: tuple[str, ...]
    elements: tuple[Line, ...]
    slots: tuple[str, ...]
    host: tuple[tuple[str, str], ...]

    @functools.cached_property
    def host_source(self) -> str:
        """The function that computes the slots, as text."""
        trees = [ast.parse(text) for text in (*(value for _, value in self.host), *self.slots)]
        read_names = {name for tree in trees for name in _names(tree)}
        used = [name for name in self.rule.hyperparameters if name in read_names]
        lines = [f"{name} = {_CONVERSION[type(self.rule.hyperparameters[name])]}(h[{name!r}])" for name in used]
        lines += [f"{name} = {value}" for name, value in self.host]
        lines.append(f"return ({''.join(f'{slot}, ' for slot in self.slots)})")
        return f"def {self.rule.name}_scalars(h, step, fresh):\n" + "".join(f"    {line}\n" for line in lines)

    @functools.cached_property
    def scalars(self) -> Callable[[Hyperparameters, float, frozenset[str]], tuple[float, ...]]:
        """`scalars(hyperparameters, step, fresh)`: the slots' values for the step-th step, in float64.

        step: the number of the step, from 1.  fresh: names of the states that do not exist yet.
        """
        scope: dict[str, Any] = _ARITHMETIC | {"numbers": numbers}
        exec(self.host_source, scope)
        return scope[f"{self.rule.name}_scalars"]


def numbers(values: Any) -> tuple[float, ...]:
    """The values of a hyperparameter of several numbers, tensors included."""
    return tuple(map(float, values))


_CONVERSION: dict[type, str] = {float: "float", int: "float", bool: "bool", tuple: "numbers"}


def program(rule: Rule, hyperparameters: Hyperparameters) -> Program:
    """The straight-line program of a rule under these hyperparameters; the same object while no `if` changes."""
    return _program(rule, tuple((name, look(hyperparameters[name])) for name, look in _deciding(rule)))


@functools.cache
def deciding(rule: Rule) -> Callable[[Hyperparameters], Any]:
    """Picks the hyperparameters that an `if` of the rule looks at: while they stay, the program stays."""
    names = [name for name, _ in _deciding(rule)]
    return operator.itemgetter(*names) if names else lambda _: None


@functools.lru_cache(maxsize=512)
def _program(rule: Rule, deciding: tuple[tuple[str, Any], ...]) -> Program:
    lines = _straighten(rule, dict(deciding))
    key = rule, tuple((name, ast.dump(value)) for name, value in lines)
    if key not in _PROGRAMS:
        _PROGRAMS[key] = _split(rule, lines)
    return _PROGRAMS[key]


_PROGRAMS: dict[tuple, Program] = {}
"""One program for the same lines, whatever values chose them."""


# --- which hyperparameters decide an `if` -----------------------------------------------------------------------------


@functools.cache
def _deciding(rule: Rule) -> tuple[tuple[str, Callable[[Any], Any]], ...]:
    """The hyperparameters that an `if` looks at; only by truth where every `if` just asks `if momentum:`."""
    tests, meaning = _tests_and_meanings(rule)
    wanted = {name for test in tests for name in _names(test)}
    while more := {name for w in wanted for name in meaning.get(w, ())} - wanted:
        wanted |= more
    whole = {name for test in tests if not isinstance(test, ast.Name) for name in _names(test)}
    whole |= {name for w in wanted for name in meaning.get(w, ()) if name != w}
    return tuple((name, float if name in whole else bool) for name in rule.hyperparameters if name in wanted)


def _tests_and_meanings(rule: Rule) -> tuple[list[ast.expr], dict[str, set[str]]]:
    tests: list[ast.expr] = []
    meaning: dict[str, set[str]] = {}
    for node in (node for statement in rule.body for node in ast.walk(statement)):
        if isinstance(node, (ast.If, ast.IfExp)) and _none_test(node.test) is None:
            tests.append(node.test)
        if isinstance(node, ast.Assign):
            for target in _names(node.targets[0]):
                meaning.setdefault(target, set()).update(_names(node.value))
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Call):
            callee, arguments = _call(rule, node.value)
            inner_tests, inner_meaning = _tests_and_meanings(callee)
            tests += inner_tests
            for name, names in inner_meaning.items():
                meaning.setdefault(name, set()).update(names)
            for name, value in arguments.items():
                meaning.setdefault(name, set()).update(_names(value))
    return tests, meaning


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


# --- choosing lines ---------------------------------------------------------------------------------------------------


def _straighten(rule: Rule, known: dict[str, Any]) -> list[Line]:
    """The lines that run, calls of other rules inlined; `known` are the values an `if` may ask for."""
    lines: list[Line] = []
    arrays = {"p", "g", *rule.state, "step"}

    def walk(statements: tuple[ast.stmt, ...] | list[ast.stmt]) -> None:
        for statement in statements:
            if isinstance(statement, ast.If):
                walk(statement.body if decide(statement, statement.test) else statement.orelse)
            elif isinstance(statement, ast.Assign):
                assign(ast.unparse(statement.targets[0]), chosen(statement.value))
            elif isinstance(statement, ast.Return) and isinstance(statement.value, ast.Call):
                callee, arguments = _call(rule, statement.value)
                for name, value in arguments.items():
                    if not (isinstance(value, ast.Name) and value.id == name):
                        assign(name, chosen(value))
                lines.extend(_straighten(callee, {**known}))

    def assign(target: str, value: ast.expr) -> None:
        lines.append((target, value))
        for name in _names(ast.parse(target)):
            known.pop(name, None)
        if not _names(value) & arrays and _names(value) - set(_ARITHMETIC) <= known.keys():
            known[target] = _value(value, known)

    def decide(node: ast.AST, test: ast.expr) -> bool:
        unknown = _names(test) - known.keys() - set(_ARITHMETIC)
        if unknown:
            raise rule.error(
                node,
                f"An `if` is decided when the kernel is built, and {sorted(unknown)[0]!r} is not known then.",
                "choose between elements with `where(condition, x, y)`.",
            )
        return bool(_value(test, known))

    class Chosen(ast.NodeTransformer):
        def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
            if _none_test(node.test) is not None:
                self.generic_visit(node)
                return node
            return self.visit(node.body if decide(node, node.test) else node.orelse)

    def chosen(value: ast.expr) -> ast.expr:
        fresh = ast.parse(ast.unparse(value), mode="eval").body
        for node in ast.walk(fresh):
            if isinstance(node, ast.expr):
                node.lineno = value.lineno  # so that a refusal names the rule's own line
        return Chosen().visit(fresh)

    walk(rule.body)
    return lines


def _value(expression: ast.expr, known: dict[str, Any]) -> Any:
    return eval(ast.unparse(expression), _ARITHMETIC | known)


def _none_test(test: ast.expr) -> tuple[str, bool] | None:
    """(state, True) for `state is None`, (state, False) for `state is not None`, None for any other test."""
    if (
        isinstance(test, ast.Compare)
        and isinstance(test.ops[0], (ast.Is, ast.IsNot))
        and isinstance(test.left, ast.Name)
    ):
        return test.left.id, isinstance(test.ops[0], ast.Is)
    return None


def _call(rule: Rule, call: ast.Call) -> tuple[Rule, dict[str, ast.expr]]:
    """The rule that is called and what each of its names is bound to, defaults included."""
    callee = read(rule.called(call))
    positional = ["p", "g", *_positional(callee)]
    given = dict(zip(positional, call.args, strict=False))
    given |= {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
    defaults = {name: ast.Constant(value) for name, value in callee.hyperparameters.items() if name not in given}
    return callee, {**given, **defaults}


def _positional(rule: Rule) -> list[str]:
    code = rule.function.__code__
    return list(code.co_varnames[2 : code.co_argcount])


# --- numbers of a step, and elements ----------------------------------------------------------------------------------


def _split(rule: Rule, lines: list[Line]) -> Program:
    lines = _live(rule, lines)
    state = tuple(s for s in rule.state if any(s == name or s in _names(value) for name, value in lines))
    splitter = _Splitter(rule, state)
    for name, value in lines:
        splitter.line(name, value)
    fresh = tuple(s for s in state if f"{s!r} in fresh" in splitter.slots)
    return Program(rule, state, fresh, tuple(splitter.elements), tuple(splitter.slots), tuple(splitter.host))


def _live(rule: Rule, lines: list[Line]) -> list[Line]:
    """Without the lines whose value nobody reads."""
    wanted = {"p", *rule.state}
    kept: list[Line] = []
    for name, value in reversed(lines):
        targets = _names(ast.parse(name))
        if targets & wanted:
            wanted = (wanted - targets) | _names(value)
            kept.append((name, value))
    return kept[::-1]


class _Splitter(ast.NodeTransformer):
    """Takes lines one by one; replaces the largest subexpressions without an element in them by slots."""

    def __init__(self, rule: Rule, state: tuple[str, ...]) -> None:
        self.rule = rule
        self.on_elements = {"p", "g", *state}
        self.elements: list[Line] = []
        self.slots: list[str] = []
        self.host: list[tuple[str, str]] = []
        self.renamed: dict[str, str] = {}

    def line(self, name: str, value: ast.expr) -> None:
        if _names(value) & self.on_elements:
            self.elements.append((name, self.visit(value)))
            self.on_elements.add(name)
            return
        if name in self.on_elements:  # a number from here on, but state and parameter stay arrays
            self.elements.append((name, self.slot(value)))
            return
        text = self._text(value)
        for target in sorted(_names(ast.parse(name))):
            taken = target in self.rule.hyperparameters or target in self.renamed
            self.renamed[target] = f"{target}_{len(self.host)}" if taken else target
        self.host.append((self._text(ast.parse(name, mode="eval").body), text))

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.IfExp) and (test := _none_test(node.test)):
            return self._first_step(node, *test)
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant) and not _names(node) & self.on_elements:
            return self.slot(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and ast.unparse(node.right) != "2":
            raise self.rule.error(node, "A kernel has no general power of an element.", "use x * x, sqrt, exp and log.")
        if isinstance(node, ast.Call):
            node.args = [self.visit(argument) for argument in node.args]
            operation = OPERATIONS[self.rule.called(node)] if self.rule.called(node) else ast.unparse(node.func)
            node.func = ast.Name(operation)
            return node
        return super().generic_visit(node)

    def slot(self, expression: ast.expr) -> ast.expr:
        """The name of the slot that holds this number."""
        return self._slot(self._text(expression))

    def _slot(self, text: str) -> ast.Name:
        if text not in self.slots:
            self.slots.append(text)
        return ast.Name(f"c{self.slots.index(text)}_")

    def _first_step(self, node: ast.IfExp, state: str, is_none: bool) -> ast.expr:
        first, later = (node.body, node.orelse) if is_none else (node.orelse, node.body)
        fresh = ast.Compare(self._slot(f"{state!r} in fresh"), [ast.NotEq()], [ast.Constant(0)])
        return ast.IfExp(fresh, self.visit(first), self.visit(later))

    def _text(self, expression: ast.expr) -> str:
        for node in ast.walk(expression):
            if isinstance(node, ast.Name):
                node.id = self.renamed.get(node.id, node.id)
        return ast.unparse(expression)
