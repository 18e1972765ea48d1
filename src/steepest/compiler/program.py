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
from steepest.compiler import branches as choosing
from steepest.compiler.branches import ARITHMETIC, Line, names_in, none_test
from steepest.compiler.rule import OPERATIONS, Rule

Hyperparameters = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Program:
    """The straight lines of a rule once its `if`s are decided.

    lines: all of them, as (name or names, expression), in the rule's own order and words.
    state: the arrays of state that these lines use, in the rule's order; the rest is never allocated.
    numbers: the states that are one number for a whole tensor.
    fresh: the state whose first step differs (`x if state is None else y`).
    elements: what runs on every element, as (name, expression); the slots appear as the names c0_, c1_, ...
    slots: the host expressions behind those names.
    host: the lines computed once a step, as (name or names, expression).
    results: what becomes of the numbers, as names in `host`.
    """

    rule: Rule
    lines: tuple[tuple[str, str], ...]
    state: tuple[str, ...]
    numbers: tuple[str, ...]
    fresh: tuple[str, ...]
    elements: tuple[Line, ...]
    slots: tuple[str, ...]
    host: tuple[tuple[str, str], ...]
    results: tuple[str, ...]

    @property
    def kept(self) -> tuple[str, ...]:
        """Every state of a parameter, in the rule's order."""
        return tuple(name for name in self.rule.state if name in self.state or name in self.numbers)

    @functools.cached_property
    def function(self) -> Callable[..., Any]:
        """The rule without its `if`s, for hyperparameters whose truth cannot be asked."""
        names = [*self.rule.state, *(["step"] if self.rule.counts else []), "*", *self.rule.hyperparameters]
        source = f"def {self.rule.name}(p, g, {', '.join(names)}):\n"
        source += "".join(f"    {name} = {value}\n" for name, value in self.lines)
        source += f"    return ({''.join(f'{name}, ' for name in ('p', *self.rule.state))})\n"
        scope: dict[str, Any] = {**ARITHMETIC}
        exec(source, scope)
        return scope[self.rule.name]

    @functools.cached_property
    def host_source(self) -> str:
        """The function that computes the slots, as text."""
        trees = [ast.parse(text) for text in (*(value for _, value in self.host), *self.slots)]
        read_names = {name for tree in trees for name in names_in(tree)}
        used = [name for name in self.rule.hyperparameters if name in read_names]
        lines = [f"{name} = {_CONVERSION[type(self.rule.hyperparameters[name])]}(h[{name!r}])" for name in used]
        lines += [f"{''.join(f'{name}, ' for name in self.numbers)}= numbers"] if self.numbers else []
        lines += [f"{name} = {value}" for name, value in self.host]
        lines.append(f"return ({''.join(f'{value}, ' for value in (*self.slots, *self.results))})")
        head = f"def {self.rule.name}_scalars(h, step, fresh, numbers=()):\n"
        return head + "".join(f"    {line}\n" for line in lines)

    @functools.cached_property
    def scalars(self) -> Callable[..., tuple[float, ...]]:
        """`scalars(hyperparameters, step, fresh, numbers=())`: the slots for the step-th step, then the new numbers.

        step: the number of the step, from 1.  fresh: names of the states that do not exist yet.  All in float64.
        """
        scope: dict[str, Any] = ARITHMETIC | {"several": several}
        exec(self.host_source, scope)
        return scope[f"{self.rule.name}_scalars"]


def several(values: Any) -> tuple[float, ...]:
    """The values of a hyperparameter of several numbers, tensors included."""
    return tuple(map(float, values))


_CONVERSION: dict[type, str] = {float: "float", int: "float", bool: "bool", tuple: "several"}


def program(rule: Rule, hyperparameters: Hyperparameters) -> Program:
    """The straight-line program of a rule under these hyperparameters; the same object while no `if` changes."""
    return _program(rule, choices(rule, hyperparameters))


def choices(rule: Rule, hyperparameters: Hyperparameters) -> tuple[Any, ...]:
    """What the `if`s of a rule see of its hyperparameters: while that stays, the program stays."""
    return tuple([look(hyperparameters[name]) for name, look in choosing.deciding(rule)])


@functools.cache
def switches(rule: Rule) -> Callable[[Hyperparameters], Any]:
    """Picks the hyperparameters that `choices` looks at, in a third of its time: while they stay, so do the choices."""
    names = [name for name, _ in choosing.deciding(rule)]
    return operator.itemgetter(*names) if names else lambda _: None


@functools.lru_cache(maxsize=512)
def _program(rule: Rule, choices: tuple[Any, ...]) -> Program:
    known = {name: value for (name, _), value in zip(choosing.deciding(rule), choices, strict=True)}
    lines = choosing.straighten(rule, known)
    key = rule, tuple((name, ast.dump(value)) for name, value in lines)
    if key not in _PROGRAMS:
        _PROGRAMS[key] = _split(rule, lines)
    return _PROGRAMS[key]


_PROGRAMS: dict[tuple, Program] = {}
"""One program for the same lines, whatever values chose them."""


