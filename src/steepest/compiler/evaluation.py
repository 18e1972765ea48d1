"""Expressions evaluated on numbers and on arrays of any library: NumPy, torch, JAX, Keras."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from steepest import ops
from steepest.compiler.expression import Constant, Expression, FirstStep, Line, Name, Operation, Slot
from steepest.compiler.python import BINARY, COMPARISONS, UNARY

OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: getattr(operator, name) for name in (*BINARY, *UNARY, *COMPARISONS)},
    **{name: getattr(ops, name) for name in ops.__all__},
    "one_minus_power": ops.one_minus_power,
    "tuple": lambda *values: values,
}
"""What an operation does; choices are made by `evaluate`, which looks at no more than it must."""


def evaluate(  # noqa: PLR0911 - one for each kind
    expression: Expression,
    values: Mapping[str, Any],
    slots: Sequence[Any] = (),
    first_steps: Mapping[str, Any] | None = None,
) -> Any:
    """The value of an expression.

    values: of its names.  slots: the numbers of the step.
    first_steps: for each state that is asked for, whether this step is its first: a truth value, or an array of one.
    Where it is None, a state is there if its value is not None.
    """
    match expression:
        case Constant(value=value):
            return value
        case Name(name=name):
            return values[name]
        case Slot(index=index):
            return slots[index]
        case FirstStep(state=state):
            return values[state] is None if first_steps is None else first_steps[state]
        case Operation(name="if_else", arguments=(test, first, second)):
            asked = evaluate(test, values, slots, first_steps)
            if isinstance(asked, (bool, int, float)):
                return evaluate(first if asked else second, values, slots, first_steps)
            chosen = (evaluate(one, values, slots, first_steps) for one in (first, second))
            return ops.where(asked, *chosen)
        case Operation(name="logical_and", arguments=parts):
            return _until(False, (evaluate(one, values, slots, first_steps) for one in parts))
        case Operation(name="logical_or", arguments=parts):
            return _until(True, (evaluate(one, values, slots, first_steps) for one in parts))
        case Operation(name=name, arguments=arguments):
            return OPERATIONS[name](*(evaluate(one, values, slots, first_steps) for one in arguments))
    raise TypeError(f"{expression!r} is no expression of a rule.")


def _until(truth: bool, values: Iterable[Any]) -> Any:
    """The first value of this truth, else the last: Python's `and` and `or`."""
    value: Any = None
    for value in values:
        if bool(value) is truth:
            break
    return value


def run(
    lines: Iterable[Line],
    values: dict[str, Any],
    slots: Sequence[Any] = (),
    first_steps: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Give the names of these lines their values, in `values` itself."""
    for line in lines:
        value = evaluate(line.value, values, slots, first_steps)
        if len(line.targets) == 1:
            values[line.targets[0]] = value
        else:
            values.update(zip(line.targets, value, strict=True))
    return values
