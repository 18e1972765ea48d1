"""A schedule as an expression of the number of a step, so that it goes on inside a graph that is replayed.

A schedule computes with whatever it is given as a step; here that is a step that writes down what is done to it.
"""

from collections.abc import Callable
from typing import Any

from steepest.compiler.expression import Constant, Expression, Operation


class Traced:
    """A number that is not known yet: what is done to it."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression

    def __bool__(self) -> bool:
        raise TypeError(
            "This schedule asks whether its step is this or that, which a step inside a graph cannot answer."
        )


def _operation(name: str, *arguments: Any) -> Traced:
    return Traced(Operation(name, tuple(map(_expression, arguments))))


def _expression(value: Any) -> Expression:
    return value.expression if isinstance(value, Traced) else Constant(float(value))


def _remainder(x: Any, y: Any) -> Traced:
    return _operation("sub", x, _operation("mul", _operation("floor", _operation("truediv", x, y)), y))


def _named(name: str) -> Callable[..., Traced]:
    return lambda *arguments: _operation(name, *arguments)


for _name in ("add", "sub", "mul", "truediv", "pow", "lt", "le", "gt", "ge", "and_", "or_"):
    _plain = _name.strip("_")
    setattr(Traced, f"__{_plain}__", _named(_name))
    if _plain not in ("lt", "le", "gt", "ge"):  # those know how to be turned round
        setattr(Traced, f"__r{_plain}__", lambda x, y, name=_name: _operation(name, y, x))
setattr(Traced, "__neg__", _named("neg"))  # noqa: B010 - as the others
setattr(Traced, "__mod__", _remainder)  # noqa: B010
setattr(Traced, "__floordiv__", lambda x, y: _operation("floor", _operation("truediv", x, y)))  # noqa: B010


class _Library:
    """The functions that schedules need (`steepest.schedules.libraries`)."""

    cos, sqrt, log, floor = map(staticmethod, map(_named, ("cos", "sqrt", "log", "floor")))
    where, at_least, at_most = map(staticmethod, map(_named, ("where", "maximum", "minimum")))

    @staticmethod
    def full(step: Any, value: float) -> Traced:
        """The value, in the shape of step."""
        return _operation("full_like", step, value)


def expression_of(schedule: Any, step: Expression) -> Expression:
    """The value of a schedule at a step, which counts from 0.

    Raises TypeError where it asks for the step's value, as a schedule of one's own may.
    """
    return _expression(schedule._at(Traced(step), _Library))