def _split(rule: Rule, lines: list[Line]) -> Program:
    lines = _live(rule, choosing.without_aliases(lines, {"p", "g", *rule.state}))
    used = [s for s in rule.state if any(s == name or s in names_in(value) for name, value in lines)]
    numbers = tuple(s for s in used if s in choosing.numbers(rule))
    state = tuple(s for s in used if s not in numbers)
    texts = tuple((name, ast.unparse(value)) for name, value in lines)
    splitter = _Splitter(rule, state, numbers)
    for name, value in lines:
        splitter.line(name, value)
    on_host = " ".join([*splitter.slots, *(text for _, text in splitter.host)])
    return Program(
        rule,
        texts,
        state,
        numbers,
        fresh=tuple(s for s in used if f"{s!r} in fresh" in on_host),
        elements=tuple(splitter.elements),
        slots=tuple(splitter.slots),
        host=tuple(splitter.host),
        results=tuple(splitter.renamed.get(name, name) for name in numbers),
    )


def _live(rule: Rule, lines: list[Line]) -> list[Line]:
    """Without the lines whose value nobody reads."""
    wanted = {"p", *rule.state}
    kept: list[Line] = []
    for name, value in reversed(lines):
        targets = names_in(ast.parse(name))
        if targets & wanted:
            wanted = (wanted - targets) | names_in(value)
            kept.append((name, value))
    return kept[::-1]


class _Splitter(ast.NodeTransformer):
    """Takes lines one by one; replaces the largest subexpressions without an element in them by slots."""

    def __init__(self, rule: Rule, state: tuple[str, ...], numbers: tuple[str, ...]) -> None:
        self.rule = rule
        self.on_elements = {"p", "g", *state}
        self.taken = {*rule.hyperparameters, *numbers}
        self.elements: list[Line] = []
        self.slots: list[str] = []
        self.host: list[tuple[str, str]] = []
        self.renamed: dict[str, str] = {}

    def line(self, name: str, value: ast.expr) -> None:
        if names_in(value) & self.on_elements:
            self.elements.append((name, self.visit(value)))
            self.on_elements.add(name)
            return
        if name in self.on_elements:  # a number from here on, but state and parameter stay arrays
            self.elements.append((name, self.slot(value)))
            return
        text = self._text(value)
        for target in sorted(names_in(ast.parse(name))):
            taken = target in self.taken or target in self.renamed
            self.renamed[target] = f"{target}_{len(self.host)}_" if taken else target
        self.host.append((self._text(ast.parse(name, mode="eval").body), text))

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.IfExp) and (test := none_test(node.test)):
            return self._first_step(node, *test)
        if isinstance(node, ast.expr) and not isinstance(node, ast.Constant) and not names_in(node) & self.on_elements:
            return self.slot(node)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow) and ast.unparse(node.right) != "2":
            raise self.rule.error(node, "A kernel has no general power of an element.", "use x * x, sqrt, exp and log.")
        self._check_truth(node)
        if isinstance(node, ast.Call):
            self._check_choice(node)
            node.args = [self.visit(argument) for argument in node.args]
            operation = OPERATIONS[self.rule.called(node)] if self.rule.called(node) else ast.unparse(node.func)
            node.func = ast.Name(operation)
            return node
        return super().generic_visit(node)

    def _check_truth(self, node: ast.AST) -> None:
        """Python's `and`, `or`, `not` and a < b < c ask a whole tensor for its truth, which it has not."""
        is_not = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        if isinstance(node, ast.BoolOp) or is_not or (isinstance(node, ast.Compare) and len(node.ops) > 1):
            raise self.rule.error(
                node,
                "On tensors `and`, `or`, `not` and a < b < c have no truth for each element.",
                "use `&` and `|` with brackets, `(a < b) & (b < c)`, or one `where` in another.",
            )

    def _check_choice(self, node: ast.Call) -> None:
        is_where = self.rule.called(node) is ops.where
        if is_where and not any(names_in(choice) & self.on_elements for choice in node.args[1:]):
            raise self.rule.error(
                node,
                "On tensors, where() of two numbers has no dtype to choose.",
                "make them arrays: `where(c, 2 * x, x)`, or `full_like(x, 2)`.",
            )

    def slot(self, expression: ast.expr) -> ast.expr:
        """The name of the slot that holds this number."""
        return self._slot(self._text(expression))

    def _slot(self, text: str) -> ast.Name:
        if text not in self.slots:
            self.slots.append(text)
        return ast.Name(f"c{self.slots.index(text)}_")

    def _first_step(self, node: ast.IfExp, state: str, is_none: bool) -> ast.expr:
        first, later = (node.body, node.orelse) if is_none else (node.orelse, node.body)
        fresh = ast.Compare(self._slot(_is_fresh(state)), [ast.NotEq()], [ast.Constant(0)])
        return ast.IfExp(fresh, self.visit(first), self.visit(later))

    def _text(self, expression: ast.expr) -> str:
        expression = _FirstStep().visit(expression)
        for node in ast.walk(expression):
            if isinstance(node, ast.Name):
                node.id = self.renamed.get(node.id, node.id)
        return ast.unparse(expression)


class _FirstStep(ast.NodeTransformer):
    """`eta is None` in the words of the host: `'eta' in fresh`."""

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        found = none_test(node)
        if found is None:
            return node
        state, is_none = found
        text = _is_fresh(state) if is_none else f"not ({_is_fresh(state)})"
        return ast.parse(text, mode="eval").body


def _is_fresh(state: str) -> str:
    return f"{state!r} in fresh"
