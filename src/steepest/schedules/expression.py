"""Schedules as text: `warmup(100) then cosine(3e-4, 10_000)`.

Python's own parser reads the text.  Its parts may be names of schedules, numbers, words, `*`, `then` and the methods of
a schedule; anything else is an error.  The text is never run as a program.
"""

import ast
import difflib
import io
import tokenize
from collections.abc import Callable
from typing import Any

from steepest.schedules import cycles, schedule, shapes
from steepest.schedules.schedule import Schedule, warmup

KNOWN: dict[str, Any] = {
    name: getattr(module, name)
    for module in (cycles, schedule, shapes)
    for name in module.__all__
    if name != "Schedule"
}
"""The schedules that a text may name."""
_METHODS = ("then", "scale", "shift", "clip", "warmup")


def parse(text: str) -> Schedule:
    """Read a schedule from text, such as `warmup(100) then cosine(3e-4, 10_000)`.

    `a then b` means `a.then(b)`; otherwise the text is what one writes in a program.

    Args:
        text: The description; it is read, and never run.

    Raises:
        ValueError: The text does not describe a schedule; the message has the part that cannot be understood.
    """
    try:
        tree = ast.parse(_with_operators(text), mode="eval").body
    except (SyntaxError, tokenize.TokenError, IndentationError):
        raise _refused(text, "it is not of the form `name(numbers)`, joined by `then` and `*`") from None
    made = _made(tree, text)
    if isinstance(made, warmup):
        raise _refused(text, "a warmup leads to something: `warmup(100) then ...`")
    if not isinstance(made, Schedule):
        raise _refused(text, f"{made!r} is no schedule; the value that stays the same is `constant({made!r})`")
    return made


def _with_operators(text: str) -> str:
    """The text with `a >> b` for `a then b`: it binds less tightly than `*`.  `.then(` stays."""
    tokens = list(tokenize.generate_tokens(io.StringIO(text.strip()).readline))
    words = [token.string for token in tokens]
    joined = [
        ">>" if word == "then" and place and words[place - 1] != "." else word for place, word in enumerate(words)
    ]
    return " ".join(joined).strip()


def _made(node: ast.expr, text: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _composed(node, text)


def _composed(node: ast.expr, text: str) -> Any:
    match node:
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            return [_made(part, text) for part in parts]
        case ast.BinOp(left=left, op=ast.RShift(), right=right):
            first, following = _made(left, text), _made(right, text)
            return _tried(lambda: first.then(following), node, text)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            one, other = _made(left, text), _made(right, text)
            return _tried(lambda: one * other, node, text)
        case ast.Call(func=ast.Name(id=name)):
            return _called(_known(name, text), node, text)
        case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in _METHODS:
            return _called(getattr(_made(value, text), name), node, text)
    raise _refused(text, f"`{ast.unparse(node)}` is neither a schedule nor a number")


def _known(name: str, text: str) -> Any:
    if name not in KNOWN:
        near = difflib.get_close_matches(name, sorted(KNOWN), n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(KNOWN))}"
        raise _refused(text, f"there is no schedule {name!r}; {hint}")
    return KNOWN[name]


def _called(function: Any, call: ast.Call, text: str) -> Any:
    arguments = [_made(argument, text) for argument in call.args]
    by_name = {keyword.arg: _made(keyword.value, text) for keyword in call.keywords if keyword.arg}
    return _tried(lambda: function(*arguments, **by_name), call, text)


def _tried(make: Callable[[], Any], node: ast.expr, text: str) -> Any:
    try:
        return make()
    except (TypeError, ValueError, AttributeError) as error:
        raise _refused(text, f"in `{ast.unparse(node).replace(' >> ', ' then ')}`: {error}") from error


def _refused(text: str, reason: str) -> ValueError:
    return ValueError(f"{text!r} is no schedule: {reason}{'' if reason.endswith(('.', '?')) else '.'}")
